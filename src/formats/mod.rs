//! Bytes to a study: looks at the first bytes, picks one reader. Files are hostile until parsed: every reader takes
//! [`Limits`], checks the header against them before it allocates, and returns an [`OpenError`].

pub mod labels;
pub mod npz;
pub mod raster;

mod jpeg;
mod pixel_size;
mod sniff;
mod tiff;

use crate::{
    geometry::{GeometryError, Size},
    image::Image,
};
use sniff::Kind;

/// How much a file may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file, and of its pixels as they are stored.
    pub max_bytes: u64,
    /// Pixels of the picture.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 1 GiB and 150 megapixels. A mammogram has 30 megapixels and a scanned film 100; at 150 a picture of 16 bits and
    /// what is made of it (stored values, colours, working copy) still fit into the 4 GiB that a page's module can have.
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_pixels: 150_000_000 }
    }
}

impl Limits {
    /// Refuses a file of too many bytes.
    fn check_file(&self, bytes: &[u8]) -> Result<(), OpenError> {
        if bytes.is_empty() {
            return Err(OpenError::Empty);
        }
        self.check_bytes(bytes.len() as u64)
    }

    /// Refuses a picture from what its header says: no pixels, too many pixels, too many bytes.
    fn check_picture(&self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<Size, OpenError> {
        let size = Size::new(width, height)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels {
            return Err(OpenError::TooManyPixels { width, height, pixels, max_pixels: self.max_pixels });
        }
        self.check_bytes(pixels.saturating_mul(bytes_per_pixel))?;
        Ok(size)
    }

    fn check_bytes(&self, bytes: u64) -> Result<(), OpenError> {
        if bytes > self.max_bytes {
            return Err(OpenError::TooManyBytes { bytes, max_bytes: self.max_bytes });
        }
        Ok(())
    }
}

/// An opened file.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// The picture, upright, as it is shown and segmented.
    pub image: Image,
    /// What the file held.
    pub source: Source,
}

/// What a file held, for people to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Name of the format: `PNG`, `TIFF`, ….
    pub format: &'static str,
    /// Bits a sample; of a palette's colours, not of its indices.
    pub bits: u8,
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    pub channels: u8,
    /// Whether samples are floating point numbers.
    pub float: bool,
    /// Whether the file holds further pictures, which are left out: pages, frames.
    pub has_more: bool,
    /// Whether the picture lies in the file turned or mirrored, and was made upright.
    pub turned: bool,
}

