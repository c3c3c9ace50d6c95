//! Label maps: rasters whose values are the numbers of objects, read as they are stored.

use std::io::{self, Cursor};

use image::metadata::Orientation;

use super::{
    Limits, OpenError,
    raster::{self, Channels, Format, Raster, Samples, check_png_size, truncated, unpack_bits},
    sniff::Kind,
    tiff,
};
use crate::postprocess::LabelMap;

/// Reads a label map: one integer a pixel, as stored. Palette PNG and TIFF give their indices, not their colours;
/// colour pictures give their first channel; orientation is not applied.
///
/// # Errors
/// [`OpenError::InexactLabels`] for JPEG and WebP, [`OpenError::NotALabel`] for values that are no whole number
/// from 0 to 65535, and what [`raster::read`] gives.
///
/// # Example
/// ```
/// use medbox::{export, formats::{Limits, labels}, geometry::Size, postprocess::LabelMap};
/// let map = LabelMap::new(Size { width: 3, height: 1 }, vec![0, 7, 300]);
/// let png = export::png::label_map(&map)?;
/// assert_eq!(labels::read_label_map(&png, &Limits::default())?, map);
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn read_label_map(bytes: &[u8], limits: &Limits) -> Result<LabelMap, OpenError> {
    first_channel(&read_labelled(bytes, limits)?)
}

/// [`read_label_map`] for files that nobody vouches for: colours that are no palette are refused, because their first
/// channel says nothing.
///
/// # Errors
/// [`OpenError::ColouredLabels`], and what [`read_label_map`] gives.
pub fn read_grey_label_map(bytes: &[u8], limits: &Limits) -> Result<LabelMap, OpenError> {
    fn is_grey<T: PartialEq>(values: &[T], step: usize) -> bool {
        values.chunks_exact(step).all(|pixel| pixel[0] == pixel[1] && pixel[0] == pixel[2])
    }
    let raster = read_labelled(bytes, limits)?;
    let step = raster.channels.count();
    let grey = raster.channels.n_colours() == 1
        || match &raster.samples {
            Samples::U8(values) => is_grey(values, step),
            Samples::U16(values) => is_grey(values, step),
            Samples::F32(values) => is_grey(values, step),
        };
    if grey { first_channel(&raster) } else { Err(OpenError::ColouredLabels) }
}

fn read_labelled(bytes: &[u8], limits: &Limits) -> Result<Raster, OpenError> {
    limits.check_file(bytes)?;
    let Kind::Raster(format) = Kind::of(bytes)? else {
        return Err(OpenError::OtherKind { kind: "an NPZ file", hint: "give a label map as PNG" });
    };
    match format {
        Format::Png => read_raw_png(bytes, limits),
        Format::Tiff => tiff::read_raw(bytes, limits),
        Format::Bmp | Format::Gif => raster::read(bytes, format, limits),
        Format::Jpeg | Format::WebP => Err(OpenError::InexactLabels { format: format.name() }),
    }
}

fn first_channel(raster: &Raster) -> Result<LabelMap, OpenError> {
    let step = raster.channels.count();
    let labels = match &raster.samples {
        Samples::U8(values) => values.iter().step_by(step).map(|&value| u16::from(value)).collect(),
        Samples::U16(values) => values.iter().step_by(step).copied().collect(),
        Samples::F32(values) => {
            let label = |&value: &f32| {
                let label = value as u16;
                if f32::from(label) == value { Ok(label) } else { Err(OpenError::NotALabel { value: value.into() }) }
            };
            values.iter().step_by(step).map(label).collect::<Result<_, _>>()?
        }
    };
    Ok(LabelMap::new(raster.size, labels))
}

