//! What kind of file it is, from its first bytes alone: names and endings lie.

use super::{OpenError, raster::Format};

/// A kind that there is a reader for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Raster(Format),
    Npz,
}

/// A kind that there is no reader for, worth a name so that people know what they hold.
struct Foreign {
    kind: &'static str,
    hint: &'static str,
}

const SAVE_AS: &str = "save the picture in it as PNG or TIFF and open that";
const SAVE_SLICE: &str = "save one slice of it as PNG or TIFF and open that";
const UNPACK: &str = "unpack it and open a picture from it";
const DOWNLOAD: &str = "download the picture itself: the server sent a page in its place";

impl Kind {
    /// # Errors
    /// [`OpenError::OtherKind`] or [`OpenError::UnknownKind`] when there is no reader for it.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, OpenError> {
        if let Some(kind) = known(bytes) {
            return Ok(kind);
        }
        Err(match foreign(bytes) {
            Some(Foreign { kind, hint }) => OpenError::OtherKind { kind, hint },
            None => {
                let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
                OpenError::UnknownKind { first_bytes: first.join(" ") }
            }
        })
    }
}

fn known(bytes: &[u8]) -> Option<Kind> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    Some(match () {
        () if starts(b"\x89PNG\r\n\x1a\n") => Kind::Raster(Format::Png),
        // ff d8 ff f7 is JPEG-LS, which is another format.
        () if starts(b"\xff\xd8\xff") && !starts(b"\xff\xd8\xff\xf7") => Kind::Raster(Format::Jpeg),
        () if starts(b"GIF87a") || starts(b"GIF89a") => Kind::Raster(Format::Gif),
        () if starts(b"II*\0") || starts(b"MM\0*") || starts(b"II+\0") || starts(b"MM\0+") => {
            Kind::Raster(Format::Tiff)
        }
        () if starts(b"RIFF") && at(bytes, 8, b"WEBP") => Kind::Raster(Format::WebP),
        () if is_bmp(bytes) => Kind::Raster(Format::Bmp),
        () if starts(b"PK\x03\x04") && first_zip_entry(bytes).is_some_and(|name| name.ends_with(b".npy")) => Kind::Npz,
        () => return None,
    })
}

fn foreign(bytes: &[u8]) -> Option<Foreign> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let brand = if at(bytes, 4, b"ftyp") { bytes.get(8..12) } else { None };
    let (kind, hint) = match () {
        () if at(bytes, 128, b"DICM") || is_bare_dicom(bytes) => ("a DICOM file", SAVE_SLICE),
        () if at(bytes, 344, b"n+1\0") || at(bytes, 344, b"ni1\0") || at(bytes, 4, b"n+2\0") => {
            ("a NIfTI volume", SAVE_SLICE)
        }
        () if starts(b"\x1f\x8b") => ("a gzip archive (NIfTI volumes often are)", SAVE_SLICE),
        () if starts(b"NRRD") => ("an NRRD volume", SAVE_SLICE),
        () if starts(b"ObjectType = ") || starts(b"NDims = ") => ("a MetaImage volume", SAVE_SLICE),
        () if starts(b"\x89HDF\r\n\x1a\n") => ("an HDF5 file", SAVE_SLICE),
        () if starts(b"MATLAB ") => ("a MATLAB file", SAVE_AS),
        () if starts(b"\x93NUMPY") => ("a single NumPy array (.npy)", "save it as PNG, or as imgs in an .npz file"),
        () if starts(b"%PDF") => ("a PDF file", SAVE_AS),
        () if starts(b"\0\0\0\x0cjP  ") || starts(b"\xff\x4f\xff\x51") => ("a JPEG 2000 picture", SAVE_AS),
        () if starts(b"\xff\xd8\xff\xf7") => ("a JPEG-LS picture", SAVE_AS),
        () if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL ") => ("a JPEG XL picture", SAVE_AS),
        () if matches!(brand, Some(b"avif" | b"avis")) => ("an AVIF picture", SAVE_AS),
        () if matches!(brand, Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1")) => {
            ("a HEIC picture", SAVE_AS)
        }
        () if brand.is_some() || (starts(b"RIFF") && at(bytes, 8, b"AVI ")) => {
            ("a video", "save one picture of it as PNG and open that")
        }
        () if starts(b"8BPS") => ("a Photoshop file", SAVE_AS),
        () if starts(b"v/1\x01") => ("an OpenEXR picture", SAVE_AS),
        () if is_netpbm(bytes) => ("a Netpbm picture", SAVE_AS),
        () if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") => ("a ZIP archive", UNPACK),
        () if starts(b"Rar!") || starts(b"7z\xbc\xaf\x27\x1c") || at(bytes, 257, b"ustar") => ("an archive", UNPACK),
        () => return foreign_text(bytes),
    };
    Some(Foreign { kind, hint })
}

