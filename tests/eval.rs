//! `medbox eval` as tools call it: which pictures, objects and boxes it takes, and the form of what it prints.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ndarray::{Array2, Array3};
use ndarray_npy::NpzWriter;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A grey picture with bright squares (x, y, side) on dark ground.
fn picture(squares: &[(u32, u32, u32)]) -> image::GrayImage {
    paint(96, 64, squares.iter().map(|&square| (square, 200)), 40)
}

/// A label map of squares with their labels.
fn labels(squares: &[((u32, u32, u32), u8)]) -> image::GrayImage {
    paint(96, 64, squares.iter().copied(), 0)
}

fn paint(
    width: u32,
    height: u32,
    squares: impl Iterator<Item = ((u32, u32, u32), u8)>,
    ground: u8,
) -> image::GrayImage {
    let mut painted = image::GrayImage::from_pixel(width, height, image::Luma([ground]));
    for ((x, y, side), value) in squares {
        for (dx, dy) in (0..side).flat_map(|dx| (0..side).map(move |dy| (dx, dy))) {
            painted.put_pixel(x + dx, y + dy, image::Luma([value]));
        }
    }
    painted
}

struct DataFolder(TempDir);

impl DataFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a name with a folder")).expect("a folder");
        fs::write(path, content).expect("a written file");
    }

    fn write_png(&self, name: &str, picture: &image::GrayImage) {
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).expect("a PNG");
        self.write(name, png.into_inner());
    }

    fn eval(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_medbox"))
            .current_dir(self.path())
            .env("MEDBOX_MODELS", PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models"))
            .args(["eval", "--model", "litemedsam", "--mode", "challenge"])
            .args(args)
            .output()
            .expect("medbox starts")
    }

    #[track_caller]
    fn eval_json(&self, args: &[&str]) -> Value {
        let output = self.eval(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("stdout is one JSON object")
    }

    /// The cells of a file that `--rows` wrote, without header.
    fn rows(&self, name: &str) -> Vec<Vec<String>> {
        let mut file = csv::Reader::from_path(self.path().join(name)).expect("a file of rows");
        file.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect()
    }

    #[track_caller]
    fn check_refused(&self, args: &[&str], message: &str) {
        let output = self.eval(args);
        assert_eq!(String::from_utf8_lossy(&output.stderr), message);
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Two data sets. `squares`: a.png with objects 2, 5 and 9, and one of 9 pixels that is too small to score; b.png with
/// none. `pairs`: one picture with two label maps.
fn two_data_sets() -> DataFolder {
    let data = DataFolder::new();
    data.write(
        "data/squares/meta.json",
        r#"{"name": "squares", "modality": "US", "patients": {"a": "p1", "b": null}}"#,
    );
    data.write_png("data/squares/images/a.png", &picture(&[(8, 8, 20), (40, 8, 20), (60, 40, 6)]));
    data.write_png(
        "data/squares/masks/a.png",
        &labels(&[((40, 8, 20), 2), ((60, 40, 6), 5), ((8, 8, 20), 9), ((80, 50, 3), 1)]),
    );
    data.write_png("data/squares/images/b.png", &picture(&[]));
    data.write_png("data/squares/masks/b.png", &labels(&[]));
    data.write("data/more/pairs/meta.json", r#"{"name": "pairs", "modality": "CT", "mask_suffixes": ["_in", "_out"]}"#);
    data.write_png("data/more/pairs/images/c.png", &picture(&[(16, 16, 30)]));
    data.write_png("data/more/pairs/masks/c_out.png", &labels(&[((16, 16, 30), 1)]));
    data.write_png("data/more/pairs/masks/c_in.png", &labels(&[((20, 20, 10), 1)]));
    data
}

#[test]
fn every_object_of_every_label_map_is_scored_alone() {
    let data = two_data_sets();
    let answer = data.eval_json(&["data", "--rows", "rows.csv"]);

    assert_eq!((&answer["objects"], &answer["encodes"]), (&json!(5), &json!(2)), "b.png has no objects");
    let modalities = answer["modalities"].as_object().expect("an object");
    assert!(modalities.keys().eq(["CT", "US"]), "{modalities:?}");
    assert_eq!(
        (&answer["datasets"]["squares"]["objects"], &answer["datasets"]["pairs"]["objects"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(answer["modalities"]["US"]["small"]["objects"], 1, "36 of 6144 pixels are less than 1 %");
    assert_eq!(answer["modalities"]["US"]["class_accuracy"], Value::Null, "there is no class head");

    let header = fs::read_to_string(data.path().join("rows.csv")).expect("a file");
    assert_eq!(
        header.lines().next(),
        Some("dataset,modality,stem,patient,id,box,area,share,dsc,nsd,nsd_contour,predicted_class,mask_suffix")
    );
    let rows = data.rows("rows.csv");
    let named: Vec<String> = rows.iter().map(|row| row[..7].join(" ")).collect();
    assert_eq!(
        named,
        [
            "pairs CT c  1 20,20,30,30 100",
            "pairs CT c  1 16,16,46,46 900",
            "squares US a p1 2 40,8,60,28 400",
            "squares US a p1 5 60,40,66,46 36",
            "squares US a p1 9 8,8,28,28 400",
        ]
    );

    let suffixes: Vec<&str> = rows.iter().map(|row| row[12].as_str()).collect();
    assert_eq!(suffixes, ["_in", "_out", "", "", ""]);

    // Every mean can be made again from the rows.
    let mean = |column: usize, of: &str| {
        let values: Vec<f64> =
            rows.iter().filter(|row| row[1] == of).map(|row| row[column].parse().expect("a number")).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    for (column, metric) in [(8, "dsc"), (9, "nsd"), (10, "nsd_contour")] {
        let (ct, us) = (mean(column, "CT"), mean(column, "US"));
        assert!((answer["modalities"]["US"][metric].as_f64().expect("a number") - us).abs() < 1e-12);
        assert!((answer["mean"][metric].as_f64().expect("a number") - (ct + us) / 2.0).abs() < 1e-12);
    }
    let dsc: f64 = rows[1][8].parse().expect("a number");
    assert!(dsc > 0.9, "a bright square on dark ground is found: {dsc}");
}

#[test]
fn limits_take_evenly_spread_images_and_objects() {
    let data = two_data_sets();
    data.eval_json(&["data/squares", "--max-objects", "2", "--max-images", "1", "--rows", "rows.csv"]);
    let ids: Vec<String> = data.rows("rows.csv").into_iter().map(|row| row[4].clone()).collect();
    assert_eq!(ids, ["2", "5"], "positions 0 and floor(3 / 2)");
}

#[test]
fn jitter_moves_a_box_by_its_own_seed_and_name() {
    let data = two_data_sets();
    let boxes = |args: &[&str]| -> Vec<(String, String)> {
        data.eval_json(&[&["data/squares", "--rows", "rows.csv", "--box-jitter", "0.2"], args].concat());
        data.rows("rows.csv").into_iter().map(|row| (row[4].clone(), row[5].clone())).collect()
    };
    let all = boxes(&["--seed", "1"]);
    assert_eq!(boxes(&["--seed", "1", "--max-objects", "2"]), all[..2], "whatever else is measured");
    assert_ne!(boxes(&["--seed", "2"])[0].1, all[0].1);
    let sides: Vec<f64> = all[0].1.split(',').map(|side| side.parse().expect("a number")).collect();
    for (side, tight) in sides.iter().zip([40.0, 8.0, 60.0, 28.0]) {
        assert!((side - tight).abs() <= 4.0 && *side != tight, "a fifth of 20 pixels: {sides:?}");
    }
}

#[test]
fn rows_take_the_place_of_nothing_that_is_measured() {
    let data = two_data_sets();
    for own in ["data/squares/images/a.png", "data/squares/masks/a.png", "data/squares/meta.json"] {
        data.check_refused(
            &["data", "--rows", own],
            &format!(
                "error[output.is-input]: the output is a file that is read, which would be lost: {own}\n\
                 hint: give the output another name\n"
            ),
        );
    }
}

#[test]
fn a_modality_that_no_model_knows_is_told_before_anything_is_measured() {
    let data = two_data_sets();
    data.write("data/squares/meta.json", r#"{"name": "squares", "modality": "Thermography"}"#);
    data.check_refused(
        &["data", "--class", "true"],
        "error[eval.unknown-modality]: the modality “Thermography” is none that a model can be told: data/squares\n\
         hint: use --class auto or unknown, or name one of the 11\n",
    );
}

#[test]
fn only_restricts_the_images() {
    let data = two_data_sets();
    data.write("only.json", r#"{"squares": ["b"]}"#);
    data.check_refused(
        &["data", "--only", "only.json"],
        "error[eval.no-objects]: there is nothing to score: of 1 pictures that were chosen none has a mask with an object that \
         counts\n\
         hint: masks lie in masks/ as PNG under the picture's name, and objects have 16 pixels or more\n",
    );
    data.write("only.json", r#"{"Squares": ["a"]}"#);
    data.check_refused(
        &["data", "--only", "only.json"],
        "error[eval.nothing-chosen]: --only names no picture of the data sets that were found: pairs, squares\n\
         hint: name data sets as their meta.json does\n",
    );
    data.write("only.json", r#"{"squares": ["a"], "Pairs": ["c"], "circles": []}"#);
    let output = data.eval(&["data", "--only", "only.json"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "note: --only names data sets that were not found: Pairs, circles\n"
    );
    data.write("only.json", r#"{"squares": ["a", "z.png", "y"]}"#);
    data.check_refused(
        &["data", "--only", "only.json"],
        "error[eval.unknown-picture]: --only names a picture that is not there: y: data/squares\n\
         hint: name pictures of images/ without their ending\n",
    );
    data.check_refused(
        &["data", "--only", "only.json", "--rows", "./only.json"],
        "error[output.is-input]: the output is a file that is read, which would be lost: ./only.json\n\
         hint: give the output another name\n",
    );
}

#[test]
fn pictures_that_are_not_scored_are_told_of() {
    let data = two_data_sets();
    fs::remove_file(data.path().join("data/more/pairs/masks/c_in.png")).expect("a file less");
    data.write_png("data/more/pairs/images/d.png", &picture(&[]));
    let answer = data.eval_json(&["data"]);
    assert_eq!((&answer["objects"], &answer["pictures"], &answer["not_scored"]), (&json!(4), &json!(2), &json!(2)));
    assert_eq!(
        String::from_utf8_lossy(&data.eval(&["data", "--json"]).stderr),
        "note: not scored, because they have no mask or no object that counts: 2 of 4 pictures, the first \
         data/more/pairs/images/d.png\n"
    );
}

#[test]
fn a_modality_is_one_however_it_is_spelled_and_a_coloured_mask_is_none() {
    let data = two_data_sets();
    let meta = "\u{feff}{\"name\": \"pairs\", \"modality\": \"us\", \"mask_suffixes\": [\"_in\", \"_out\"]}";
    data.write("data/more/pairs/meta.json", meta); // with a byte order mark
    let answer = data.eval_json(&["data"]);
    let modalities = answer["modalities"].as_object().expect("an object");
    assert!(modalities.keys().eq(["US"]), "{modalities:?}");
    let green = image::RgbImage::from_fn(96, 64, |x, _| image::Rgb([0, if x < 40 { 200 } else { 0 }, 0]));
    green.save(data.path().join("data/squares/masks/a.png")).expect("a written picture");
    data.check_refused(
        &["data"],
        "error[open.coloured-labels]: the pixels of the file are colours, and a label map has one number a pixel: \
         data/squares/masks/a.png\nhint: save the label map as PNG, grey or with a palette\n",
    );
}

#[test]
fn folders_and_files_that_cannot_be_measured_are_named() {
    let data = two_data_sets();
    data.check_refused(
        &["data/squares/images"],
        "error[eval.no-data-sets]: no folder in it holds meta.json and images/: data/squares/images\n\
         hint: give the folder of a data set, or one above it\n",
    );
    data.check_refused(
        &["elsewhere"],
        "error[file.io]: the file or its folder does not exist: elsewhere\nhint: check the path\n",
    );
    data.check_refused(
        &["data", "--class", "true"],
        "error[prompt.no-class-prompt]: the model “litemedsam” takes no class prompt, so it cannot be told “CT”: \
         data/more/pairs/images/c.png\nhint: leave the class at auto, or choose a model with a class prompt\n",
    );
    data.write_png("data/more/pairs/masks/c_in.png", &image::GrayImage::from_pixel(30, 20, image::Luma([1])));
    data.check_refused(
        &["data/more"],
        "error[eval.mask-size]: the mask is 30 × 20 pixels, its picture 96 × 64: data/more/pairs/masks/c_in.png\n\
         hint: draw masks at the size of the picture\n",
    );
    // A photograph in the place of a mask: each of its values is an object that spans the picture.
    let photograph =
        image::ImageBuffer::from_fn(900, 900, |x, y| image::Luma([((x * 131 + y * 37) % 1000 + 1) as u16]));
    let mut png = Cursor::new(Vec::new());
    photograph.write_to(&mut png, image::ImageFormat::Png).expect("a PNG");
    data.write("data/more/pairs/masks/c_in.png", png.into_inner());
    data.check_refused(
        &["data/more"],
        "error[labels.strewn]: the 1000 labels of the file are strewn over 809640040 pixels, and at most 536870912 are \
         taken over: data/more/pairs/masks/c_in.png\n\
         hint: this looks like a picture: choose a file with one number for each object\n",
    );
    data.check_refused(
        &["data/squares", "--rows", "none/rows.csv"],
        "error[file.io]: the file or its folder does not exist: none/rows.csv\nhint: check the path\n",
    );
    data.write("data/more/pairs/meta.json", r#"{"name": "pairs"}"#);
    data.check_refused(
        &["data/more"],
        "error[eval.unreadable]: the JSON cannot be read: missing field `modality` at line 1 column 17: \
         data/more/pairs/meta.json\nhint: meta.json holds name and modality; --only takes {data set: [stems]}\n",
    );
    assert_eq!(data.eval(&["data", "--box-jitter", "0.6"]).status.code(), Some(2));
    assert_eq!(data.eval(&[]).status.code(), Some(2));
}

/// A 2D challenge file of two squares, the second of which has no box where it stands.
fn challenge_case(with_masks: bool) -> Vec<u8> {
    challenge_case_with([2, 40, 12, 50], with_masks)
}

/// The same with this second box.
fn challenge_case_with(second: [i64; 4], with_masks: bool) -> Vec<u8> {
    let squares = [((8, 8, 20), 1), ((60, 30, 20), 2)];
    let shown = picture(&squares.map(|(square, _)| square));
    let imgs = Array3::from_shape_fn((64, 96, 3), |(y, x, _)| shown.get_pixel(x as u32, y as u32).0[0]);
    let drawn = labels(&squares);
    let gts = Array2::from_shape_fn((64, 96), |(y, x)| drawn.get_pixel(x as u32, y as u32).0[0]);
    let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    file.add_array("imgs", &imgs).expect("an array");
    file.add_array("boxes", &Array2::from(vec![[8, 8, 28, 28], second])).expect("an array");
    if with_masks {
        file.add_array("gts", &gts).expect("an array");
    }
    file.finish().expect("an archive").into_inner()
}

#[test]
fn challenge_files_are_scored_by_case() {
    let data = DataFolder::new();
    data.write("cases/2DBox_US_0001.npz", challenge_case(true));
    data.write("cases/notes.txt", "not a case");
    let answer = data.eval_json(&["--npz", "cases", "--rows", "rows.csv"]);
    assert_eq!((&answer["cases"], answer.get("objects")), (&json!(1), None));
    assert_eq!(answer["modalities"]["US"]["cases"], 1);
    assert_eq!(answer["datasets"]["cases"]["small"]["cases"], 0);

    let rows = data.rows("rows.csv");
    let dsc: Vec<f64> = rows.iter().map(|row| row[8].parse().expect("a number")).collect();
    assert!(
        dsc.len() == 2 && dsc[0] > 0.8 && dsc[1] == 0.0,
        "one is found, the other was asked for elsewhere: {dsc:?}"
    );
    assert_eq!((rows[1][4].as_str(), rows[1][5].as_str()), ("2", "2,40,12,50"));
    let mean = answer["mean"]["dsc"].as_f64().expect("a number");
    assert!((mean - (dsc[0] + dsc[1]) / 2.0).abs() < 1e-12);
}

#[test]
fn a_box_without_area_is_scored_as_an_empty_mask() {
    let data = DataFolder::new();
    data.write("cases/2DBox_US_0001.npz", challenge_case(true));
    data.write("cases/2DBox_US_0002.npz", challenge_case_with([60, 30, 60, 50], true));
    data.write("cases/2DBox_US_0003.npz", challenge_case_with([96, 30, 110, 50], true));
    let output = data.eval(&["--npz", "cases", "--rows", "rows.csv"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "note: boxes without area or outside of their picture, which are scored as empty masks: 2 in 2 of 3 cases, the \
         first 2DBox_US_0002\n"
    );
    let rows = data.rows("rows.csv");
    let second: Vec<&[String]> = rows.iter().filter(|row| row[4] == "2").map(|row| &row[5..]).collect();
    assert_eq!(
        second.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
        ["2,40,12,50", "60,30,60,50", "96,30,110,50"]
    );
    assert!(second.iter().all(|row| row[3] == "0.0"), "{second:?}");
    assert!(rows.iter().filter(|row| row[4] == "1").all(|row| row[8] == rows[0][8]), "the other box is drawn as ever");
}

#[test]
fn challenge_files_that_cannot_be_scored_are_refused() {
    let data = DataFolder::new();
    data.write("cases/3DBox_CT_0001.npz", "a volume");
    data.check_refused(
        &["--npz", "cases"],
        "error[eval.volumes]: 1 files hold volumes (3D*.npz), which medbox cannot score yet: cases\n\
         hint: score the 2D files\n",
    );
    data.write("flat/2DBox_US_0001.npz", challenge_case(false));
    data.check_refused(
        &["--npz", "flat"],
        "error[open.missing-array]: the NPZ file holds no array “gts”: flat/2DBox_US_0001.npz\n\
         hint: a 2D challenge file holds imgs (H, W, 3) uint8, boxes (n, 4), and gts (H, W) where masks are known\n",
    );
    data.write("empty/readme.txt", "nothing");
    data.check_refused(
        &["--npz", "empty"],
        "error[eval.no-cases]: the folder holds no 2D*.npz: empty\nhint: give a folder of challenge files\n",
    );
}
