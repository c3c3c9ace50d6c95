//! Label maps and lists of boxes for a picture that is open.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medbox::{formats::Limits, geometry::Size, import};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that the fuzzer looks for panics and not for large pictures.
    let limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };
    let size = Size { width: 17, height: 17 };
    drop(import::labels(bytes, size, &limits));
    drop(import::boxes(bytes, size, Some("a.png"), &limits));
});
