//! Hostile files: whatever the bytes are, a reader gives a picture or an error, and does not panic or run away.
//!
//! `crashes/` holds the inputs that once broke a reader, for good; add what the fuzzers of `fuzz/` find. Besides them,
//! small valid files of each format are damaged in seeded ways and opened.

use std::{fs, io::Cursor, path::Path};

use image::{
    ExtendedColorType, ImageEncoder,
    codecs::{bmp::BmpEncoder, gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use medbox::{
    formats::{self, Limits, labels, npz},
    geometry::Size,
    import,
};
use ndarray::{Array2, Array3, array};
use ndarray_npy::NpzWriter;
use tiff::encoder::{Compression, TiffEncoder, colortype};

/// Small, so that a file that gets past the header checks cannot make the test slow.
const LIMITS: Limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };
const SIDE: u32 = 17;
const SIZE: Size = Size { width: SIDE, height: SIDE };
const MUTATIONS: usize = 400;

/// Everything that takes a file's bytes.
fn read_in_every_way(bytes: &[u8]) {
    drop(formats::open(bytes, &LIMITS));
    drop(labels::read_label_map(bytes, &LIMITS));
    drop(npz::read_case(bytes, &LIMITS));
    drop(import::labels(bytes, SIZE, &LIMITS));
    drop(import::boxes(bytes, SIZE, Some("a.png"), &LIMITS));
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// One to four changes: a byte, a number that readers trip over, a piece left out or repeated, an end cut off.
fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    const NUMBERS: [&[u8]; 8] = [
        &[0],
        &[0xff],
        &[0, 0, 0, 0],
        &[0xff, 0xff, 0xff, 0xff],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0, 0, 0, 1],
        &[0, 1, 0, 0],
    ];
    for _ in 0..1 + chance.below(4) {
        if bytes.is_empty() {
            return;
        }
        // Headers are small and matter more.
        let reach = if chance.below(2) == 0 { bytes.len() } else { bytes.len().min(128) };
        let at = chance.below(reach);
        match chance.below(8) {
            0 | 1 => bytes[at] ^= 1 << chance.below(8),
            2 | 3 => bytes[at] = chance.next() as u8,
            4 | 5 => {
                let number = NUMBERS[chance.below(NUMBERS.len())];
                let end = (at + number.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            6 => {
                let end = (at + 1 + chance.below(16)).min(bytes.len());
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                if chance.below(2) == 0 {
                    let to = chance.below(bytes.len() + 1);
                    bytes.splice(to..to, piece);
                }
            }
            _ => bytes.truncate(at),
        }
    }
}

#[track_caller]
fn check_damaged(name: &str, valid: &[u8]) {
    assert!(formats::open(valid, &LIMITS).is_ok(), "{name} is a picture before it is damaged");
    check_mutations(name, valid);
}

#[track_caller]
fn check_mutations(name: &str, valid: &[u8]) {
    let mut chance = Chance(valid.len() as u64);
    for round in 0..MUTATIONS {
        let mut bytes = valid.to_vec();
        mutate(&mut bytes, &mut chance);
        let outcome = std::panic::catch_unwind(|| read_in_every_way(&bytes));
        if outcome.is_err() {
            let kept = std::env::temp_dir().join(format!("medbox-crash-{name}-{round}"));
            fs::write(&kept, &bytes).expect("the temporary folder takes a file");
            panic!("{name}, mutation {round} panics: it is kept at {}", kept.display());
        }
    }
}

fn noise(n: usize) -> Vec<u8> {
    let mut chance = Chance(7);
    (0..n).map(|_| chance.next() as u8).collect()
}

fn rgb() -> Vec<u8> {
    noise((SIDE * SIDE * 3) as usize)
}

#[test]
fn files_that_once_broke_a_reader_do_not_any_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crashes");
    let files: Vec<_> =
        fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry")).collect();
    assert!(!files.is_empty());
    for file in files {
        read_in_every_way(&fs::read(file.path()).expect("a readable file"));
    }
}

#[test]
fn damaged_png_files_do_not_panic() {
    for (name, kind, channels) in [
        ("rgb", ExtendedColorType::Rgb8, 3),
        ("rgba", ExtendedColorType::Rgba8, 4),
        ("grey16", ExtendedColorType::L16, 2),
    ] {
        let mut bytes = Vec::new();
        let pixels = noise((SIDE * SIDE * channels) as usize);
        PngEncoder::new(&mut bytes).write_image(&pixels, SIDE, SIDE, kind).expect("memory takes it");
        check_damaged(&format!("png-{name}"), &bytes);
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(noise(12));
    encoder.set_trns(noise(4));
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&noise((SIDE.div_ceil(4) * SIDE) as usize)).expect("memory takes it");
    drop(writer);
    check_damaged("png-palette", &bytes);
}

#[test]
fn damaged_jpeg_files_do_not_panic() {
    for (name, kind, channels) in [("grey", ExtendedColorType::L8, 1), ("rgb", ExtendedColorType::Rgb8, 3)] {
        let mut bytes = Vec::new();
        let pixels = noise((SIDE * SIDE * channels) as usize);
        JpegEncoder::new(&mut bytes).encode(&pixels, SIDE, SIDE, kind).expect("memory takes it");
        check_damaged(&format!("jpeg-{name}"), &bytes);
    }
}

#[test]
fn damaged_bmp_gif_and_webp_files_do_not_panic() {
    let mut bmp = Vec::new();
    BmpEncoder::new(&mut bmp).write_image(&rgb(), SIDE, SIDE, ExtendedColorType::Rgb8).expect("memory takes it");
    check_damaged("bmp", &bmp);
    let mut gif = Vec::new();
    GifEncoder::new(&mut gif).encode(&rgb(), SIDE, SIDE, ExtendedColorType::Rgb8).expect("memory takes it");
    check_damaged("gif", &gif);
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).encode(&rgb(), SIDE, SIDE, ExtendedColorType::Rgb8).expect("memory takes it");
    check_damaged("webp", &webp);
}

