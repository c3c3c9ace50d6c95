//! The command line as a person calls it: what it prints, writes and answers with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder for one test, with a picture in it: a bright disc of radius 40 at (100, 70) on noise.
fn folder_with_disc() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disc = image::GrayImage::from_fn(200, 140, |x, y| {
        let (dx, dy) = (f64::from(x) + 0.5 - 100.0, f64::from(y) + 0.5 - 70.0);
        let noise = ((x * 7919 + y * 104_729) % 23) as u8;
        image::Luma([if dx.hypot(dy) < 40.0 { 190 + noise } else { 40 + noise }])
    });
    disc.save(folder.path().join("disc.png")).expect("a written picture");
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medbox"));
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    command.current_dir(folder).env("MEDBOX_MODELS", models).args(args);
    command
}

fn medbox(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("medbox starts")
}

#[track_caller]
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[track_caller]
fn check_fails(folder: &Path, args: &[&str], exit_code: i32, message: &str) {
    let output = medbox(folder, args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), message);
    assert_eq!(output.status.code(), Some(exit_code));
}

#[test]
fn segment_writes_every_kind_of_output_and_one_json_object() {
    let folder = folder_with_disc();
    let outputs = ["mask.png", "look.overlay.png", "mask.npz", "mask.json"];
    let mut args = vec!["segment", "disc.png", "--box", "58,28,142,112", "--model", "litemedsam", "--json"];
    outputs.iter().for_each(|output| args.extend(["-o", output]));
    let answer: Value = serde_json::from_str(&stdout(&medbox(folder.path(), &args))).expect("one JSON object");

    assert_eq!(answer["model"], "litemedsam");
    assert_eq!(answer["size"], serde_json::json!({"width": 200, "height": 140}));
    assert_eq!((&answer["class"], &answer["probabilities"]), (&Value::Null, &Value::Null), "no class head");
    assert_eq!(answer["objects"][0]["id"], 1);
    assert_eq!(answer["objects"][0]["box"], serde_json::json!([58.0, 28.0, 142.0, 112.0]));
    assert_eq!(answer["objects"][0]["area_mm2"], Value::Null, "a PNG's resolution is none of tissue");
    let area = answer["objects"][0]["area_px"].as_u64().expect("a number of pixels");
    assert!((4500..5500).contains(&area), "the disc has π · 40² = 5027 pixels, the mask {area}");

    let label_map = image::open(folder.path().join("mask.png")).expect("a picture").into_luma8();
    assert_eq!(label_map.dimensions(), (200, 140));
    assert_eq!(label_map.pixels().filter(|pixel| pixel.0 == [1]).count() as u64, area);
    let overlay = image::open(folder.path().join("look.overlay.png")).expect("a picture").into_rgb8();
    assert_eq!(overlay.dimensions(), (200, 140));
    let coco: Value =
        serde_json::from_slice(&fs::read(folder.path().join("mask.json")).expect("a file")).expect("JSON");
    assert_eq!(coco["annotations"][0]["area"].as_f64(), Some(area as f64));
    assert!(fs::metadata(folder.path().join("mask.npz")).expect("a file").len() > 0);
}

#[test]
fn of_several_pictures_in_a_file_the_first_is_taken_and_that_is_told() {
    let folder = folder_with_disc();
    let disc = image::open(folder.path().join("disc.png")).expect("a picture").into_rgba8();
    let file = fs::File::create(folder.path().join("discs.gif")).expect("a file");
    let frames = (0..2).map(|_| image::Frame::new(disc.clone()));
    image::codecs::gif::GifEncoder::new(file).encode_frames(frames).expect("a written picture");
    let told = medbox(folder.path(), &["segment", "discs.gif", "--box", "58,28,142,112"]);
    assert!(stdout(&told).contains("   1  box 58,28,142,112  "));
    assert_eq!(
        String::from_utf8_lossy(&told.stderr),
        "note: discs.gif holds more than one picture; the first is taken\n"
    );
}