/// Kinds that are text: their first tag tells.
fn foreign_text(bytes: &[u8]) -> Option<Foreign> {
    let head = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head).trim_ascii_start();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    let (kind, hint) = match () {
        () if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") => ("a web page", DOWNLOAD),
        () if text.starts_with(b"<svg") || (text.starts_with(b"<?xml") && has(b"<svg")) => ("an SVG drawing", SAVE_AS),
        () => return None,
    };
    Some(Foreign { kind, hint })
}

fn at(bytes: &[u8], offset: usize, magic: &[u8]) -> bool {
    bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

/// Two letters are weak evidence: the size of the second header must be one that exists.
fn is_bmp(bytes: &[u8]) -> bool {
    let header = bytes.get(14..18).map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    bytes.starts_with(b"BM") && matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// DICOM without its preamble starts with an element of group 0002 or 0008, whose representation is two capitals or,
/// when implicit, a short length.
fn is_bare_dicom(bytes: &[u8]) -> bool {
    let Some(&[group, 0, element, 0, a, b, ..]) = bytes.first_chunk::<8>() else { return false };
    matches!((group, element), (2, 0 | 1) | (8, 0 | 1 | 5 | 8))
        && ((a.is_ascii_uppercase() && b.is_ascii_uppercase()) || bytes[6..8] == [0, 0])
}

fn is_netpbm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..])
}

/// Name of the first file in a ZIP archive (APPNOTE.TXT, section 4.3.7).
fn first_zip_entry(bytes: &[u8]) -> Option<&[u8]> {
    let length = u16::from_le_bytes([*bytes.get(26)?, *bytes.get(27)?]);
    bytes.get(30..30 + usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_named(bytes: &[u8], kind: &str, hint: &str) {
        let err = Kind::of(bytes).unwrap_err();
        assert_eq!(err.code(), "open.other-kind");
        assert_eq!(err.to_string(), format!("this looks like {kind}, which medbox cannot read yet"));
        assert_eq!(err.hint(), hint);
    }

    fn placed(offset: usize, magic: &[u8]) -> Vec<u8> {
        [vec![0; offset], magic.to_vec()].concat()
    }

    #[test]
    fn files_of_other_kinds_are_called_by_their_names() {
        check_named(&placed(128, b"DICM"), "a DICOM file", SAVE_SLICE);
        check_named(b"\x08\0\x05\0CS\x0a\0ISO_IR 100", "a DICOM file", SAVE_SLICE);
        check_named(b"\x08\0\0\0\x04\0\0\0\x10\x01\0\0", "a DICOM file", SAVE_SLICE);
        check_named(&placed(344, b"n+1\0"), "a NIfTI volume", SAVE_SLICE);
        check_named(b"\x1f\x8b\x08\0", "a gzip archive (NIfTI volumes often are)", SAVE_SLICE);
        check_named(b"NRRD0004\n", "an NRRD volume", SAVE_SLICE);
        check_named(b"ObjectType = Image\n", "a MetaImage volume", SAVE_SLICE);
        check_named(b"%PDF-1.7\n", "a PDF file", SAVE_AS);
        check_named(b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture", SAVE_AS);
        check_named(b"\xff\xd8\xff\xf7\0", "a JPEG-LS picture", SAVE_AS);
        check_named(b"\0\0\0\x18ftypheic\0\0", "a HEIC picture", SAVE_AS);
        check_named(b"\0\0\0\x18ftypavif\0\0", "an AVIF picture", SAVE_AS);
        check_named(b"\0\0\0\x18ftypisom\0\0", "a video", "save one picture of it as PNG and open that");
        check_named(b"P5\n3 2\n255\n", "a Netpbm picture", SAVE_AS);
        check_named(b"<?xml version='1.0'?>\n<svg/>", "an SVG drawing", SAVE_AS);
        check_named(b"\xef\xbb\xbf  <!DOCTYPE html>", "a web page", DOWNLOAD);
        check_named(b"PK\x05\x06", "a ZIP archive", UNPACK);
        check_named(b"\x93NUMPY\x01\0", "a single NumPy array (.npy)", "save it as PNG, or as imgs in an .npz file");
    }

    #[test]
    fn a_zip_is_an_npz_by_its_first_entry() {
        let zip = |name: &[u8]| [&placed(0, b"PK\x03\x04")[..], &[0; 22], &[name.len() as u8, 0, 0, 0], name].concat();
        assert_eq!(Kind::of(&zip(b"imgs.npy")), Ok(Kind::Npz));
        check_named(&zip(b"scan/1.dcm"), "a ZIP archive", UNPACK);
        check_named(b"PK\x03\x04", "a ZIP archive", UNPACK);
    }

    #[test]
    fn text_that_starts_with_bm_is_no_bitmap() {
        assert_eq!(Kind::of(b"BMI of the patient: 23").unwrap_err().code(), "open.unknown-kind");
    }
}
