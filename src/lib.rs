//! medbox draws the mask of what stands in a box on a medical image.
//!
//! One line of values, the same in the browser (`wasm.rs`) and on the command line (`src/bin/medbox`):
//! **bytes → image → tensor → embedding → logits → mask → label map → export**.
//!
//! The crate does no input or output and reads no clock: bytes and values in, values out.
//!
//! # Example
//! From a picture and a box to a label map as PNG:
//! ```no_run
//! use medbox::{export, formats, pipeline, postprocess::LabelMap, prompt::BoxPrompt};
//! # use medbox::{Error, manifest::Manifest, model::OnnxModel};
//! # fn example(manifest: &str, encoder: &[u8], decoder: &[u8], picture: &[u8]) -> Result<Vec<u8>, Error> {
//! let model = OnnxModel::load(Manifest::parse(manifest)?, encoder, decoder)?;
//! let image = formats::open(picture, &formats::Limits::default())?.image;
//! let size = image.size();
//! let boxes = [BoxPrompt::new(100.0, 50.0, 300.0, 200.0, size)?]; // left, top, right, bottom in image pixels
//!
//! let mut pipeline = pipeline::Pipeline::new(model, || 0.0); // lend it a clock for timings
//! pipeline.open(image);
//! let answer = pipeline.segment(&boxes, &pipeline::Options::default())?;
//! let masks = answer.objects.iter().map(|object| &object.mask);
//! let png = export::png::label_map(&LabelMap::from_masks(size, masks))?;
//! # Ok(png)
//! # }
//! ```

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
