//! Rasters: PNG, JPEG, BMP, GIF, TIFF and WebP, through the `image`, `png` and `tiff` crates.

use std::{
    error::Error,
    io::{self, Cursor},
};

use image::{
    ColorType, ImageDecoder, ImageError,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder},
    error::LimitErrorKind,
    metadata::Orientation,
};

use super::{Limits, OpenError, Source, Study, jpeg, tiff};
use crate::{
    geometry::{GeometryError, Size, Spacing},
    image::{Image, Window},
};

/// At most this many values decide the window of a colour picture; more change nothing that can be seen.
const WINDOW_SAMPLES: usize = 1 << 22;

/// The formats that are rasters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names say it.
pub enum Format {
    Png,
    Jpeg,
    Bmp,
    Gif,
    Tiff,
    WebP,
}

impl Format {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }
}

/// What the samples of a pixel mean, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Channels {
    pub(super) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// How many of them are colour: all but alpha.
    pub(super) fn n_colours(self) -> usize {
        match self {
            Self::Grey | Self::GreyAlpha => 1,
            Self::Rgb | Self::Rgba => 3,
        }
    }
}

/// Sample values, interleaved, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

/// A decoded raster as the file stores it: (H, W, channels), not yet upright, not yet windowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    pub(super) format: Format,
    pub(super) size: Size,
    pub(super) channels: Channels,
    pub(super) samples: Samples,
    /// Bits a sample in the file.
    pub(super) bits: u8,
    pub(super) float: bool,
    /// How to turn the picture upright.
    pub(super) orientation: Orientation,
    /// Whether the file holds further pictures.
    pub(super) has_more: bool,
    /// How large a pixel is, as the file stores the picture.
    pub(super) spacing: Option<Spacing>,
}

/// Decodes a raster whose format is known.
///
/// - 1, 2, 4 and 8 bits are shown as they are, black to white; palettes as their colours.
/// - Grey with more bits, or floating point, is kept and shown through a percentile window ([`Image::from_stored`]).
/// - Colour with more bits is reduced to eight through one percentile window for all three channels, so that hues stay.
/// - Alpha is composited over black, the ground of most medical pictures, so that what was cut away does not come
///   back as structure. Where alpha is zero everywhere it says nothing and is left out.
/// - EXIF and TIFF orientation is applied: boxes are drawn on what people see.
/// - Of animations and TIFF files with several pages, the first picture.
///
/// # Errors
/// [`OpenError`]: truncated, damaged, unsupported, empty, or over the limits, which are checked against the header
/// before anything is allocated.
pub fn read(bytes: &[u8], format: Format, limits: &Limits) -> Result<Raster, OpenError> {
    let result = read_whole(bytes, format, limits);
    match result {
        // The JPEG decoder fills what is missing with grey and calls it done.
        Ok(_) if format == Format::Jpeg && ends_early(bytes, format) => Err(truncated(bytes, format)),
        Err(OpenError::Damaged { .. }) if ends_early(bytes, format) => Err(truncated(bytes, format)),
        result => result,
    }
}

fn read_whole(bytes: &[u8], format: Format, limits: &Limits) -> Result<Raster, OpenError> {
    let cursor = Cursor::new(bytes);
    match format {
        Format::Png => {
            check_png_size(bytes)?;
            let raster = decode(PngDecoder::with_limits(cursor, image_limits(limits)), bytes, format, limits)?;
            let orientation = orientation_png(bytes).unwrap_or(Orientation::NoTransforms);
            let raster = Raster { has_more: n_frames_png(bytes) > 1, orientation, ..raster };
            // The decoder has scaled fewer bits to eight; the header tells (PNG specification, section 11.2.1).
            Ok(match bytes.get(24..26) {
                Some(&[depth @ (1 | 2 | 4), 0]) => Raster { bits: depth, ..raster },
                _ => raster,
            })
        }
        Format::Jpeg => {
            if let Some(detail) = jpeg::unread_kind(bytes) {
                return Err(OpenError::Unsupported { format: format.name(), detail });
            }
            decode(JpegDecoder::new(cursor), bytes, format, limits)
        }
        Format::Bmp => decode(BmpDecoder::new(cursor), bytes, format, limits),
        Format::Gif => {
            let raster = decode(GifDecoder::new(cursor), bytes, format, limits)?;
            Ok(Raster { has_more: has_two_frames_gif(bytes), ..raster })
        }
        Format::WebP => {
            let raster = decode(WebPDecoder::new(cursor), bytes, format, limits)?;
            let frames = image_webp::WebPDecoder::new(Cursor::new(bytes)).map(|decoder| decoder.num_frames());
            Ok(Raster { has_more: frames.is_ok_and(|n| n > 1), ..raster })
        }
        Format::Tiff => tiff::read(bytes, limits),
    }
}