#[test]
fn a_picture_that_is_turned_is_told_of() {
    let folder = folder_with_disc();
    let disc = image::open(folder.path().join("disc.png")).expect("a picture").into_luma8();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    disc.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("memory takes it");
    let jpeg = jpeg.into_inner();
    let exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"; // by a quarter
    fs::write(folder.path().join("turned.jpg"), [&jpeg[..2], exif, &jpeg[2..]].concat()).expect("a written file");
    let told = medbox(folder.path(), &["segment", "turned.jpg", "--box", "28,58,112,142"]);
    assert!(stdout(&told).contains("   1  box 28,58,112,142  "));
    assert_eq!(
        String::from_utf8_lossy(&told.stderr),
        "note: turned.jpg is turned as its EXIF says; boxes and masks are of the turned picture\n"
    );
}

#[test]
fn boxes_of_a_picture_that_is_called_otherwise_are_told_of() {
    let folder = folder_with_disc();
    let coco = |name: &str, width: u32| {
        format!(
            r#"{{"images": [{{"id": 1, "width": {width}, "height": 140, "file_name": "{name}"}}],
                "annotations": [{{"image_id": 1, "bbox": [58, 28, 84, 84]}}]}}"#
        )
    };
    let told = |name: &str| {
        fs::write(folder.path().join("boxes.json"), coco(name, 200)).expect("a written file");
        let told = medbox(folder.path(), &["segment", "./disc.png", "--boxes", "boxes.json"]);
        assert!(stdout(&told).contains("   1  box 58,28,142,112  "));
        String::from_utf8_lossy(&told.stderr).into_owned()
    };
    assert_eq!(told("pictures/disc.png"), "");
    assert_eq!(
        told("elsewhere.png"),
        "note: the boxes are those of elsewhere.png, the only picture of this size in boxes.json\n"
    );
    fs::write(folder.path().join("boxes.json"), coco("disc.png", 20)).expect("a written file");
    check_fails(
        folder.path(),
        &["segment", "./disc.png", "--boxes", "boxes.json"],
        1,
        "error[boxes.other-picture]: the COCO file says that disc.png is 20 × 140 pixels, and the picture is 200 × 140: \
         boxes.json\nhint: choose the file that was made for this picture\n",
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_name_that_is_no_text_is_written_as_far_as_it_is() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = folder_with_disc();
    let name = std::ffi::OsStr::from_bytes(b"d\xffsc.png");
    fs::rename(folder.path().join("disc.png"), folder.path().join(name)).expect("another name");
    let mut segment = command(folder.path(), &["segment", "--box", "58,28,142,112", "-o", "mask.json"]);
    stdout(&segment.arg(name).output().expect("medbox starts"));
    let coco = fs::read(folder.path().join("mask.json")).expect("a file");
    let coco: Value = serde_json::from_slice(&coco).expect("JSON");
    assert_eq!(coco["images"][0]["file_name"], "d\u{fffd}sc.png");
}

#[test]
fn an_object_that_the_label_map_cannot_show_is_told_of() {
    let folder = folder_with_disc();
    let twice = ["segment", "disc.png", "--box", "58,28,142,112", "--box", "58,28,142,112"];
    let told_on = |output: &str| {
        let told = medbox(folder.path(), &[&twice[..], &["-o", output]].concat());
        assert!(stdout(&told).contains("   1  box 58,28,142,112  "));
        String::from_utf8_lossy(&told.stderr).into_owned()
    };
    assert_eq!(
        told_on("mask.png"),
        "note: later objects cover most of 1, which a label map cannot show; .json (COCO) keeps every mask\n"
    );
    assert_eq!(told_on("mask.json"), "");
    let many = vec![[58, 28, 142, 112]; 14];
    fs::write(folder.path().join("boxes.json"), serde_json::json!(many).to_string()).expect("a written file");
    let told = medbox(folder.path(), &["segment", "disc.png", "--boxes", "boxes.json", "-o", "mask.png"]);
    assert_eq!(
        String::from_utf8_lossy(&told.stderr),
        "note: later objects cover most of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 others, which a label map cannot show; \
         .json (COCO) keeps every mask\n"
    );
}

#[test]
#[cfg(unix)]
fn outputs_have_the_rights_of_new_files_and_leave_nothing_beside_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder_with_disc();
    let linked = folder.path().join("elsewhere.png");
    fs::write(&linked, "older").expect("a written file");
    std::os::unix::fs::symlink("elsewhere.png", folder.path().join("mask.png")).expect("a link");
    let args = ["segment", "disc.png", "--box", "58,28,142,112", "-o", "mask.png", "-o", "look.overlay.png"];
    stdout(&medbox(folder.path(), &args));
    let rights = |name: &str| fs::metadata(folder.path().join(name)).expect("a file").permissions().mode() & 0o777;
    fs::write(folder.path().join("new"), "").expect("a written file");
    assert_eq!(rights("look.overlay.png"), rights("new"));
    assert!(image::open(&linked).is_ok(), "what the link leads to was replaced");
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["disc.png", "elsewhere.png", "look.overlay.png", "mask.png", "new"]);
}

