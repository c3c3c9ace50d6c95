//! TIFF, through the `tiff` crate directly: `image` refuses signed, 64-bit and half floating point samples, palettes,
//! YCbCr, and grey with alpha, all of which microscopes and ImageJ write.
//!
//! Chunks (strips or tiles) are read one by one, because reading all of a tiled planar picture at once panics in tiff
//! 0.11.3 (it measures the last row of tiles in the first plane only); `tests/crashes/tiff_planar_tiles` is one.

use std::io::{self, Cursor};

use ::tiff::{
    ColorType, TiffError, TiffFormatError,
    decoder::{ChunkType, Decoder, DecodingResult, ifd::Value},
    tags::{CompressionMethod, ExtraSamples, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag},
};
use image::metadata::Orientation;

use super::{
    Limits, OpenError, pixel_size,
    raster::{Channels, Format, Raster, Samples, unpack_bits},
};
use crate::geometry::{GeometryError, Size, Spacing};

const FORMAT: Format = Format::Tiff;

/// Decodes the first page, ready to be shown: palettes as colours, fewer than eight bits scaled to eight, CMYK and
/// YCbCr as RGB, black where zero is (white-is-zero is turned round by the decoder).
///
/// # Errors
/// [`OpenError`]: truncated, damaged, unsupported (10, 12 and 14 bits; more than one band besides alpha; CIE L\*a\*b\*;
/// compressions that the `tiff` crate lacks), or over the limits.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Raster, OpenError> {
    let Page { mut raster, palette } = read_page(bytes, limits, Shown::Yes)?;
    if let Samples::U8(values) = &mut raster.samples {
        let brightest = u8::MAX >> (8 - raster.bits.min(8));
        let step = u8::MAX / brightest; // 255, 85, 17 or 1, exactly
        if let Some(palette) = palette {
            // An index, and alpha behind it or not.
            let colours = values.chunks_exact(raster.channels.count()).flat_map(|pixel| {
                palette[usize::from(pixel[0])].into_iter().chain(pixel[1..].iter().map(|alpha| alpha * step))
            });
            *values = colours.collect();
            raster.channels = if raster.channels == Channels::Grey { Channels::Rgb } else { Channels::Rgba };
            raster.bits = 8;
        } else {
            values.iter_mut().for_each(|value| *value *= step);
        }
    }
    Ok(raster)
}

/// Decodes the first page as stored: palette indices and small integers are left alone, and nothing is turned round.
pub(super) fn read_raw(bytes: &[u8], limits: &Limits) -> Result<Raster, OpenError> {
    Ok(read_page(bytes, limits, Shown::No)?.raster)
}

/// Whether values are what is to be seen, or numbers as they are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

struct Page {
    raster: Raster,
    /// Colours by index, 256 of them, when the samples are indices.
    palette: Option<Vec<[u8; 3]>>,
}

fn read_page(bytes: &[u8], limits: &Limits, shown: Shown) -> Result<Page, OpenError> {
    let failed = |error: TiffError| from_tiff_error(error, bytes.len(), limits);
    let mut decoder = open(bytes, limits).map_err(failed)?;
    let (width, height) = decoder.dimensions().map_err(failed)?;
    let palette = palette(&mut decoder, failed)?;

    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression).map_err(failed)?;
    let fill_order = decoder.find_tag_unsigned::<u16>(Tag::FillOrder).map_err(failed)?;
    // The decoder passes this over, and its pixels would be wrong. JPEG has an order of its own.
    if fill_order == Some(2) && compression != Some(CompressionMethod::ModernJPEG.to_u16()) {
        return Err(unsupported("its bits run from the low end (FillOrder 2)".to_owned()));
    }

    // Where the decoder falls short, it is given a copy of the file whose header says something that it can do.
    let mut changes = Vec::new();
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(failed)?;
    let white_is_zero = photometric == Some(PhotometricInterpretation::WhiteIsZero.to_u16());
    if palette.is_some() || (white_is_zero && shown == Shown::No) {
        // A picture of indices differs from a grey one in this tag alone, and so does one that the decoder would turn round.
        changes.push((Tag::PhotometricInterpretation, u32::from(PhotometricInterpretation::BlackIsZero.to_u16())));
    }
    if compression == Some(CompressionMethod::LZW.to_u16()) && decoder.get_chunk_type() == ChunkType::Tile {
        // FIXME: with tiff 0.11.3 many LZW tiles that reach past the right edge end in "no lzw end code found"
        // (image-tiff issue 395). In a picture as wide as its tiles none does.
        let padded_width = width.checked_next_multiple_of(decoder.chunk_dimensions().0);
        changes.extend(padded_width.map(|padded| (Tag::ImageWidth, padded)));
    }
    let changed = with_tags(bytes, &changes);
    let bytes = changed.as_deref().unwrap_or(bytes);
    let mut decoder = open(bytes, limits).map_err(failed)?;
    Ok(Page { raster: read_chunks(&mut decoder, width, height, bytes.len(), limits)?, palette })
}