/// Of an animation; 1 of any other file.
fn n_frames_png(bytes: &[u8]) -> u32 {
    let reader = png::Decoder::new(Cursor::new(bytes)).read_info();
    reader.ok().and_then(|reader| reader.info().animation_control().map(|animation| animation.num_frames)).unwrap_or(1)
}

/// What the `eXIf` chunk says, which may stand before or behind the pixels (PNG specification, section 5.6).
fn orientation_png(bytes: &[u8]) -> Option<Orientation> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.first_chunk().copied()?) as usize;
        let data = rest.get(8..8usize.checked_add(length)?)?;
        if rest[4..8] == *b"eXIf" {
            return Orientation::from_exif_chunk(data);
        }
        rest = rest.get(length.checked_add(12)?..)?; // length, name and checksum have four bytes each
    }
}

/// Whether a second frame begins; none is decoded, as it may be much larger than what is shown.
fn has_two_frames_gif(bytes: &[u8]) -> bool {
    let mut options = gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    options.read_info(Cursor::new(bytes)).is_ok_and(|mut reader| {
        let mut is_there = || matches!(reader.next_frame_info(), Ok(Some(_)));
        is_there() && is_there()
    })
}

/// Decodes through the `image` crate.
fn decode<D: ImageDecoder>(
    decoder: Result<D, ImageError>,
    bytes: &[u8],
    format: Format,
    limits: &Limits,
) -> Result<Raster, OpenError> {
    let failed = |error: ImageError| from_image_error(error, bytes, format, limits);
    let mut decoder = decoder.map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let colour = decoder.color_type();
    let size = limits.check_picture(width, height, colour.bytes_per_pixel().into())?;
    decoder.set_limits(image_limits(limits)).map_err(failed)?;
    // A damaged EXIF block is no reason to withhold the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut pixels = vec![0; size.area() * usize::from(colour.bytes_per_pixel())];
    decoder.read_image(&mut pixels).map_err(failed)?;

    let (channels, samples, bits) = match colour {
        ColorType::L8 => (Channels::Grey, Samples::U8(pixels), 8),
        ColorType::La8 => (Channels::GreyAlpha, Samples::U8(pixels), 8),
        ColorType::Rgb8 => (Channels::Rgb, Samples::U8(pixels), 8),
        ColorType::Rgba8 => (Channels::Rgba, Samples::U8(pixels), 8),
        ColorType::L16 => (Channels::Grey, native_u16(&pixels), 16),
        ColorType::La16 => (Channels::GreyAlpha, native_u16(&pixels), 16),
        ColorType::Rgb16 => (Channels::Rgb, native_u16(&pixels), 16),
        ColorType::Rgba16 => (Channels::Rgba, native_u16(&pixels), 16),
        other => {
            let detail = format!("its pixels are {other:?}");
            return Err(OpenError::Unsupported { format: format.name(), detail });
        }
    };
    Ok(Raster { format, size, channels, samples, bits, float: false, orientation, has_more: false, spacing: None })
}

fn native_u16(bytes: &[u8]) -> Samples {
    Samples::U16(bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect())
}

fn image_limits(limits: &Limits) -> image::Limits {
    let mut image_limits = image::Limits::no_limits();
    // The decoders count their own buffers too: as much again as the pixels.
    image_limits.max_alloc = Some(limits.max_bytes.saturating_mul(2));
    image_limits
}

fn from_image_error(error: ImageError, bytes: &[u8], format: Format, limits: &Limits) -> OpenError {
    let name = format.name();
    match error {
        ImageError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => truncated(bytes, format),
        ImageError::Limits(e) if matches!(e.kind(), LimitErrorKind::InsufficientMemory) => {
            OpenError::TooMuchMemory { format: name, max_bytes: limits.max_bytes }
        }
        ImageError::Unsupported(e) => OpenError::Unsupported { format: name, detail: e.to_string() },
        // Its own text repeats the format.
        ImageError::Decoding(e) => {
            OpenError::Damaged { format: name, detail: e.source().map_or_else(|| e.to_string(), ToString::to_string) }
        }
        other => OpenError::Damaged { format: name, detail: other.to_string() },
    }
}

