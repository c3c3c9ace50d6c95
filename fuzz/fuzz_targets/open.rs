//! Every kind of file, through the door that the page and the command line use.

#![no_main]

use libfuzzer_sys::fuzz_target;
use medbox::formats::{Limits, open};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that the fuzzer looks for panics and not for large pictures.
    let limits = Limits { max_bytes: 1 << 20, max_pixels: 1 << 16 };
    drop(open(bytes, &limits));
});
