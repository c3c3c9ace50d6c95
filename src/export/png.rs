//! Label maps and pictures as PNG.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use super::ExportError;
use crate::{geometry::Size, postprocess::LabelMap};

/// A label map as grey PNG whose grey values are the labels: 8 bits, or 16 where a label is over 255.
///
/// # Errors
/// [`ExportError::Encode`] when the map has no pixels.
///
/// # Example
/// ```
/// use medbox::{export::png, geometry::Size, postprocess::LabelMap};
/// let size = Size { width: 2, height: 1 };
/// let bit_depth = |png: &[u8]| png[24]; // PNG specification, section 11.2.1
/// assert_eq!(bit_depth(&png::label_map(&LabelMap::new(size, vec![0, 255]))?), 8);
/// assert_eq!(bit_depth(&png::label_map(&LabelMap::new(size, vec![0, 256]))?), 16);
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn label_map(map: &LabelMap) -> Result<Vec<u8>, ExportError> {
    let labels = map.labels();
    if map.max_label() <= u8::MAX.into() {
        let bytes: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
        encode(map.size(), &bytes, ExtendedColorType::L8)
    } else {
        let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_ne_bytes()).collect();
        encode(map.size(), &bytes, ExtendedColorType::L16)
    }
}

/// PNG bytes of interleaved RGB, (H, W, 3).
pub(super) fn rgb8(size: Size, rgb: &[u8]) -> Result<Vec<u8>, ExportError> {
    encode(size, rgb, ExtendedColorType::Rgb8)
}

fn encode(size: Size, pixels: &[u8], colour: ExtendedColorType) -> Result<Vec<u8>, ExportError> {
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(pixels, size.width, size.height, colour)
        .map_err(|e| ExportError::Encode { format: "PNG", detail: e.to_string() })?;
    Ok(png)
}