pub(super) fn truncated(bytes: &[u8], format: Format) -> OpenError {
    OpenError::Truncated { format: format.name(), found_bytes: bytes.len() }
}

/// Whether what ends a file of this format is missing; false where the decoder tells.
fn ends_early(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Jpeg => !jpeg_has_end(bytes),
        Format::Gif => !bytes.ends_with(b";"),
        Format::WebP => {
            let promised = bytes.get(4..8).map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
            promised.is_none_or(|promised| bytes.len() as u64 - 8 < u64::from(promised))
        }
        Format::Png | Format::Bmp | Format::Tiff => false,
    }
}

/// Refuses a PNG without pixels by the numbers in its header, which the decoder keeps to itself.
pub(super) fn check_png_size(bytes: &[u8]) -> Result<(), GeometryError> {
    let number = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    match (number(16), number(20)) {
        (Some(width), Some(height)) => Size::new(width, height).map(drop),
        _ => Ok(()),
    }
}

/// Whether a JPEG has the marker that ends it: after the first scan it can only be that, since 0xff is escaped there.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xda {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        // Fill bytes may stand before a marker.
        at += if marker == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}

/// Samples of 1, 2 or 4 bits, packed from the high bit down in rows of `row_bytes`, one a byte; `n` of each row.
pub(super) fn unpack_bits(packed: &[u8], row_bytes: usize, n: usize, bits: u8) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let mask = u8::MAX >> (8 - bits);
    let sample = |row: &[u8], x: usize| (row[x / per_byte] >> (8 - bits as usize * (x % per_byte + 1))) & mask;
    packed.chunks_exact(row_bytes.max(1)).flat_map(|row| (0..n).map(move |x| sample(row, x))).collect()
}

impl Raster {
    /// Upright, without alpha, windowed to eight bits where there are more.
    pub(super) fn into_study(self) -> Result<Study, OpenError> {
        let source = Source {
            format: self.format.name(),
            bits: self.bits,
            channels: self.channels.count() as u8,
            float: self.float,
            has_more: self.has_more,
            turned: self.orientation != Orientation::NoTransforms,
        };
        let Self { size, channels, samples, orientation, spacing, .. } = self;
        let n = channels.n_colours();
        let image = match samples {
            Samples::U8(values) => {
                let values = without_alpha(values, channels, |value, alpha| {
                    ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8
                });
                shown(size, n, values, orientation)?
            }
            Samples::U16(values) => {
                let values = without_alpha(values, channels, |value, alpha| {
                    ((u64::from(value) * u64::from(alpha) + 32767) / 65535) as u16
                });
                windowed(size, n, values, orientation)?
            }
            Samples::F32(values) => {
                let values = without_alpha(values, channels, |value, alpha| value * alpha.clamp(0.0, 1.0));
                windowed(size, n, values, orientation)?
            }
        };
        let image = match spacing {
            // Where columns have become rows, so have the sides of a pixel.
            Some(told) if is_turned(orientation) => {
                image.with_spacing(Spacing { x_mm: told.y_mm, y_mm: told.x_mm, ..told })
            }
            Some(told) => image.with_spacing(told),
            None => image,
        };
        Ok(Study { image, source })
    }
}

/// Colours composited over black, alpha dropped; see [`read`] for where alpha is ignored.
fn without_alpha<T: Copy + Default + PartialEq>(
    values: Vec<T>,
    channels: Channels,
    over_black: fn(T, T) -> T,
) -> Vec<T> {
    let (n, step) = (channels.n_colours(), channels.count());
    if n == step {
        return values;
    }
    let says_nothing = values.chunks_exact(step).all(|pixel| pixel[n] == T::default());
    values
        .chunks_exact(step)
        .flat_map(|pixel| {
            let (colours, alpha) = (&pixel[..n], pixel[n]);
            colours.iter().map(move |&value| if says_nothing { value } else { over_black(value, alpha) })
        })
        .collect()
}

/// Eight-bit values as they are.
fn shown(size: Size, n_colours: usize, values: Vec<u8>, orientation: Orientation) -> Result<Image, GeometryError> {
    let (size, values) = upright(size, n_colours, values, orientation);
    if n_colours == 1 { Image::from_grey8(size, &values) } else { Image::from_rgb8(size, values) }
}