/// The colours of a picture of indices.
fn palette(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    failed: impl Fn(TiffError) -> OpenError,
) -> Result<Option<Vec<[u8; 3]>>, OpenError> {
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(&failed)?;
    if photometric != Some(PhotometricInterpretation::RGBPalette.to_u16()) {
        return Ok(None);
    }
    let bits = decoder.find_tag_unsigned_vec::<u16>(Tag::BitsPerSample).map_err(&failed)?;
    let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
    let colours = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(&failed)?;
    if !matches!(bits, 1 | 2 | 4 | 8) || colours.len() != 3 << bits {
        return Err(unsupported(format!("its palette has {} entries for {bits} bits", colours.len())));
    }
    let n = 1 << bits;
    // Of 16 bits by the standard; where none is above 255, somebody wrote eight (libtiff takes them so too).
    let shift = if colours.iter().all(|&value| value < 256) { 0 } else { 8 };
    let colour = |index: usize| [0, n, 2 * n].map(|plane| (colours[plane + index] >> shift) as u8);
    Ok(Some((0..256).map(|index| if index < n { colour(index) } else { [0; 3] }).collect()))
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Decoder<Cursor<&'a [u8]>>, TiffError> {
    let mut tiff_limits = ::tiff::decoder::Limits::default();
    tiff_limits.decoding_buffer_size = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    tiff_limits.intermediate_buffer_size = tiff_limits.decoding_buffer_size;
    Ok(Decoder::new(Cursor::new(bytes))?.with_limits(tiff_limits))
}

/// The first `width` columns and `height` rows; a header that was changed may have more.
fn read_chunks(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    width: u32,
    height: u32,
    n_bytes: usize,
    limits: &Limits,
) -> Result<Raster, OpenError> {
    let failed = |error: TiffError| from_tiff_error(error, n_bytes, limits);
    let (padded_width, _) = decoder.dimensions().map_err(failed)?;
    let colour = decoder.colortype().map_err(failed)?;
    let (bits, n_samples) = (colour.bit_depth(), usize::from(colour.num_samples()));
    if !matches!(bits, 1 | 2 | 4 | 8 | 16 | 32 | 64) {
        return Err(unsupported(format!("it stores {bits} bits a sample")));
    }
    let bytes_per_pixel = n_samples as u64 * u64::from(bits).div_ceil(8);
    let size = limits.check_picture(width, height, bytes_per_pixel)?;
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(failed)?.unwrap_or_default();
    let conversion = Conversion::of(colour, extra.first().copied())?;

    // The decoder takes a tile's row at once, wider than the picture or not.
    let (chunk_width, chunk_height) = decoder.chunk_dimensions();
    limits.check_bytes(u64::from(chunk_width).saturating_mul(bytes_per_pixel))?;
    let planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(failed)?;
    let n_planes = if planar == Some(PlanarConfiguration::Planar.to_u16()) { n_samples } else { 1 };
    let n_interleaved = n_samples / n_planes;
    let (n_across, n_down) = (width.div_ceil(chunk_width), height.div_ceil(chunk_height));

    let mut whole: Option<Samples> = None;
    for plane in 0..n_planes {
        for chunk_y in 0..n_down {
            for chunk_x in 0..n_across {
                let in_plane = u64::from(chunk_y) * u64::from(n_across) + u64::from(chunk_x);
                let index = plane as u64 * u64::from(n_across) * u64::from(n_down) + in_plane;
                let index = u32::try_from(index).map_err(|_| damaged("it has too many chunks"))?;
                let chunk = decoder.read_chunk(index).map_err(failed)?;
                let place = Place {
                    x: chunk_x as usize * chunk_width as usize,
                    y: chunk_y as usize * chunk_height as usize,
                    width: chunk_width.min(width - chunk_x * chunk_width) as usize,
                    height: chunk_height.min(height - chunk_y * chunk_height) as usize,
                    first_sample: plane,
                    n_interleaved,
                };
                let chunk_columns = chunk_width.min(padded_width - chunk_x * chunk_width) as usize;
                let chunk = to_samples(chunk, chunk_columns * n_interleaved, bits)?;
                let whole = whole.get_or_insert_with(|| chunk.zeros(size.area() * n_samples));
                if !whole.fill(&chunk, chunk_columns, &place, size, n_samples) {
                    return Err(damaged("its chunks are not as large as its header says"));
                }
            }
        }
    }
    let whole = whole.ok_or(GeometryError::Empty { width, height })?;
    let float = matches!(
        decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).map_err(failed)?.as_deref(),
        Some([format, ..]) if *format == SampleFormat::IEEEFP.to_u16()
    );
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
    let (channels, samples) = conversion.apply(whole, n_samples)?;
    Ok(Raster {
        format: FORMAT,
        size,
        channels,
        samples,
        bits,
        float,
        orientation: orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms),
        spacing: spacing(decoder, n_bytes),
        has_more: has_more(decoder),
    })
}