/// Why bytes could not be opened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum OpenError {
    /// There are no bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The first bytes say nothing.
    #[error("the file starts with the bytes {first_bytes}, which is no kind of file that medbox knows")]
    UnknownKind { first_bytes: String },
    /// The first bytes say what it is, and there is no reader for it.
    #[error("this looks like {kind}, which medbox cannot read yet")]
    OtherKind { kind: &'static str, hint: &'static str },
    /// The file ends too early.
    #[error("the {format} file ends after {found_bytes} bytes, before its picture does")]
    Truncated { format: &'static str, found_bytes: usize },
    /// The file contradicts its format.
    #[error("the {format} file is damaged: {detail}")]
    Damaged { format: &'static str, detail: String },
    /// The file is in order, and uses something that there is no reader for.
    #[error("this {format} file cannot be read by medbox: {detail}")]
    Unsupported { format: &'static str, detail: String },
    /// A picture without pixels.
    #[error(transparent)]
    Size(#[from] GeometryError),
    /// More pixels than [`Limits::max_pixels`].
    #[error("the picture is {width} × {height} pixels, {pixels} in all, and at most {max_pixels} are opened")]
    TooManyPixels { width: u32, height: u32, pixels: u64, max_pixels: u64 },
    /// More bytes than [`Limits::max_bytes`].
    #[error("the file asks for {bytes} bytes of memory, and at most {max_bytes} are given")]
    TooManyBytes { bytes: u64, max_bytes: u64 },
    /// A decoder gave up because of [`Limits::max_bytes`].
    #[error("decoding the {format} file takes more than {max_bytes} bytes of memory")]
    TooMuchMemory { format: &'static str, max_bytes: u64 },
    /// An NPZ file without an array that is needed.
    #[error("the NPZ file holds no array “{name}”")]
    MissingArray { name: &'static str },
    /// An NPZ file with a volume.
    #[error(
        "the NPZ file holds a volume of {depth} × {height} × {width} voxels, and medbox opens single pictures only"
    )]
    Volume { depth: usize, height: usize, width: usize },
    /// An array of the wrong shape.
    #[error("the array “{name}” has the shape {found:?}, and {expected} was expected")]
    WrongShape { name: &'static str, found: Vec<usize>, expected: &'static str },
    /// An array of the wrong type.
    #[error("the array “{name}” holds values of type {found}, and {expected} was expected")]
    WrongType { name: &'static str, found: String, expected: &'static str },
    /// A value that is no label.
    #[error("the label map holds the value {value}, and labels are whole numbers from 0 to 65535")]
    NotALabel { value: f64 },
    /// A label map in a format that changes values.
    #[error("{format} files do not keep values exactly, so they hold no label map")]
    InexactLabels { format: &'static str },
    /// A label map of colours.
    #[error("the pixels of the file are colours, and a label map has one number a pixel")]
    ColouredLabels,
}

impl OpenError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "open.empty",
            Self::UnknownKind { .. } => "open.unknown-kind",
            Self::OtherKind { .. } => "open.other-kind",
            Self::Truncated { .. } => "open.truncated",
            Self::Damaged { .. } => "open.damaged",
            Self::Unsupported { .. } => "open.unsupported",
            Self::Size(e) => e.code(),
            Self::TooManyPixels { .. } => "open.too-many-pixels",
            Self::TooManyBytes { .. } | Self::TooMuchMemory { .. } => "open.too-many-bytes",
            Self::MissingArray { .. } => "open.missing-array",
            Self::Volume { .. } => "open.volume",
            Self::WrongShape { .. } => "open.wrong-shape",
            Self::WrongType { .. } => "open.wrong-type",
            Self::NotALabel { .. } => "open.not-a-label",
            Self::InexactLabels { .. } => "open.inexact-labels",
            Self::ColouredLabels => "open.coloured-labels",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated { .. } | Self::Damaged { .. } => "copy or download the file again",
            Self::UnknownKind { .. } => "open a PNG, JPEG, TIFF, BMP, GIF, WebP or NPZ file",
            Self::OtherKind { hint, .. } => hint,
            Self::Unsupported { .. } => "save it as an 8-bit or 16-bit PNG and open that",
            Self::Size(e) => e.hint(),
            Self::TooManyPixels { .. } | Self::TooManyBytes { .. } | Self::TooMuchMemory { .. } => {
                "cut out or scale down the part that matters"
            }
            Self::MissingArray { .. } | Self::WrongShape { .. } | Self::WrongType { .. } => {
                "a 2D challenge file holds imgs (H, W, 3) uint8, boxes (n, 4), and gts (H, W) where masks are known"
            }
            Self::Volume { .. } => "save one slice as PNG and open that",
            Self::NotALabel { .. } => "save the masks as whole numbers, one for each object",
            Self::InexactLabels { .. } => "save the label map as PNG",
            Self::ColouredLabels => "save the label map as PNG, grey or with a palette",
        }
    }
}

/// Reads a picture of any kind that medbox knows: PNG, JPEG, BMP, GIF, TIFF, WebP, or a 2D challenge file (NPZ).
///
/// How pixels are read is told at [`raster::read`] and [`npz::read_case`].
///
/// # Errors
/// One [`OpenError`] for each way in which bytes are no such picture, or ask for more than `limits` allow.
///
/// # Example
/// ```
/// use medbox::formats::{Limits, open};
///
/// // The smallest picture there is: a GIF of one white pixel.
/// let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// let study = open(gif, &Limits::default())?;
/// assert_eq!(study.source.format, "GIF");
/// assert_eq!(study.image.rgb(), [255, 255, 255]);
///
/// let err = open(b"%PDF-1.7", &Limits::default()).unwrap_err();
/// assert_eq!(err.to_string(), "this looks like a PDF file, which medbox cannot read yet");
/// assert_eq!(err.hint(), "save the picture in it as PNG or TIFF and open that");
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn open(bytes: &[u8], limits: &Limits) -> Result<Study, OpenError> {
    limits.check_file(bytes)?;
    match Kind::of(bytes)? {
        Kind::Raster(format) => raster::read(bytes, format, limits)?.into_study(),
        Kind::Npz => {
            let (image, channels) = npz::read_image(bytes, limits)?;
            let source = Source { format: "NPZ", bits: 8, channels, float: false, has_more: false, turned: false };
            Ok(Study { image, source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(bytes: &[u8], code: &str, message: &str, hint: &str) {
        let err = open(bytes, &Limits::default()).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    #[test]
    fn no_bytes_are_refused() {
        check_refused(b"", "open.empty", "the file is empty", "copy or download the file again");
    }

    #[test]
    fn bytes_that_say_nothing_are_shown() {
        check_refused(
            b"hello, world",
            "open.unknown-kind",
            "the file starts with the bytes 68 65 6c 6c 6f 2c 20 77, which is no kind of file that medbox knows",
            "open a PNG, JPEG, TIFF, BMP, GIF, WebP or NPZ file",
        );
        check_refused(
            b"B",
            "open.unknown-kind",
            "the file starts with the bytes 42, which is no kind of file that medbox knows",
            "open a PNG, JPEG, TIFF, BMP, GIF, WebP or NPZ file",
        );
    }

    #[test]
    fn a_file_over_the_limit_is_refused_with_both_numbers() {
        let limits = Limits { max_bytes: 10, ..Limits::default() };
        let err = open(b"hello, world", &limits).unwrap_err();
        assert_eq!(err.code(), "open.too-many-bytes");
        assert_eq!(err.to_string(), "the file asks for 12 bytes of memory, and at most 10 are given");
        assert_eq!(err.hint(), "cut out or scale down the part that matters");
    }
}