/// Grey is kept as stored; colour is reduced to eight bits through one window.
fn windowed<T: Copy + Into<f32>>(
    size: Size,
    n_colours: usize,
    values: Vec<T>,
    orientation: Orientation,
) -> Result<Image, GeometryError> {
    if n_colours == 1 {
        let (size, values) = upright(size, 1, values, orientation);
        return Image::from_stored(size, values.into_iter().map(Into::into).collect());
    }
    // 3k + 1 goes through the channels in turn.
    let step = (values.len() / WINDOW_SAMPLES).div_ceil(3) * 3 + 1;
    let some: Vec<f32> = values.iter().step_by(step).map(|&value| value.into()).collect();
    let window = Window::from_percentiles(&some).unwrap_or(Window::from_range(0.0, 1.0));
    shown(size, n_colours, values.into_iter().map(|value| window.grey(value.into())).collect(), orientation)
}

/// Whether columns become rows.
fn is_turned(orientation: Orientation) -> bool {
    use Orientation as O;
    matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH)
}

/// Turns a picture as EXIF tag 274 asks for.
fn upright<T: Copy>(size: Size, step: usize, values: Vec<T>, orientation: Orientation) -> (Size, Vec<T>) {
    use Orientation as O;
    if orientation == O::NoTransforms {
        return (size, values);
    }
    let (width, height) = (size.width as usize, size.height as usize);
    let out = if is_turned(orientation) { Size { width: size.height, height: size.width } } else { size };
    // Where the pixel shown at (x, y) is stored.
    let stored_at = |x: usize, y: usize| match orientation {
        O::NoTransforms => (x, y),
        O::FlipHorizontal => (width - 1 - x, y),
        O::FlipVertical => (x, height - 1 - y),
        O::Rotate180 => (width - 1 - x, height - 1 - y),
        O::Rotate90 => (y, height - 1 - x),
        O::Rotate270 => (width - 1 - y, x),
        O::Rotate90FlipH => (y, x),
        O::Rotate270FlipH => (width - 1 - y, height - 1 - x),
    };
    let mut turned = Vec::with_capacity(values.len());
    for y in 0..out.height as usize {
        for x in 0..out.width as usize {
            let (stored_x, stored_y) = stored_at(x, y);
            let start = (stored_y * width + stored_x) * step;
            turned.extend_from_slice(&values[start..start + step]);
        }
    }
    (out, turned)
}

#[cfg(test)]
pub(super) mod tests {
    use image::{
        ExtendedColorType as Pixels, ImageEncoder,
        codecs::{bmp::BmpEncoder, gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    };

    use super::*;
    use crate::formats::{self, labels::read_label_map};

    pub(in crate::formats) const WHITE: [u8; 3] = [255; 3];
    pub(in crate::formats) const BLACK: [u8; 3] = [0; 3];
    pub(in crate::formats) const RED: [u8; 3] = [255, 0, 0];
    pub(in crate::formats) const BLUE: [u8; 3] = [0, 0, 255];

    /// Two by two: white and black above red and blue.
    pub(in crate::formats) fn four_pixels() -> Vec<u8> {
        [WHITE, BLACK, RED, BLUE].concat()
    }

    pub(in crate::formats) fn png_of(width: u32, height: u32, pixels: &[u8], kind: Pixels) -> Vec<u8> {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes).write_image(pixels, width, height, kind).expect("memory takes it");
        bytes
    }

