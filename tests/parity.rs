//! The networks as tract runs them against PyTorch: `training/export.py` writes `tests/parity/<model>/`, one case each.

use std::{fs, io::Cursor, path::Path};

use medbox::{
    formats::{self, Limits},
    geometry::PixelBox,
    manifest::Manifest,
    model::{Network as _, OnnxModel},
    preprocess::Letterbox,
    prompt::N_CLASSES,
};
use ndarray::{Array1, Array3};
use ndarray_npy::NpzReader;
use serde::Deserialize;

/// Largest difference of two logits, as a share of the largest logit; the file keeps 11 bits of them.
const TOLERANCE: f32 = 2e-3;

#[derive(Deserialize)]
struct Case {
    model: String,
    /// Model pixels.
    boxes: Vec<[f64; 4]>,
    /// Every how many pixels a logit is kept.
    step: usize,
}

#[test]
fn every_model_gives_the_logits_that_pytorch_gave() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut n_models = 0;
    for entry in fs::read_dir(root.join("models")).expect("a folder of models") {
        let folder = entry.expect("an entry").path();
        if folder.join("manifest.json").is_file() {
            check_model(&folder, &root.join("tests/parity").join(folder.file_name().expect("a name")));
            n_models += 1;
        }
    }
    assert!(n_models > 0);
}

fn check_model(folder: &Path, case_folder: &Path) {
    let read = |path: &Path| fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let manifest =
        Manifest::parse(&String::from_utf8(read(&folder.join("manifest.json"))).expect("UTF-8")).expect("valid");
    let (encoder, decoder) = (read(&folder.join("encoder.onnx")), read(&folder.join("decoder.onnx")));
    let model = OnnxModel::load(manifest, &encoder, &decoder).expect("a model that loads");
    let case: Case = serde_json::from_slice(&read(&case_folder.join("case.json"))).expect("a case");
    assert_eq!(case.model, model.manifest().name);

    // A picture of the input's own size passes the letterbox unchanged, so only min–max comes before the network.
    let study = formats::open(&read(&case_folder.join("input.png")), &Limits::default()).expect("a picture");
    let input = Letterbox::new(study.image.size(), model.manifest().input.side).input(&study.image);
    let encoding = model.encode(&input).expect("an embedding");

    let mut expected = NpzReader::new(Cursor::new(read(&case_folder.join("expected.npz")))).expect("an archive");
    let class_weights = if model.manifest().has_class_head() {
        let wanted: Array1<f32> = expected.by_name("probabilities").expect("probabilities");
        let found = encoding.probabilities.expect("a class head");
        assert_eq!(wanted.len(), N_CLASSES);
        for (found, wanted) in found.iter().zip(&wanted) {
            assert!((found - wanted).abs() < TOLERANCE, "{}: class {found}, PyTorch says {wanted}", case.model);
        }
        found
    } else {
        [0.0; N_CLASSES]
    };

    let boxes: Vec<PixelBox> = case.boxes.iter().map(|&[x0, y0, x1, y1]| PixelBox::new(x0, y0, x1, y1)).collect();
    let decoded = model.decode(&encoding.embedding, &boxes, &class_weights).expect("logits");
    let logits: Array3<f32> = expected.by_name("logits").expect("logits");
    let scores: Array1<f32> = expected.by_name("score").expect("scores");
    assert_eq!([decoded.len(), logits.shape()[0], scores.len()], [boxes.len(); 3]);
    let largest = logits.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    let side = model.manifest().input.side as usize;
    for ((decoded, wanted), score) in decoded.iter().zip(logits.outer_iter()).zip(scores) {
        for ((y, x), &wanted) in wanted.indexed_iter() {
            let found = decoded.logits.values()[y * case.step * side + x * case.step];
            let difference = (found - wanted).abs() / largest;
            assert!(difference < TOLERANCE, "{} at {x},{y}: {found}, PyTorch says {wanted}", case.model);
        }
        assert!(
            (decoded.score - score.clamp(0.0, 1.0)).abs() < TOLERANCE,
            "score {}, PyTorch says {score}",
            decoded.score
        );
    }
}