#[test]
fn boxes_from_a_file_equal_boxes_from_the_command_line() {
    let folder = folder_with_disc();
    fs::write(folder.path().join("boxes.json"), r#"{"boxes": [[58, 28, 142, 112]]}"#).expect("a written file");
    let objects = |how: &[&str]| {
        let mut args = vec!["segment", "disc.png", "--model", "litemedsam", "--mode", "challenge", "--json"];
        args.extend(how);
        let answer: Value = serde_json::from_str(&stdout(&medbox(folder.path(), &args))).expect("one JSON object");
        answer["objects"].clone()
    };
    assert_eq!(objects(&["--boxes", "boxes.json"]), objects(&["--box", "58,28,142,112"]));
}

#[test]
fn what_is_wrong_with_the_input_is_said() {
    let folder = folder_with_disc();
    let check = |args: &[&str], message: &str| check_fails(folder.path(), args, 1, message);
    check(
        &["segment", "none.png", "--box", "1,2,3,4"],
        "error[file.io]: the file or its folder does not exist: none.png\nhint: check the path\n",
    );
    check(
        &["segment", "disc.png", "--box", "5,5,5,9"],
        "error[prompt.empty-box]: the box has no area: its x runs from 5 to 5, its y from 5 to 9\n\
         hint: give the left, top, right and bottom side, in this order\n",
    );
    check(
        &["segment", "disc.png", "--box", "300,5,400,9"],
        "error[prompt.outside]: the box 300,5,400,9 lies outside the picture of 200 × 140 pixels\n\
         hint: give the sides in pixels of the picture, counted from its top left corner\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "mask.gif"],
        "error[output.ending]: the ending of the output says nothing that medbox writes: mask.gif\n\
         hint: end it with .png, .overlay.png, .npz or .json\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "disc.png"],
        "error[output.is-input]: the output is a file that is read, which would be lost: disc.png\n\
         hint: give the output another name\n",
    );
    fs::hard_link(folder.path().join("disc.png"), folder.path().join("same.png")).expect("a second name");
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "same.png"],
        "error[output.is-input]: the output is a file that is read, which would be lost: same.png\n\
         hint: give the output another name\n",
    );
    fs::write(folder.path().join("list.json"), "[[58, 28, 142, 112]]").expect("a written file");
    check(
        &["segment", "disc.png", "--boxes", "list.json", "-o", "./list.json"],
        "error[output.is-input]: the output is a file that is read, which would be lost: ./list.json\n\
         hint: give the output another name\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "mask.png", "-o", "./mask.png"],
        "error[output.twice]: two outputs are one file, and the second would replace the first: ./mask.png\n\
         hint: give each output a name of its own\n",
    );
    check(
        &["segment", "-", "--box", "1,2,30,40"],
        "error[file.dash]: “-” does not stand for standard input\nhint: give the name of a file, or /dev/stdin\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "-"],
        "error[output.dash]: “-” does not stand for standard output\n\
         hint: give the name of a file, or of a link to /dev/stdout\n",
    );
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "mask.png", "-o", "sub/../mask.png"],
        "error[output.twice]: two outputs are one file, and the second would replace the first: sub/../mask.png\n\
         hint: give each output a name of its own\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "-o", "mask.png", "-o", "none/mask.json"],
        "error[file.io]: the file or its folder does not exist: none/mask.json\nhint: check the path\n",
    );
    assert!(!folder.path().join("mask.png").exists(), "all outputs or none");
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "--model", "huge"],
        "error[model.not-found]: there is no model “huge”\n\
         hint: see `medbox models`, or give a folder that holds a manifest.json\n",
    );
    // A path means what lies there, and no model of that name elsewhere.
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "--model", "./litemedsam"],
        "error[model.not-found]: there is no model “./litemedsam”\n\
         hint: see `medbox models`, or give a folder that holds a manifest.json\n",
    );
    check(
        &["segment", "disc.png", "--box", "1,2,30,40", "--model", "litemedsam", "--class", "CT"],
        "error[prompt.no-class-prompt]: the model “litemedsam” takes no class prompt, so it cannot be told “CT”\n\
         hint: leave the class at auto, or choose a model with a class prompt\n",
    );
    fs::write(folder.path().join("boxes.json"), "[[1, 2, 3]]").expect("a written file");
    check(
        &["segment", "disc.png", "--boxes", "boxes.json"],
        "error[boxes.unreadable]: the boxes cannot be read: invalid length 3, expected an array of length 4 at line 1 column 10: \
         boxes.json\n\
         hint: write [[x0,y0,x1,y1], …]\n",
    );
}

