//! The pixel stages against OpenCV and PyTorch: `training/make_goldens.py` writes `tests/golden/`.
//!
//! On a mismatch the actual picture and the difference are written to `tests/actual/`.

use std::{fs, path::Path};

use medbox::{
    formats::{self, Limits, labels::read_label_map},
    geometry::{PixelBox, Size},
    image::Image,
    postprocess::{Logits, mask_from_logits},
    preprocess::Letterbox,
};
use serde::Deserialize;

const SIDE: u32 = 256;

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Width and height inside the letterbox.
    filled: [u32; 2],
    /// Darkest and brightest value after the resize.
    low: u8,
    high: u8,
    /// Image pixels.
    r#box: [f64; 4],
    /// Model pixels, as the challenge's inference gives them.
    box_model: [f64; 4],
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_slice(&bytes("cases.json")).expect("a list of cases");
    assert!(!cases.is_empty());
    cases
}

fn bytes(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn picture(file: &str) -> Image {
    formats::open(&bytes(file), &Limits::default()).expect("a picture").image
}

/// Writes a picture that is not what was expected, and tells where.
fn written(name: &str, width: u32, grey: Vec<u8>) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/actual");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    let height = grey.len() as u32 / width;
    image::GrayImage::from_raw(width, height, grey).expect("one byte a pixel").save(&path).expect("a written picture");
    path.display().to_string()
}

#[test]
fn the_input_is_what_opencv_makes_of_the_picture() {
    for case in cases() {
        let image = picture(&format!("{}.png", case.name));
        let letterbox = Letterbox::new(image.size(), SIDE);
        let [width, height] = case.filled;
        assert_eq!(letterbox.filled(), Size { width, height }, "{}", case.name);

        let input = letterbox.input(&image);
        let expected = picture(&format!("{}.area.png", case.name));
        let range = f32::from(case.high - case.low);
        let mut differences = vec![0; (width * height) as usize];
        for (i, pixel) in expected.rgb().chunks_exact(3).enumerate() {
            let (x, y) = (i % width as usize, i / width as usize);
            for (channel, &value) in pixel.iter().enumerate() {
                let found = input.values()[(channel * SIDE as usize + y) * SIDE as usize + x];
                let wanted = f32::from(value - case.low) / range;
                assert!(found.is_finite(), "{}: {found} at {x},{y}", case.name);
                let levels = ((found - wanted).abs() * range).round() as u8;
                differences[i] = differences[i].max(levels);
            }
        }
        let n_different = differences.iter().filter(|&&levels| levels > 0).count();
        let worst = differences.iter().copied().max().unwrap_or(0);
        if worst > 1 || n_different * 1000 > differences.len() {
            let seen = written(&format!("{}.difference.png", case.name), width, differences);
            panic!("{}: {n_different} pixels differ, by up to {worst} levels; see {seen}", case.name);
        }
        let padding = |x: u32, y: u32| input.values()[(y * SIDE + x) as usize];
        assert!((height..SIDE).all(|y| (0..SIDE).all(|x| padding(x, y) == 0.0)), "{}: zeros below", case.name);
        assert!((width..SIDE).all(|x| (0..SIDE).all(|y| padding(x, y) == 0.0)), "{}: zeros at the right", case.name);
    }
}

#[test]
fn boxes_land_where_the_reference_puts_them() {
    for case in cases() {
        let image = picture(&format!("{}.png", case.name));
        let [x0, y0, x1, y1] = case.r#box;
        let found = Letterbox::new(image.size(), SIDE).model_from_view_truncated(PixelBox::new(x0, y0, x1, y1));
        let [x0, y0, x1, y1] = case.box_model;
        assert_eq!(found, PixelBox::new(x0, y0, x1, y1), "{}", case.name);
    }
}

#[test]
fn masks_are_what_pytorch_makes_of_the_logits() {
    // The formula of training/make_goldens.py, wave_logits.
    let wave = |i: u32| {
        let (x, y) = (f64::from(i % SIDE), f64::from(i / SIDE));
        ((x * 0.11).sin() * (y * 0.07).cos() * 4.0 + ((x + 2.0 * y) * 0.05).sin() - 0.5) as f32
    };
    let logits = Logits::new(SIDE, (0..SIDE * SIDE).map(wave).collect());
    for case in cases() {
        let expected = read_label_map(&bytes(&format!("{}.mask.png", case.name)), &Limits::default()).expect("a mask");
        let size = expected.size();
        let mask = mask_from_logits(&logits, &Letterbox::new(size, SIDE));
        let found: Vec<bool> = (0..size.height)
            .flat_map(|y| (0..size.width).map(move |x| (x, y)))
            .map(|(x, y)| mask.contains(x, y))
            .collect();
        let n_equal = expected.labels().iter().zip(&found).filter(|&(&label, &found)| (label > 0) == found).count();
        if (n_equal as f64) < 0.999 * size.area() as f64 {
            let grey = found.iter().map(|&bit| u8::from(bit) * 255).collect();
            let seen = written(&format!("{}.mask.png", case.name), size.width, grey);
            panic!("{}: {n_equal} of {} pixels agree; see {seen}", case.name, size.area());
        }
    }
}