#[test]
fn damaged_tiff_files_do_not_panic() {
    for (name, compression) in
        [("plain", Compression::Uncompressed), ("lzw", Compression::Lzw), ("packbits", Compression::Packbits)]
    {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).expect("a header").with_compression(compression);
        encoder.write_image::<colortype::RGB8>(SIDE, SIDE, &rgb()).expect("memory takes it");
        check_damaged(&format!("tiff-{name}"), bytes.get_ref());
    }
    let mut bytes = Cursor::new(Vec::new());
    let floats: Vec<f32> = noise((SIDE * SIDE) as usize).into_iter().map(f32::from).collect();
    let mut encoder = TiffEncoder::new(&mut bytes).expect("a header");
    encoder.write_image::<colortype::Gray32Float>(SIDE, SIDE, &floats).expect("memory takes it");
    check_damaged("tiff-float", bytes.get_ref());
}

#[test]
fn damaged_npz_files_do_not_panic() {
    let side = SIDE as usize;
    let picture = Array3::from_shape_vec((side, side, 3), rgb()).expect("as many as there are");
    for (name, new) in [("stored", NpzWriter::new as fn(_) -> _), ("deflated", NpzWriter::new_compressed)] {
        let mut file = new(Cursor::new(Vec::new()));
        file.add_array("imgs", &picture).expect("memory takes it");
        file.add_array("boxes", &array![[1, 2, 9, 9]]).expect("memory takes it");
        file.add_array("gts", &Array2::<u8>::ones((side, side))).expect("memory takes it");
        check_damaged(&format!("npz-{name}"), &file.finish().expect("memory takes it").into_inner());
    }
}

#[test]
fn damaged_lists_of_boxes_do_not_panic() {
    let coco = br#"{"images": [{"id": 1, "width": 17, "height": 17}],
        "annotations": [{"image_id": 1, "bbox": [1.5, 2, 3, 4e0]}, {"image_id": 1, "prompt_box": [1, 2, 9, 9]}]}"#;
    for (name, valid) in [("json", b"[[1, 2, 9, 9], [0.5, 0.5, 17, 17]]".as_slice()), ("coco", coco)] {
        assert_eq!(import::boxes(valid, SIZE, None, &LIMITS).map(|found| found.boxes.len()), Ok(2), "{name}");
        check_mutations(&format!("boxes-{name}"), valid);
    }
}