/// Decodes a PNG without turning indices into colours or scaling its bits.
fn read_raw_png(bytes: &[u8], limits: &Limits) -> Result<Raster, OpenError> {
    let format = Format::Png;
    let failed = |error: png::DecodingError| match error {
        png::DecodingError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => truncated(bytes, format),
        png::DecodingError::LimitsExceeded => {
            OpenError::TooMuchMemory { format: format.name(), max_bytes: limits.max_bytes }
        }
        other => OpenError::Damaged { format: format.name(), detail: other.to_string() },
    };
    check_png_size(bytes)?;
    let max_bytes = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: max_bytes });
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(failed)?;
    let (width, height) = reader.info().size();
    let (colour, depth) = reader.output_color_type();
    let size = limits.check_picture(width, height, (colour.samples() * (depth as usize).div_ceil(8)) as u64)?;
    let mut packed = vec![0; reader.output_buffer_size().unwrap_or(usize::MAX)];
    let frame = reader.next_frame(&mut packed).map_err(failed)?;

    let channels = match colour {
        png::ColorType::Grayscale | png::ColorType::Indexed => Channels::Grey,
        png::ColorType::GrayscaleAlpha => Channels::GreyAlpha,
        png::ColorType::Rgb => Channels::Rgb,
        png::ColorType::Rgba => Channels::Rgba,
    };
    let bits = depth as u8;
    let samples = match bits {
        16 => Samples::U16(packed.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()),
        8 => Samples::U8(packed),
        _ => Samples::U8(unpack_bits(&packed, frame.line_size, width as usize, bits)),
    };
    let orientation = Orientation::NoTransforms;
    Ok(Raster { format, size, channels, samples, bits, float: false, orientation, has_more: false, spacing: None })
}

#[cfg(test)]
mod tests {
    use image::ExtendedColorType as Pixels;

    use super::*;
    use crate::formats::raster::tests::{
        BLACK, BLUE, RED, bmp_of_four, four_pixels, jpeg_of_halves, open, png_of, raw_png,
    };

    #[test]
    fn a_palette_is_colours_in_a_picture_and_numbers_in_a_label_map() {
        let palette = [BLACK, RED, BLUE].concat();
        let png = raw_png([3, 1], png::ColorType::Indexed, png::BitDepth::Two, Some(&palette), &[0b0010_0100]);
        assert_eq!(open(&png).image.rgb(), [BLACK, BLUE, RED].concat());
        assert_eq!(read_label_map(&png, &Limits::default()).expect("a label map").labels(), [0, 2, 1]);
    }

    #[test]
    fn label_maps_keep_their_numbers() {
        let labels = |bytes: &[u8]| read_label_map(bytes, &Limits::default()).expect("a label map").labels().to_vec();
        let nibbles = raw_png([3, 1], png::ColorType::Grayscale, png::BitDepth::Four, None, &[0x0f, 0x80]);
        assert_eq!(labels(&nibbles), [0, 15, 8]);
        let wide: Vec<u8> = [0u16, 700, 65535].iter().flat_map(|label| label.to_ne_bytes()).collect();
        assert_eq!(labels(&png_of(3, 1, &wide, Pixels::L16)), [0, 700, 65535]);
        assert_eq!(labels(&png_of(2, 1, &[9, 1, 1, 8, 2, 2], Pixels::Rgb8)), [9, 8]);
        assert_eq!(labels(&png_of(2, 1, &[9, 255, 8, 255], Pixels::La8)), [9, 8]);
        assert_eq!(labels(&bmp_of_four()), [255, 0, 255, 0]);
    }

    #[test]
    fn a_jpeg_is_no_label_map() {
        let err = read_label_map(&jpeg_of_halves(), &Limits::default()).unwrap_err();
        assert_eq!(err.code(), "open.inexact-labels");
        assert_eq!(err.to_string(), "JPEG files do not keep values exactly, so they hold no label map");
        assert_eq!(err.hint(), "save the label map as PNG");
    }

    #[test]
    fn colours_are_no_labels_but_grey_in_three_channels_is() {
        let read = |bytes: &[u8]| read_grey_label_map(bytes, &Limits::default());
        let grey = png_of(2, 1, &[7, 7, 7, 0, 0, 0], Pixels::Rgb8);
        assert_eq!(read(&grey).expect("a label map").labels(), [7, 0]);
        let err = read(&png_of(2, 2, &four_pixels(), Pixels::Rgb8)).unwrap_err();
        assert_eq!(err.code(), "open.coloured-labels");
        assert_eq!(err.to_string(), "the pixels of the file are colours, and a label map has one number a pixel");
        assert_eq!(err.hint(), "save the label map as PNG, grey or with a palette");
        let palette = raw_png([2, 1], png::ColorType::Indexed, png::BitDepth::Eight, Some(&four_pixels()), &[3, 0]);
        assert_eq!(read(&palette).expect("a label map").labels(), [3, 0]);
    }
}