/// How large a pixel is. What cannot be read says nothing.
fn spacing(decoder: &mut Decoder<Cursor<&[u8]>>, n_bytes: usize) -> Option<Spacing> {
    let directory = decoder.ifd_pointer().and_then(|at| decoder.read_directory(at).ok())?;
    // The decoder makes room for what the header promises before it reads.
    directory.get(Tag::ImageDescription).filter(|entry| entry.count() <= n_bytes as u64)?;
    let description = decoder.get_tag_ascii_string(Tag::ImageDescription).ok()?;
    let mut per_unit = |tag| match decoder.find_tag(tag).ok()?? {
        Value::Rational(n, d) => Some(f64::from(n) / f64::from(d)),
        _ => None,
    };
    let per_unit = [per_unit(Tag::XResolution), per_unit(Tag::YResolution)];
    pixel_size::from_tiff(&description, per_unit)
}

/// Whether there is another page that is a picture of its own, and neither a smaller copy of one nor a mask (TIFF 6.0,
/// NewSubfileType). Pages are not interpreted, which can take long, and what cannot be read behind the first one is none.
fn has_more(decoder: &mut Decoder<Cursor<&[u8]>>) -> bool {
    const NO_PICTURE: u32 = 1 | 4;
    /// A pyramid has a dozen.
    const MOST_OTHERS: usize = 32;
    let first = decoder.ifd_pointer().and_then(|at| decoder.read_directory(at).ok());
    let mut next = first.and_then(|directory| directory.next());
    for _ in 0..MOST_OTHERS {
        let Some(directory) = next.and_then(|at| decoder.read_directory(at).ok()) else { return false };
        let mut tags = decoder.read_directory_tags(&directory);
        let kind = tags.find_tag_unsigned::<u32>(Tag::NewSubfileType).ok().flatten().unwrap_or(0);
        if kind & NO_PICTURE == 0 {
            return true;
        }
        next = directory.next();
    }
    false
}

/// What becomes of the samples of a pixel.
enum Conversion {
    /// They are these channels.
    Keep(Channels),
    /// The first of them are these channels, the rest says nothing about colour.
    First(Channels),
    Cmyk,
    YCbCr,
}

impl Conversion {
    /// `extra` says what the first sample besides the colours is (tag 338).
    fn of(colour: ColorType, extra: Option<u16>) -> Result<Self, OpenError> {
        let extra = extra.map(|kind| ExtraSamples::from_u16(kind).unwrap_or(ExtraSamples::Unspecified));
        Ok(match (colour, extra) {
            (ColorType::Gray(_), _) => Self::Keep(Channels::Grey),
            (ColorType::RGB(_), _) => Self::Keep(Channels::Rgb),
            // Premultiplied colour already is what it is over black.
            (ColorType::RGBA(_), Some(ExtraSamples::AssociatedAlpha)) => Self::First(Channels::Rgb),
            (ColorType::RGBA(_), _) => Self::Keep(Channels::Rgba),
            (ColorType::Multiband { num_samples: 2, .. }, Some(ExtraSamples::UnassociatedAlpha)) => {
                Self::Keep(Channels::GreyAlpha)
            }
            (ColorType::Multiband { num_samples: 2, .. }, Some(_)) => Self::First(Channels::Grey),
            (ColorType::CMYK(8 | 16) | ColorType::CMYKA(8 | 16), _) => Self::Cmyk,
            (ColorType::YCbCr(8), _) => Self::YCbCr,
            (ColorType::Multiband { num_samples, .. }, _) => {
                return Err(unsupported(format!("it has {num_samples} bands that are not colours")));
            }
            (other, _) => return Err(unsupported(format!("its pixels are {other:?}"))),
        })
    }

    fn apply(&self, samples: Samples, n_samples: usize) -> Result<(Channels, Samples), OpenError> {
        Ok(match (self, samples) {
            (Self::Keep(channels), samples) => (*channels, samples),
            (Self::First(channels), samples) => {
                let n = channels.count();
                let samples = match samples {
                    Samples::U8(values) => Samples::U8(firsts(&values, n_samples, n)),
                    Samples::U16(values) => Samples::U16(firsts(&values, n_samples, n)),
                    Samples::F32(values) => Samples::F32(firsts(&values, n_samples, n)),
                };
                (*channels, samples)
            }
            (Self::Cmyk, Samples::U8(values)) => {
                let ink = |value: u8, black: u8| ((255 - u16::from(value)) * (255 - u16::from(black)) / 255) as u8;
                (Channels::Rgb, Samples::U8(inks_to_rgb(&values, n_samples, ink)))
            }
            (Self::Cmyk, Samples::U16(values)) => {
                let ink =
                    |value: u16, black: u16| ((65535 - u64::from(value)) * (65535 - u64::from(black)) / 65535) as u16;
                (Channels::Rgb, Samples::U16(inks_to_rgb(&values, n_samples, ink)))
            }
            (Self::YCbCr, Samples::U8(values)) => {
                let pixels = values.chunks_exact(n_samples);
                (Channels::Rgb, Samples::U8(pixels.flat_map(|p| rgb_from_ycbcr(p[0], p[1], p[2])).collect()))
            }
            (Self::Cmyk | Self::YCbCr, _) => {
                return Err(unsupported("its inks are not unsigned whole numbers".to_owned()));
            }
        })
    }
}

fn firsts<T: Copy>(values: &[T], n_samples: usize, n: usize) -> Vec<T> {
    values.chunks_exact(n_samples).flat_map(|pixel| &pixel[..n]).copied().collect()
}

