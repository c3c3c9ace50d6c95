//! medbox draws the mask of what stands in a box on a medical image.
//!
//! One line of values, the same in the browser (`wasm.rs`) and on the command line (`src/bin/medbox`):
//! **bytes → image → tensor → embedding → logits → mask → label map → export**.
//!
//! The crate does no input or output and reads no clock: bytes and values in, values out.

pub mod error;
pub mod geometry;

pub mod image;

pub mod formats;

pub mod prompt;

pub mod preprocess;
mod resize;

pub mod manifest;
pub mod model;

pub mod postprocess;

pub mod refine;

pub mod measure;

pub mod tiles;

pub mod pipeline;

pub mod metrics;

pub mod export;
pub mod import;

#[cfg(target_arch = "wasm32")]
mod wasm;

pub use error::Error;