    /// A PNG of packed samples, as the standard has them.
    pub(in crate::formats) fn raw_png(
        size: [u32; 2],
        colour: png::ColorType,
        depth: png::BitDepth,
        palette: Option<&[u8]>,
        data: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size[0], size[1]);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette.to_vec());
        }
        encoder.write_header().expect("a header").write_image_data(data).expect("memory takes it");
        bytes
    }

    pub(in crate::formats) fn bmp_of_four() -> Vec<u8> {
        let mut bytes = Vec::new();
        BmpEncoder::new(&mut bytes).write_image(&four_pixels(), 2, 2, Pixels::Rgb8).expect("memory takes it");
        bytes
    }

    fn gif_of_four() -> Vec<u8> {
        let mut bytes = Vec::new();
        GifEncoder::new(&mut bytes).encode(&four_pixels(), 2, 2, Pixels::Rgb8).expect("memory takes it");
        bytes
    }

    fn webp_of_four() -> Vec<u8> {
        let mut bytes = Vec::new();
        WebPEncoder::new_lossless(&mut bytes).encode(&four_pixels(), 2, 2, Pixels::Rgb8).expect("memory takes it");
        bytes
    }

    /// Left half black, right half white.
    pub(in crate::formats) fn jpeg_of_halves() -> Vec<u8> {
        let grey: Vec<u8> = (0..32 * 16).map(|i| if i % 32 < 16 { 0 } else { 255 }).collect();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 95).encode(&grey, 32, 16, Pixels::L8).expect("memory takes it");
        bytes
    }

    /// The same JPEG with an EXIF block that has this orientation.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let exif = [
            b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0],
        ];
        [&jpeg[..2], &exif.concat(), &jpeg[2..]].concat()
    }

    #[track_caller]
    pub(in crate::formats) fn open(bytes: &[u8]) -> Study {
        formats::open(bytes, &Limits::default()).expect("a picture")
    }

    #[track_caller]
    pub(in crate::formats) fn check_refused(bytes: &[u8], code: &str, message: &str, hint: &str) {
        let err = formats::open(bytes, &Limits::default()).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    #[track_caller]
    fn check_source(study: &Study, format: &str, bits: u8, channels: u8) {
        let source = study.source;
        assert_eq!((source.format, source.bits, source.channels, source.float), (format, bits, channels, false));
    }

    #[test]
    fn further_frames_are_told() {
        let frames = |n: usize| {
            let mut bytes = Vec::new();
            let frame = || image::Frame::new(image::RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 255])));
            GifEncoder::new(&mut bytes).encode_frames((0..n).map(|_| frame())).expect("memory takes it");
            bytes
        };
        for (n, has_more) in [(1, false), (2, true)] {
            let study = formats::open(&frames(n), &Limits::default()).expect("a picture");
            assert_eq!(study.source.has_more, has_more, "{n} frames");
        }
    }

    #[test]
    fn an_animation_of_one_frame_is_one_picture() {
        for (n, has_more) in [(1, false), (2, true)] {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
            encoder.set_animated(n, 0).expect("some frames");
            let mut writer = encoder.write_header().expect("memory takes it");
            (0..n).for_each(|_| writer.write_image_data(&[9]).expect("memory takes it"));
            writer.finish().expect("memory takes it");
            let study = formats::open(&bytes, &Limits::default()).expect("a picture");
            assert_eq!(study.source.has_more, has_more, "{n} frames");
        }
    }

    #[test]
    fn the_second_frame_of_a_gif_is_not_decoded() {
        // One pixel; the second frame says that it has 65 535 × 65 535.
        let frame = |size: [u8; 2]| [&[0x2c, 0, 0, 0, 0][..], &size, &size, &[0, 2, 2, 0x44, 1, 0]].concat();
        let header = *b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff";
        let file = [&header[..], &frame([1, 0]), &frame([0xff, 0xff]), b";"].concat();
        assert!(formats::open(&file, &Limits::default()).expect("a picture").source.has_more);
    }

    #[test]
    fn each_format_gives_the_same_pixels() {
        for (bytes, format, channels) in [
            (png_of(2, 2, &four_pixels(), Pixels::Rgb8), "PNG", 3),
            (bmp_of_four(), "BMP", 3),
            (gif_of_four(), "GIF", 4),
            (webp_of_four(), "WebP", 3),
        ] {
            let study = open(&bytes);
            assert_eq!(study.image.rgb(), four_pixels(), "{format}");
            assert_eq!(study.image.window(), None);
            check_source(&study, format, 8, channels);
        }
    }

    #[test]
    fn jpeg_is_read_in_grey_and_in_inks() {
        let study = open(&jpeg_of_halves());
        check_source(&study, "JPEG", 8, 1);
        assert_eq!((study.image.rgb()[3 * 4], study.image.rgb()[3 * 28]), (0, 255));
        // Full magenta and yellow without cyan is red; written by Pillow, with Adobe's inverted inks.
        let study = open(include_bytes!("testdata/red_cmyk.jpg"));
        let [r, g, b] = [0, 1, 2].map(|c| study.image.rgb()[c]);
        assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    }

    #[test]
    fn few_bits_run_from_black_to_white() {
        let bits = raw_png([9, 1], png::ColorType::Grayscale, png::BitDepth::One, None, &[0b1000_0001, 0b1000_0000]);
        let study = open(&bits);
        check_source(&study, "PNG", 1, 1);
        let shown: Vec<u8> = study.image.rgb().iter().step_by(3).copied().collect();
        assert_eq!(shown, [255, 0, 0, 0, 0, 0, 0, 255, 255]);
        let nibbles = raw_png([3, 1], png::ColorType::Grayscale, png::BitDepth::Four, None, &[0x0f, 0x80]);
        let shown: Vec<u8> = open(&nibbles).image.rgb().iter().step_by(3).copied().collect();
        assert_eq!(shown, [0, 255, 136]);
    }

    #[test]
    fn sixteen_bits_of_grey_are_kept_behind_a_window() {
        let values: Vec<u16> = (0..1000).map(|i| 1000 + i * 3).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let study = open(&png_of(100, 10, &bytes, Pixels::L16));
        check_source(&study, "PNG", 16, 1);
        // 0.005 · 999 = 4.995 → the 6th value; 0.995 · 999 = 994.005 → the 995th.
        assert_eq!(study.image.window(), Some(Window::from_range(1015.0, 3982.0)));
        assert_eq!((study.image.rgb()[0], study.image.rgb()[2999]), (0, 255));
    }

    #[test]
    fn sixteen_bits_of_colour_share_one_window() {
        // Red from 0 to 59 940, green half of it, blue nothing: after the window green is half of red still.
        let pixels = (0..1000u16).flat_map(|i| [i * 60, i * 30, 0]);
        let bytes: Vec<u8> = pixels.flat_map(u16::to_ne_bytes).collect();
        let study = open(&png_of(100, 10, &bytes, Pixels::Rgb16));
        check_source(&study, "PNG", 16, 3);
        assert_eq!(study.image.window(), None);
        let [r, g, b] = [0, 1, 2].map(|c| i32::from(study.image.rgb()[3 * 500 + c]));
        assert!((r - 2 * g).abs() <= 2 && r > 100 && b == 0, "{r} {g} {b}");
    }

    #[test]
    fn what_is_transparent_is_black() {
        let pixels = [200, 100, 50, 255, 200, 100, 50, 51, 200, 100, 50, 0];
        let study = open(&png_of(3, 1, &pixels, Pixels::Rgba8));
        assert_eq!(study.image.rgb(), [200, 100, 50, 40, 20, 10, 0, 0, 0]);
        check_source(&study, "PNG", 8, 4);
        assert_eq!(open(&png_of(2, 1, &[90, 255, 90, 85], Pixels::La8)).image.rgb(), [90, 90, 90, 30, 30, 30]);
    }

    #[test]
    fn alpha_that_hides_everything_is_ignored() {
        let study = open(&png_of(2, 1, &[200, 100, 50, 0, 20, 10, 5, 0], Pixels::Rgba8));
        assert_eq!(study.image.rgb(), [200, 100, 50, 20, 10, 5]);
    }

    #[test]
    fn all_eight_orientations_are_turned_upright() {
        // ab
        // cd
        // ef
        let turned = |tag: u8| {
            let orientation = Orientation::from_exif(tag).expect("1 to 8");
            let (size, values) = upright(Size { width: 2, height: 3 }, 1, b"abcdef".to_vec(), orientation);
            let rows = values.chunks(size.width as usize).map(|row| String::from_utf8_lossy(row).into_owned());
            rows.collect::<Vec<_>>().join(" ")
        };
        let all = ["ab cd ef", "ba dc fe", "fe dc ba", "ef cd ab", "ace bdf", "eca fdb", "fdb eca", "bdf ace"];
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(turned), all);
    }

    #[test]
    fn exif_orientation_is_applied() {
        let study = open(&with_orientation(&jpeg_of_halves(), 6)); // to be turned by 90° clockwise
        assert_eq!((study.image.size(), study.source.turned), (Size { width: 16, height: 32 }, true));
        assert!(!open(&with_orientation(&jpeg_of_halves(), 1)).source.turned);
        // What was left is on top now.
        assert_eq!((study.image.rgb()[0], study.image.rgb()[3 * 16 * 31]), (0, 255));
    }

    #[test]
    fn a_png_is_turned_whether_its_exif_stands_before_its_pixels_or_behind() {
        let png = png_of(2, 1, &[10, 20], Pixels::L8);
        let exif = b"\0\0\0\x1aeXIfMM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let chunk = [exif.as_slice(), &[0xd6, 0x67, 0x4b, 0x69]].concat(); // with its checksum
        let (header, end) = (8 + 25, png.len() - 12);
        for at in [header, end] {
            let study = open(&[&png[..at], &chunk, &png[at..]].concat());
            assert_eq!(study.image.size(), Size { width: 1, height: 2 }, "by a quarter");
        }
        assert_eq!(open(&png).image.size(), Size { width: 2, height: 1 });
    }

    #[test]
    fn files_that_are_cut_off_are_refused() {
        let noise: Vec<u8> = (0..64 * 64 * 3u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 20].to_vec();
        let mut jpeg = Vec::new();
        JpegEncoder::new(&mut jpeg).encode(&noise, 64, 64, Pixels::Rgb8).expect("memory takes it");
        for (bytes, format) in [
            (cut(png_of(64, 64, &noise, Pixels::Rgb8)), "PNG"),
            (cut(jpeg), "JPEG"),
            (cut(bmp_of_four()), "BMP"),
            (cut(gif_of_four()), "GIF"),
            (cut(webp_of_four()), "WebP"),
        ] {
            check_refused(
                &bytes,
                "open.truncated",
                &format!("the {format} file ends after {} bytes, before its picture does", bytes.len()),
                "copy or download the file again",
            );
        }
    }

    #[test]
    fn headers_without_anything_behind_them_are_refused() {
        for bytes in [&png_of(2, 2, &four_pixels(), Pixels::Rgb8), &jpeg_of_halves(), &gif_of_four(), &webp_of_four()] {
            for length in [12, 16, 20, 24] {
                let err = formats::open(&bytes[..length.min(bytes.len())], &Limits::default()).unwrap_err();
                assert!(matches!(err.code(), "open.truncated" | "open.damaged"), "{err}");
            }
        }
    }

    #[test]
    fn a_picture_without_pixels_is_refused() {
        let mut png = png_of(2, 2, &four_pixels(), Pixels::Rgb8);
        png[16..20].copy_from_slice(&[0; 4]);
        check_refused(
            &png,
            "geometry.empty",
            "the picture is 0 × 2 pixels, so it holds nothing",
            "open a picture that is at least one pixel wide and high",
        );
        assert_eq!(read_label_map(&png, &Limits::default()).unwrap_err().code(), "geometry.empty");
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut png = png_of(2, 2, &four_pixels(), Pixels::Rgb8);
        png[24] = 3; // three bits a sample
        check_refused(
            &png,
            "open.damaged",
            "the PNG file is damaged: CRC error: expected 0xfdd49a73 have 0x8a04ab62 while decoding ChunkType \
             { type: IHDR, critical: true, private: false, reserved: false, safecopy: false } chunk.",
            "copy or download the file again",
        );
    }

    /// A PNG whose header promises 60 000 × 60 000 pixels, and has two bytes of them.
    fn bomb() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 60_000, 60_000);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c]).expect("memory takes it");
        drop(writer);
        bytes
    }

    #[test]
    fn a_bomb_is_refused_with_both_numbers() {
        let message = "the picture is 60000 × 60000 pixels, 3600000000 in all, and at most 150000000 are opened";
        check_refused(&bomb(), "open.too-many-pixels", message, "cut out or scale down the part that matters");
        assert_eq!(read_label_map(&bomb(), &Limits::default()).unwrap_err().to_string(), message);

        // JPEG, BMP and GIF with their largest sizes written over the small ones.
        let mut jpeg = jpeg_of_halves();
        let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a frame header");
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        let mut bmp = bmp_of_four();
        bmp[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
        let mut gif = gif_of_four();
        gif[6..10].copy_from_slice(&[0xff; 4]);
        for bytes in [jpeg, bmp, gif] {
            check_refused(
                &bytes,
                "open.too-many-pixels",
                "the picture is 65535 × 65535 pixels, 4294836225 in all, and at most 150000000 are opened",
                "cut out or scale down the part that matters",
            );
        }
    }

    #[test]
    fn pixels_that_take_too_many_bytes_are_refused() {
        let png = png_of(100, 100, &[7; 30_000], Pixels::Rgb8);
        let err = formats::open(&png, &Limits { max_bytes: 20_000, ..Limits::default() }).unwrap_err();
        assert_eq!(err.code(), "open.too-many-bytes");
        assert_eq!(err.to_string(), "the file asks for 30000 bytes of memory, and at most 20000 are given");
    }
}