fn inks_to_rgb<T: Copy>(values: &[T], n_samples: usize, ink: impl Fn(T, T) -> T) -> Vec<T> {
    let rgb = |pixel: &[T]| [pixel[0], pixel[1], pixel[2]].map(|value| ink(value, pixel[3]));
    values.chunks_exact(n_samples).flat_map(rgb).collect()
}

/// Full-range BT.601, as JPEG uses it (ITU-T T.871, section 7).
fn rgb_from_ycbcr(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb].map(|value| value.round() as u8)
}

/// Where a chunk goes in the picture.
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    first_sample: usize,
    n_interleaved: usize,
}

impl Samples {
    fn zeros(&self, n: usize) -> Self {
        match self {
            Self::U8(_) => Self::U8(vec![0; n]),
            Self::U16(_) => Self::U16(vec![0; n]),
            Self::F32(_) => Self::F32(vec![0.0; n]),
        }
    }

    /// Copies a chunk to its place; false when it does not fit.
    fn fill(&mut self, chunk: &Self, columns: usize, place: &Place, size: Size, n_samples: usize) -> bool {
        match (self, chunk) {
            (Self::U8(whole), Self::U8(chunk)) => copy_chunk(whole, chunk, columns, place, size, n_samples),
            (Self::U16(whole), Self::U16(chunk)) => copy_chunk(whole, chunk, columns, place, size, n_samples),
            (Self::F32(whole), Self::F32(chunk)) => copy_chunk(whole, chunk, columns, place, size, n_samples),
            _ => false,
        }
    }
}

fn copy_chunk<T: Copy>(
    whole: &mut [T],
    chunk: &[T],
    columns: usize,
    place: &Place,
    size: Size,
    n_samples: usize,
) -> bool {
    let row_samples = columns * place.n_interleaved;
    if chunk.len() < row_samples * place.height {
        return false;
    }
    for (y, row) in chunk.chunks_exact(row_samples).take(place.height).enumerate() {
        let row = &row[..place.width * place.n_interleaved];
        let start = ((place.y + y) * size.width as usize + place.x) * n_samples;
        if place.n_interleaved == n_samples {
            whole[start..start + row.len()].copy_from_slice(row);
        } else {
            for (x, &value) in row.iter().enumerate() {
                whole[start + x * n_samples + place.first_sample] = value;
            }
        }
    }
    true
}