#[test]
fn a_model_that_lost_its_end_is_named() {
    let folder = folder_with_disc();
    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("models/litemedsam"), folder.path().join("cut"));
    fs::create_dir(&to).expect("a folder");
    for file in ["manifest.json", "encoder.onnx", "decoder.onnx"] {
        let bytes = fs::read(from.join(file)).expect("a model's file");
        let keep = if file == "encoder.onnx" { 1000 } else { bytes.len() };
        fs::write(to.join(file), &bytes[..keep]).expect("a written file");
    }
    let output = medbox(folder.path(), &["segment", "disc.png", "--box", "1,2,30,40", "--model", "./cut"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.starts_with("error[model.size]: the manifest promises "), "{message}");
    assert!(
        message.ends_with(
            " bytes of encoder.onnx, there are 1000: ./cut\nhint: copy or download the model's files again\n"
        ),
        "{message}"
    );
}

#[test]
fn usage_errors_exit_with_two() {
    let folder = folder_with_disc();
    let both = ["segment", "disc.png", "--box", "1,2,3,4", "--boxes", "boxes.json"];
    for args in [&["segment", "disc.png"][..], &["segment", "disc.png", "--box", "1,2,3"], &["paint"], &both] {
        assert_eq!(medbox(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
    let output = medbox(folder.path(), &["segment", "disc.png"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("<--box <x0,y0,x1,y1>|--boxes <FILE>>"), "both ways are named: {message}");
    let output = medbox(folder.path(), &["segment", "disc.png", "--box", "1,2,3,4", "--class", "tomography"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = "error: invalid value 'tomography' for '--class <CLASS>'\n  \
                [possible values: auto, unknown, ct, mr, pet, us, xray, dermoscopy, endoscopy, fundus, microscopy, oct, \
                mammography]\n";
    assert!(message.starts_with(told), "{message}");
    let output = medbox(folder.path(), &["eval", "data", "--class", "tomography"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("  [possible values: auto, true, wrong, unknown, ct, mr, "), "{message}");
    let output = medbox(folder.path(), &["segment", "disc.png", "--box", "1,2,3,4", "--max-tiles", "0"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = "error: invalid value '0' for '--max-tiles <N|all>': \
                closer looks are a number from 1 on, or all; --mode challenge takes none\n";
    assert!(message.starts_with(told), "{message}");
}

#[test]
fn help_and_completions_tell_what_can_be_said() {
    let folder = folder_with_disc();
    // Lines are as wide as the terminal.
    let help = |args: &[&str]| stdout(&medbox(folder.path(), args)).split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = help(&["--help"]);
    for told in [
        "Draws the masks of structures in boxes on medical images. Not a medical device: for research and teaching.",
        "Models are looked for in $MEDBOX_MODELS, ./models, and beside the executable.",
        "Exit codes: 0 done, 1 it could not be done (the message says what, why and what to do), 2 usage.",
        "Time the sizes and numbers of boxes of the paper's table 4, on demo pictures",
    ] {
        assert!(whole.contains(told), "{whole}");
    }
    let segment = help(&["segment", "--help"]);
    assert!(segment.contains("[default: the one that models/default names]"), "{segment}");
    assert!(segment.contains("[possible values: auto, unknown, ct, mr, "), "{segment}");
    assert!(help(&["eval", "--help"]).contains("Write one line per object to this CSV file"));
    assert!(help(&["completions", "bash"]).contains("auto unknown ct mr pet"));
}

#[test]
fn closer_looks_are_as_many_as_is_said() {
    let folder = folder_with_disc();
    image::GrayImage::from_fn(640, 320, |x, y| image::Luma([((x * 7919 + y * 104_729) % 251) as u8]))
        .save(folder.path().join("wide.png"))
        .expect("a written picture");
    let boxes: Vec<[u32; 4]> = (0..32).map(|i| (i % 8 * 80, i / 8 * 80)).map(|(x, y)| [x, y, x + 20, y + 20]).collect();
    fs::write(folder.path().join("boxes.json"), serde_json::json!(boxes).to_string()).expect("a written file");
    let encodes = |options: &[&str]| {
        let args = [&["segment", "wide.png", "--boxes", "boxes.json", "--json"], options].concat();
        let answer: Value = serde_json::from_str(&stdout(&medbox(folder.path(), &args))).expect("one JSON object");
        answer["encodes"].as_u64().expect("a number") as usize
    };
    let whole = 1; // that names the class
    assert_eq!(encodes(&["--max-tiles", "all"]), whole + 32, "none of the boxes is near another");
    assert!(encodes(&[]) <= whole + 24);
    assert!(encodes(&["--max-tiles", "3"]) <= whole + 3);
    assert_eq!(encodes(&["--max-tiles", "3", "--mode", "challenge"]), whole);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_a_reader_that_left_is_not() {
    let folder = folder_with_disc();
    for args in [&["models"][..], &["completions", "bash"]] {
        let full = fs::File::options().write(true).open("/dev/full").expect("it exists on Linux");
        let output = command(folder.path(), args).stdout(full).output().expect("medbox starts");
        assert_eq!(
            (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
            (
                Some(1),
                "error[file.io]: No space left on device (os error 28): stdout\n\
                 hint: check the disk, or where the output goes\n"
            )
        );
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(folder.path(), args).stdout(writer).output().expect("medbox starts");
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &[][..]));
    }
    let full = fs::File::options().write(true).open("/dev/full").expect("it exists on Linux");
    let mut nothing_to_say_it_on = command(folder.path(), &["segment", "none.png", "--box", "1,2,3,4"]);
    assert_eq!(nothing_to_say_it_on.stderr(full).status().expect("medbox starts").code(), Some(1));
}

#[test]
#[cfg(unix)]
fn what_is_redirected_is_written_behind_what_is_there() {
    let folder = folder_with_disc();
    let (all, link) = (folder.path().join("all.txt"), folder.path().join("out.json"));
    fs::write(&all, "earlier\n").expect("a written file");
    std::os::unix::fs::symlink("/dev/stdout", &link).expect("a link");
    for output in ["/dev/stdout", "out.json"] {
        let appended = || fs::File::options().append(true).open(&all).expect("it is there");
        let args = ["eval", "none", "--rows", output];
        let refused = command(folder.path(), &args).stdout(appended()).output().expect("medbox starts");
        assert_eq!(refused.status.code(), Some(1));
    }
    let appended = fs::File::options().append(true).open(&all).expect("it is there");
    let args = ["segment", "disc.png", "--box", "58,28,142,112", "-o", "out.json"];
    assert!(command(folder.path(), &args).stdout(appended).status().expect("medbox starts").success());
    let text = fs::read_to_string(&all).expect("a file");
    assert!(text.starts_with("earlier\n") && text.contains("\"annotations\""), "{text}");
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
}

#[test]
#[cfg(unix)]
fn what_takes_the_place_of_a_file_keeps_its_rights_and_links_lead_where_they_led() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = folder_with_disc();
    let at = |name: &str| folder.path().join(name);
    let segment = |output: &str| {
        stdout(&medbox(folder.path(), &["segment", "disc.png", "--box", "58,28,142,112", "-o", output]));
    };
    fs::write(at("private.png"), "").expect("a written file");
    fs::set_permissions(at("private.png"), fs::Permissions::from_mode(0o600)).expect("rights");
    segment("private.png");
    let written = fs::metadata(at("private.png")).expect("a file");
    assert!(written.len() > 0);
    assert_eq!(written.permissions().mode() & 0o777, 0o600);

    fs::create_dir(at("elsewhere")).expect("a folder");
    symlink("elsewhere/new.png", at("link.png")).expect("a link to what is not there yet");
    segment("link.png");
    assert!(fs::symlink_metadata(at("link.png")).expect("a link").is_symlink());
    assert!(fs::metadata(at("elsewhere/new.png")).expect("a file").len() > 0);
}

#[test]
#[cfg(unix)]
fn a_pipe_takes_an_output() {
    let folder = folder_with_disc();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.png")).status().expect("mkfifo starts");
    assert!(made.success());
    let pipe = folder.path().join("pipe.png");
    let reader = std::thread::spawn(move || fs::read(pipe).expect("bytes"));
    stdout(&medbox(folder.path(), &["segment", "disc.png", "--box", "58,28,142,112", "-o", "pipe.png"]));
    let label_map = image::load_from_memory(&reader.join().expect("a reader")).expect("a picture");
    assert_eq!((label_map.width(), label_map.height()), (200, 140));
}

#[test]
fn a_folder_of_models_that_is_none_is_told() {
    let folder = folder_with_disc();
    let lite = concat!(env!("CARGO_MANIFEST_DIR"), "/models/lite");
    let above = format!(
        "error[model.no-folder]: MEDBOX_MODELS names a model, not the folder that holds it: {lite}\n\
         hint: give the folder above it\n"
    );
    let missing = "error[model.no-folder]: MEDBOX_MODELS names no folder that is there: modells\n\
                   hint: correct it, or unset it\n";
    let empty = "error[model.no-folder]: MEDBOX_MODELS names a folder that holds no model: .\n\
                 hint: correct it, or unset it\n";
    for args in [&["segment", "disc.png", "--box", "1,2,30,40"][..], &["models"]] {
        for (models, message) in [("modells", missing), (".", empty), (lite, &above)] {
            let output = command(folder.path(), args).env("MEDBOX_MODELS", models).output().expect("medbox starts");
            assert_eq!(String::from_utf8_lossy(&output.stderr), message);
        }
    }
}

#[test]
fn a_folder_of_models_need_not_name_a_default() {
    let folder = folder_with_disc();
    // From elsewhere, because the models of the checkout are found too, and name one.
    let program = folder.path().join("medbox");
    fs::copy(env!("CARGO_BIN_EXE_medbox"), &program).expect("a copy");
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(folder.path()).env_remove("MEDBOX_MODELS").args(args).output().expect("medbox starts")
    };
    let told = |args: &[&str]| String::from_utf8_lossy(&run(args).stderr).into_owned();
    let nowhere = "error[model.no-models]: no folder with models was found\n\
                   hint: set MEDBOX_MODELS to the folder, or run medbox where ./models is\n";
    assert_eq!(told(&["models"]), nowhere);

    let (from, to) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("models/lite"), folder.path().join("models/lite"));
    fs::create_dir_all(&to).expect("a folder");
    fs::copy(from.join("manifest.json"), to.join("manifest.json")).expect("a copy");
    assert!(stdout(&run(&["models"])).starts_with("lite: "), "no mark of a default");
    // A model is called after its folder, and one that cannot be read hides no other.
    fs::create_dir_all(folder.path().join("models/mine")).expect("a folder");
    fs::copy(from.join("manifest.json"), folder.path().join("models/mine/manifest.json")).expect("a copy");
    fs::create_dir_all(folder.path().join("models/broken")).expect("a folder");
    fs::write(folder.path().join("models/broken/manifest.json"), "{").expect("a written file");
    let listed = run(&["models"]);
    assert!(stdout(&listed).contains("\nmine: medbox lite\n"), "{listed:?}");
    let note = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(note.starts_with("note: error[") && note.contains("models/broken/manifest.json\nhint: "), "{note}");
    assert_eq!(
        told(&["segment", "disc.png", "--box", "1,2,30,40"]),
        "error[model.no-default]: the folder of the models has no file “default” that names the one to take: models\n\
         hint: name a model with --model\n"
    );
}

#[test]
fn the_default_model_names_the_modality_and_can_be_told_another() {
    let folder = folder_with_disc();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/www/demos/us-fetal-head.jpg");
    let asked = ["segment", picture, "--box", "220,115,600,425"];
    let text = stdout(&medbox(folder.path(), &asked));
    assert!(text.starts_with("class US (") && text.contains("   1  box 220,115,600,425  "), "{text}");
    let answer = |class: &str| -> Value {
        let args = [&asked[..], &["--json", "--class", class]].concat();
        serde_json::from_str(&stdout(&medbox(folder.path(), &args))).expect("one JSON object")
    };
    let told = answer("mr");
    assert_eq!(
        (&told["class"], told["probabilities"].as_object().map(serde_json::Map::len)),
        (&Value::from("us"), Some(11))
    );
    assert_eq!((&told["told"], &answer("auto")["told"]), (&Value::from("mr"), &Value::from("auto")));
    let area = |answer: &Value| answer["objects"][0]["area_px"].as_u64().expect("a number of pixels");
    let (auto, unknown) = (area(&answer("auto")), area(&answer("unknown")));
    for area in [auto, unknown, area(&told)] {
        assert!((80_000..110_000).contains(&area), "the head fills its box: {area}");
    }
}

#[test]
fn the_papers_cases_are_timed() {
    let folder = folder_with_disc();
    let text = stdout(&medbox(folder.path(), &["bench", "--pictures", ".", "--runs", "1", "--json"]));
    let timed: Value = serde_json::from_str(&text).expect("one JSON object");
    let cases = timed["cases"].as_array().expect("a list");
    assert_eq!(cases.len(), 7);
    for case in cases {
        assert!(
            case["seconds"].as_f64().is_some_and(|s| s > 0.0) && case["encodes"].as_u64().is_some_and(|n| n > 0),
            "{case}"
        );
    }
    assert_eq!(cases[6]["boxes"], 241);
}

#[test]
fn a_folder_without_pictures_cannot_be_timed() {
    let folder = folder_with_disc();
    check_fails(
        folder.path(),
        &["bench"],
        1,
        "error[bench.no-pictures]: the folder of pictures does not exist: www/demos\n\
         hint: name a folder of pictures with --pictures\n",
    );
    fs::remove_file(folder.path().join("disc.png")).expect("a file less");
    check_fails(
        folder.path(),
        &["bench", "--pictures", "."],
        1,
        "error[bench.no-pictures]: the folder holds no picture that medbox reads: .\n\
         hint: name a folder of pictures with --pictures\n",
    );
}

#[test]
fn models_are_listed_with_licence_and_use() {
    let folder = folder_with_disc();
    let text = stdout(&medbox(folder.path(), &["models"]));
    assert!(text.contains("litemedsam"), "{text}");
    assert!(text.contains("licence: Apache-2.0") && text.contains("intended use: "), "{text}");
}

#[test]
fn eval_scores_a_small_tree_and_keeps_the_form_of_its_json() {
    let folder = folder_with_disc();
    let data_set = folder.path().join("data/discs");
    fs::create_dir_all(data_set.join("images")).expect("a folder");
    fs::create_dir_all(data_set.join("masks")).expect("a folder");
    fs::write(data_set.join("meta.json"), r#"{"name": "discs", "modality": "US"}"#).expect("a written file");
    fs::copy(folder.path().join("disc.png"), data_set.join("images/a.png")).expect("a copy");
    image::GrayImage::from_fn(200, 140, |x, y| {
        let (dx, dy) = (f64::from(x) + 0.5 - 100.0, f64::from(y) + 0.5 - 70.0);
        image::Luma([if dx.hypot(dy) < 40.0 { 3 } else { 0 }])
    })
    .save(data_set.join("masks/a.png"))
    .expect("a written mask");

    let args = ["eval", "data", "--model", "litemedsam", "--mode", "challenge", "--json", "--rows", "rows.csv"];
    let answer: Value = serde_json::from_str(&stdout(&medbox(folder.path(), &args))).expect("one JSON object");
    assert_eq!((&answer["model"], &answer["mode"]), (&"litemedsam".into(), &"challenge".into()));
    assert_eq!((&answer["objects"], &answer["encodes"]), (&1.into(), &1.into()));
    assert_eq!((&answer["pictures"], &answer["not_scored"]), (&1.into(), &0.into()));
    let dsc = answer["mean"]["dsc"].as_f64().expect("a number");
    assert!(dsc > 0.9, "a bright disc on dark noise is found: {dsc}");
    for group in [&answer["modalities"]["US"], &answer["datasets"]["discs"]] {
        assert_eq!(group["objects"], 1);
        assert_eq!(group["dsc"].as_f64(), Some(dsc));
        assert_eq!((&group["class_accuracy"], &group["small"]["objects"]), (&Value::Null, &0.into()));
    }
    assert!(answer["ms"]["encode"].as_f64() > Some(0.0) && answer["ms"]["decode_per_box"].as_f64() > Some(0.0));
    let rows = fs::read_to_string(folder.path().join("rows.csv")).expect("a file");
    assert_eq!(rows.lines().count(), 2, "a header and one object: {rows}");
}
