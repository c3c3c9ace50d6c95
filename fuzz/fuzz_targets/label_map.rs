//! Label maps: PNG and TIFF without their colours.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medbox::formats::{Limits, labels::read_label_map};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that the fuzzer looks for panics and not for large pictures.
    let limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };
    drop(read_label_map(bytes, &limits));
});