/// A chunk's values, `n` a row: unsigned 8 and 16 bits as they are, fewer bits one a byte, everything else as f32.
fn to_samples(chunk: DecodingResult, n: usize, bits: u8) -> Result<Samples, OpenError> {
    Ok(match chunk {
        DecodingResult::U8(values) if bits < 8 => {
            Samples::U8(unpack_bits(&values, (n * usize::from(bits)).div_ceil(8), n, bits))
        }
        DecodingResult::U8(values) => Samples::U8(values),
        DecodingResult::U16(values) => Samples::U16(values),
        DecodingResult::I8(_) if bits < 8 => return Err(unsupported(format!("it stores {bits} bits with a sign"))),
        DecodingResult::I8(values) => Samples::F32(values.into_iter().map(f32::from).collect()),
        DecodingResult::I16(values) => Samples::F32(values.into_iter().map(f32::from).collect()),
        DecodingResult::U32(values) => Samples::F32(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::U64(values) => Samples::F32(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I32(values) => Samples::F32(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::I64(values) => Samples::F32(values.into_iter().map(|value| value as f32).collect()),
        DecodingResult::F16(values) => Samples::F32(values.into_iter().map(|value| value.to_f32()).collect()),
        DecodingResult::F32(values) => Samples::F32(values),
        DecodingResult::F64(values) => Samples::F32(values.into_iter().map(|value| value as f32).collect()),
    })
}

/// A copy of the file in which these tags of the first page, numbers of 16 or 32 bits, have other values (TIFF 6.0,
/// section 2; BigTIFF widens offsets and counts to eight bytes). `None` when there is nothing to change, a tag is not
/// found, or its type is too small.
fn with_tags(bytes: &[u8], changes: &[(Tag, u32)]) -> Option<Vec<u8>> {
    const SHORT: usize = 3;
    const LONG: usize = 4;
    if changes.is_empty() {
        return None;
    }
    let (big_endian, wide) = (bytes.first() == Some(&b'M'), matches!(bytes.get(2..4), Some([43, _] | [_, 43])));
    let number = |at: usize, n: usize| -> Option<usize> {
        let field = bytes.get(at..at.checked_add(n)?)?;
        let digit = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        let value = if big_endian { field.iter().fold(0, digit) } else { field.iter().rev().fold(0, digit) };
        usize::try_from(value).ok()
    };
    let (directory, count_bytes, entry_bytes) = if wide { (number(8, 8)?, 8, 20) } else { (number(4, 4)?, 2, 12) };
    let n_entries = number(directory, count_bytes)?;
    let first = directory.checked_add(count_bytes)?;
    let entry_at = |i: usize| first.checked_add(i.checked_mul(entry_bytes)?).filter(|&at| at < bytes.len());
    let mut changed = bytes.to_vec();
    for &(tag, value) in changes {
        let mut entries = (0..n_entries).map_while(entry_at);
        let entry = entries.find(|&at| number(at, 2) == Some(tag.to_u16().into()))?;
        let field = entry + if wide { 12 } else { 8 };
        let (short, long) = (u16::try_from(value), value);
        match (number(entry + 2, 2)?, big_endian) {
            (SHORT, false) => changed.get_mut(field..field + 2)?.copy_from_slice(&short.ok()?.to_le_bytes()),
            (SHORT, true) => changed.get_mut(field..field + 2)?.copy_from_slice(&short.ok()?.to_be_bytes()),
            (LONG, false) => changed.get_mut(field..field + 4)?.copy_from_slice(&long.to_le_bytes()),
            (LONG, true) => changed.get_mut(field..field + 4)?.copy_from_slice(&long.to_be_bytes()),
            _ => return None,
        }
    }
    Some(changed)
}

fn unsupported(detail: String) -> OpenError {
    OpenError::Unsupported { format: FORMAT.name(), detail }
}

fn damaged(detail: &str) -> OpenError {
    OpenError::Damaged { format: FORMAT.name(), detail: detail.to_owned() }
}

fn from_tiff_error(error: TiffError, found_bytes: usize, limits: &Limits) -> OpenError {
    match error {
        TiffError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            OpenError::Truncated { format: FORMAT.name(), found_bytes }
        }
        TiffError::LimitsExceeded => OpenError::TooMuchMemory { format: FORMAT.name(), max_bytes: limits.max_bytes },
        TiffError::FormatError(TiffFormatError::InvalidDimensions(width, height)) => {
            GeometryError::Empty { width, height }.into()
        }
        TiffError::UnsupportedError(e) => unsupported(e.to_string()),
        other => damaged(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use ::tiff::encoder::{Rational, TiffEncoder, colortype::Gray8};

    use super::*;
    use crate::formats::{self, Study, labels};

    const BITS: u16 = 258;
    const PHOTOMETRIC: u16 = 262;
    const FILL_ORDER: u16 = 266;
    const ORIENTATION: u16 = 274;
    const SAMPLES: u16 = 277;
    const PLANAR: u16 = 284;
    const COLOUR_MAP: u16 = 320;
    const EXTRA: u16 = 338;
    const FORMAT: u16 = 339;

    /// A little-endian TIFF of one uncompressed strip, with these tags of 16-bit values.
    fn tiff_of(width: u16, height: u16, tags: &[(u16, &[u16])], data: &[u8]) -> Vec<u8> {
        write_tiff(false, width, height, tags, data)
    }

    fn write_tiff(big_endian: bool, width: u16, height: u16, tags: &[(u16, &[u16])], data: &[u8]) -> Vec<u8> {
        let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: usize| {
            let value = u32::try_from(value).expect("small");
            if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
        };
        let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(long(8 + data.len()));
        bytes.extend(data);
        let n_bytes = u16::try_from(data.len()).expect("small");
        let mut tags: Vec<(u16, &[u16])> = tags.to_vec();
        let (width, height, start, count) = ([width], [height], [8], [n_bytes]);
        tags.extend([(256, &width[..]), (257, &height), (273, &start), (279, &count)]);
        tags.sort_by_key(|&(tag, _)| tag);
        let mut elsewhere = Vec::new();
        let elsewhere_at = bytes.len() + 2 + 12 * tags.len() + 4;
        bytes.extend(short(tags.len() as u16));
        for (tag, values) in &tags {
            let field: Vec<u8> = values.iter().flat_map(|&value| short(value)).collect();
            bytes.extend([short(*tag), short(3)].concat());
            bytes.extend(long(values.len()));
            if field.len() <= 4 {
                bytes.extend(&field);
                bytes.extend(vec![0; 4 - field.len()]);
            } else {
                bytes.extend(long(elsewhere_at + elsewhere.len()));
                elsewhere.extend(field);
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(elsewhere);
        bytes
    }

    #[test]
    fn a_pixel_is_as_large_as_imagej_says_and_turns_with_the_picture() {
        let written = |orientation: u16| {
            let mut bytes = Cursor::new(Vec::new());
            let mut encoder = TiffEncoder::new(&mut bytes).expect("starts");
            let mut page = encoder.new_image::<Gray8>(3, 2).expect("a page");
            let tags = page.encoder();
            tags.write_tag(Tag::ImageDescription, "ImageJ=1.54f\nunit=micron\n").expect("a tag");
            tags.write_tag(Tag::XResolution, Rational { n: 4, d: 1 }).expect("a tag");
            tags.write_tag(Tag::YResolution, Rational { n: 2_000_000, d: 1_000_000 }).expect("a tag");
            tags.write_tag(Tag::Orientation, orientation).expect("a tag");
            page.write_data(&[0; 6]).expect("pixels");
            bytes.into_inner()
        };
        let told = |orientation| open_tiff(&written(orientation)).image.spacing();
        let spacing = |x_mm, y_mm| Some(Spacing { x_mm, y_mm, z_mm: 1.0 });
        assert_eq!(told(1), spacing(2.5e-4, 5e-4));
        assert_eq!(told(6), spacing(5e-4, 2.5e-4));
        assert_eq!(open_tiff(&tiff_of(3, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], &[0; 3])).image.spacing(), None);
    }

    /// A file of a page of one grey pixel and another whose NewSubfileType is `kind`.
    fn two_pages(kind: u8) -> Vec<u8> {
        let entry = |tag: u16, value: u8| [tag.to_le_bytes().as_slice(), &[3, 0, 1, 0, 0, 0, value, 0, 0, 0]].concat();
        let page = |kind: u8, next: u8| {
            let tags = [(254, kind), (256, 1), (257, 1), (BITS, 8), (PHOTOMETRIC, 1), (273, 8), (279, 1)];
            let entries = tags.map(|(tag, value)| entry(tag, value)).concat();
            [&[tags.len() as u8, 0][..], &entries, &[next, 0, 0, 0]].concat()
        };
        let first_at = 10;
        let second_at = first_at + page(0, 0).len() as u8;
        [&[b'I', b'I', b'*', 0, first_at, 0, 0, 0, 77, 0][..], &page(0, second_at), &page(kind, 0)].concat()
    }

    #[test]
    fn further_pages_are_told_and_smaller_copies_are_none() {
        assert!(open_tiff(&two_pages(0)).source.has_more);
        assert!(!open_tiff(&two_pages(1)).source.has_more);
        assert!(!open_tiff(&two_pages(4)).source.has_more, "a mask is no picture");
        assert!(!open_tiff(&tiff_of(1, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], &[77])).source.has_more);
        let whole = two_pages(0);
        let cut = open_tiff(&whole[..whole.len() - 8]);
        assert!(!cut.source.has_more, "what is damaged behind the first page is none");
    }

    #[track_caller]
    fn open_tiff(bytes: &[u8]) -> Study {
        formats::open(bytes, &Limits::default()).expect("a picture")
    }

    /// What is shown of a grey picture.
    #[track_caller]
    fn grey(bytes: &[u8]) -> Vec<u8> {
        open_tiff(bytes).image.rgb().iter().step_by(3).copied().collect()
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], code: &str, message: &str, hint: &str) {
        let err = formats::open(bytes, &Limits::default()).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    #[test]
    fn few_bits_are_scaled_and_white_may_be_zero() {
        assert_eq!(grey(&tiff_of(3, 2, &[(BITS, &[1]), (PHOTOMETRIC, &[1])], &[0x80, 0x60])), [255, 0, 0, 0, 255, 255]);
        assert_eq!(grey(&tiff_of(3, 2, &[(BITS, &[1]), (PHOTOMETRIC, &[0])], &[0x80, 0x60])), [0, 255, 255, 255, 0, 0]);
        assert_eq!(grey(&tiff_of(3, 1, &[(BITS, &[4]), (PHOTOMETRIC, &[1])], &[0x0f, 0x80])), [0, 255, 136]);
        assert_eq!(grey(&tiff_of(2, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[0])], &[10, 255])), [245, 0]);
        assert_eq!(open_tiff(&tiff_of(3, 1, &[(BITS, &[4]), (PHOTOMETRIC, &[1])], &[0x0f, 0x80])).source.bits, 4);
    }

    #[test]
    fn wide_signed_and_floating_values_are_kept_behind_a_window() {
        // 1, -2 and 3 as each type; the window runs from the least to the greatest, so -2 is black and 3 white.
        let values = [1, -2, 3];
        let i16s: Vec<u8> = values.iter().flat_map(|&v| (v as i16).to_le_bytes()).collect();
        let i32s: Vec<u8> = values.iter().flat_map(|&v: &i32| v.to_le_bytes()).collect();
        let f32s: Vec<u8> = values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
        let f64s: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
        let i8s: Vec<u8> = values.iter().map(|&v| v as u8).collect();
        for (bits, format, data) in [(8, 2, i8s), (16, 2, i16s), (32, 2, i32s), (32, 3, f32s), (64, 3, f64s)] {
            let study = open_tiff(&tiff_of(3, 1, &[(BITS, &[bits]), (PHOTOMETRIC, &[1]), (FORMAT, &[format])], &data));
            assert_eq!(study.image.rgb(), [153, 153, 153, 0, 0, 0, 255, 255, 255], "{bits} bits of kind {format}");
            assert_eq!((study.source.bits, study.source.float), (bits as u8, format == 3));
        }
    }

    #[test]
    fn not_a_number_is_black_and_does_not_move_the_window() {
        let data: Vec<u8> = [f32::NAN, 2.0, 4.0, f32::INFINITY].iter().flat_map(|v| v.to_le_bytes()).collect();
        let bytes = tiff_of(4, 1, &[(BITS, &[32]), (PHOTOMETRIC, &[1]), (FORMAT, &[3])], &data);
        assert_eq!(grey(&bytes), [0, 0, 255, 255]);
    }

    #[test]
    fn a_palette_may_have_alpha_beside_it() {
        let mut map = [[0u16; 256]; 3];
        [map[0][1], map[1][2]] = [0xff00, 0x8000]; // red, half green
        let map = map.concat();
        for bits in [&[8][..], &[8, 8]] {
            let tags: [(u16, &[u16]); 5] =
                [(BITS, bits), (PHOTOMETRIC, &[3]), (SAMPLES, &[2]), (EXTRA, &[2]), (COLOUR_MAP, &map)];
            let study = open_tiff(&tiff_of(3, 1, &tags, &[1, 255, 2, 255, 1, 0]));
            assert_eq!(study.image.rgb(), [255, 0, 0, 0, 128, 0, 0, 0, 0], "the last is transparent, over black");
            assert_eq!(study.source.channels, 4);
        }
    }

    #[test]
    fn labels_are_not_turned_round_where_white_is_zero() {
        let bytes = tiff_of(3, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[0])], &[0, 255, 2]);
        assert_eq!(grey(&bytes), [255, 0, 253]);
        let labels = labels::read_label_map(&bytes, &Limits::default()).expect("a label map");
        assert_eq!(labels.labels(), [0, 255, 2]);
    }

    #[test]
    fn a_palette_is_colours_in_a_picture_and_numbers_in_a_label_map() {
        let mut map = [[0u16; 4]; 3];
        [map[0][1], map[1][2], map[2][3]] = [0xffff, 0x80ff, 0x0100]; // red, half green, little blue
        let map = map.concat();
        for big_endian in [false, true] {
            let tags: [(u16, &[u16]); 3] = [(BITS, &[2]), (PHOTOMETRIC, &[3]), (COLOUR_MAP, &map)];
            let bytes = write_tiff(big_endian, 4, 1, &tags, &[0b0001_1011]);
            assert_eq!(open_tiff(&bytes).image.rgb(), [0, 0, 0, 255, 0, 0, 0, 128, 0, 0, 0, 1]);
            let labels = labels::read_label_map(&bytes, &Limits::default()).expect("a label map");
            assert_eq!(labels.labels(), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_palette_of_eight_bits_is_not_black() {
        let mut map = [[0u16; 256]; 3];
        [map[0][1], map[1][2], map[2][3]] = [0xff, 0x80, 0x01];
        let tags: [(u16, &[u16]); 3] = [(BITS, &[8]), (PHOTOMETRIC, &[3]), (COLOUR_MAP, &map.concat())];
        assert_eq!(open_tiff(&tiff_of(3, 1, &tags, &[1, 2, 3])).image.rgb(), [255, 0, 0, 0, 128, 0, 0, 0, 1]);
    }

    #[test]
    fn inks_and_alpha_become_colours_over_black() {
        let cmyk =
            tiff_of(2, 1, &[(BITS, &[8; 4]), (PHOTOMETRIC, &[5]), (SAMPLES, &[4])], &[0, 255, 255, 0, 0, 0, 0, 255]);
        assert_eq!(open_tiff(&cmyk).image.rgb(), [255, 0, 0, 0, 0, 0]);
        let tags = |extra| [(BITS, &[8; 4][..]), (PHOTOMETRIC, &[2]), (SAMPLES, &[4]), (EXTRA, extra)];
        let pixel = [200, 100, 50, 51];
        assert_eq!(open_tiff(&tiff_of(1, 1, &tags(&[2]), &pixel)).image.rgb(), [40, 20, 10]);
        assert_eq!(open_tiff(&tiff_of(1, 1, &tags(&[1]), &pixel)).image.rgb(), [200, 100, 50], "premultiplied");
        assert_eq!(open_tiff(&tiff_of(1, 1, &tags(&[0]), &pixel)).image.rgb(), [200, 100, 50], "no alpha at all");
        let tags = [(BITS, &[8; 2][..]), (PHOTOMETRIC, &[1]), (SAMPLES, &[2]), (EXTRA, &[2])];
        assert_eq!(grey(&tiff_of(2, 1, &tags, &[90, 255, 90, 85])), [90, 30]);
    }

    #[test]
    fn planes_are_interleaved() {
        let tags = [(BITS, &[8; 3][..]), (PHOTOMETRIC, &[2]), (SAMPLES, &[3]), (PLANAR, &[2])];
        // Three strips, one a plane: the builder writes one, so its tags are replaced.
        let mut bytes = tiff_of(2, 1, &tags, &[1, 2, 10, 20, 100, 200]);
        let ifd = 14;
        let entry = |bytes: &[u8], tag: u16| {
            (ifd + 2..).step_by(12).find(|&at| bytes[at..at + 2] == tag.to_le_bytes()).expect("there is one")
        };
        for (tag, values) in [(273, [8u16, 10, 12]), (279, [2, 2, 2])] {
            let (at, end) = (entry(&bytes, tag), bytes.len() as u32);
            bytes[at + 4..at + 8].copy_from_slice(&3u32.to_le_bytes());
            bytes[at + 8..at + 12].copy_from_slice(&end.to_le_bytes());
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        assert_eq!(open_tiff(&bytes).image.rgb(), [1, 10, 100, 2, 20, 200]);
    }

    #[test]
    fn tiles_that_reach_past_the_picture_are_cut() {
        // 53 × 16 pixels of 4x in LZW tiles of 32 × 16; written by tifffile.
        let bytes = include_bytes!("testdata/tiles_lzw.tif");
        let row: Vec<u8> = (0..53).map(|x| x * 4).collect();
        assert_eq!(grey(bytes), row.repeat(16));
        // FIXME: once this reads the tile, `read_page` need not widen the picture.
        let mut decoder = Decoder::new(Cursor::new(bytes.as_slice())).expect("a header");
        assert_eq!(decoder.read_chunk(1).unwrap_err().to_string(), "no lzw end code found");
    }

    #[test]
    fn orientation_is_applied() {
        let study = open_tiff(&tiff_of(3, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[1]), (ORIENTATION, &[6])], &[1, 2, 3]));
        assert_eq!((study.image.size(), study.image.rgb()[0]), (Size { width: 1, height: 3 }, 1));
    }

    #[test]
    fn label_maps_of_floats_are_whole_numbers_or_refused() {
        let tags: [(u16, &[u16]); 3] = [(BITS, &[32]), (PHOTOMETRIC, &[1]), (FORMAT, &[3])];
        let floats = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let read = |values: &[f32]| labels::read_label_map(&tiff_of(2, 1, &tags, &floats(values)), &Limits::default());
        assert_eq!(read(&[0.0, 300.0]).expect("a label map").labels(), [0, 300]);
        let err = read(&[0.0, 0.5]).unwrap_err();
        assert_eq!(err.to_string(), "the label map holds the value 0.5, and labels are whole numbers from 0 to 65535");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        const HINT: &str = "save it as an 8-bit or 16-bit PNG and open that";
        check_refused(
            &tiff_of(2, 1, &[(BITS, &[12]), (PHOTOMETRIC, &[1])], &[0; 3]),
            "open.unsupported",
            "this TIFF file cannot be read by medbox: it stores 12 bits a sample",
            HINT,
        );
        check_refused(
            &tiff_of(1, 1, &[(BITS, &[8; 5]), (PHOTOMETRIC, &[1]), (SAMPLES, &[5])], &[0; 5]),
            "open.unsupported",
            "this TIFF file cannot be read by medbox: it has 5 bands that are not colours",
            HINT,
        );
        check_refused(
            &tiff_of(2, 1, &[(BITS, &[2]), (PHOTOMETRIC, &[3]), (COLOUR_MAP, &[1, 2, 3])], &[0]),
            "open.unsupported",
            "this TIFF file cannot be read by medbox: its palette has 3 entries for 2 bits",
            HINT,
        );
        check_refused(
            &tiff_of(1, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[1]), (259, &[50000])], &[0; 9]),
            "open.unsupported",
            "this TIFF file cannot be read by medbox: compression method ZSTD is unsupported",
            HINT,
        );
    }

    #[test]
    fn bits_that_run_from_the_low_end_are_refused() {
        let bytes = |order: u16| tiff_of(3, 1, &[(BITS, &[1]), (PHOTOMETRIC, &[1]), (FILL_ORDER, &[order])], &[0x80]);
        assert_eq!(grey(&bytes(1)), [255, 0, 0]);
        let message = "this TIFF file cannot be read by medbox: its bits run from the low end (FillOrder 2)";
        check_refused(&bytes(2), "open.unsupported", message, "save it as an 8-bit or 16-bit PNG and open that");
        assert_eq!(labels::read_label_map(&bytes(2), &Limits::default()).unwrap_err().to_string(), message);
    }

    #[test]
    fn files_that_promise_more_than_they_hold_are_refused() {
        let bytes = tiff_of(40, 40, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], &[0; 100]);
        check_refused(
            &bytes,
            "open.truncated",
            &format!("the TIFF file ends after {} bytes, before its picture does", bytes.len()),
            "copy or download the file again",
        );
        check_refused(
            &tiff_of(0, 4, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], &[]),
            "geometry.empty",
            "the picture is 0 × 4 pixels, so it holds nothing",
            "open a picture that is at least one pixel wide and high",
        );
        check_refused(
            &tiff_of(60_000, 60_000, &[(BITS, &[8]), (PHOTOMETRIC, &[1])], &[0; 9]),
            "open.too-many-pixels",
            "the picture is 60000 × 60000 pixels, 3600000000 in all, and at most 150000000 are opened",
            "cut out or scale down the part that matters",
        );
    }

    #[test]
    fn a_tile_far_wider_than_the_picture_is_refused() {
        // Strips become tiles of 2³¹ pixels a row by turning 273 and 279 into 324 and 325.
        let mut bytes = tiff_of(2, 1, &[(BITS, &[8]), (PHOTOMETRIC, &[1]), (322, &[0, 0x8000]), (323, &[1])], &[0; 9]);
        for (strip, tile) in [(273u16, 324u16), (279, 325)] {
            let at = bytes.windows(2).rposition(|pair| pair == strip.to_le_bytes()).expect("a tag");
            bytes[at..at + 2].copy_from_slice(&tile.to_le_bytes());
        }
        // Tag 322 as one number of 32 bits.
        let at = bytes.windows(2).rposition(|pair| pair == 322u16.to_le_bytes()).expect("a tag");
        bytes[at + 2..at + 8].copy_from_slice(&[4, 0, 1, 0, 0, 0]);
        check_refused(
            &bytes,
            "open.too-many-bytes",
            "the file asks for 2147483648 bytes of memory, and at most 1073741824 are given",
            "cut out or scale down the part that matters",
        );
    }
}
