//! Files of the challenge: NumPy archives (`.npz`) with a picture, its boxes and, where they are known, its masks.

use std::io::{Cursor, Read};

use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt, npy::header::Header};
use zip::{ZipArchive, result::ZipError};

use super::{Limits, OpenError};
use crate::{image::Image, postprocess::LabelMap};

/// NumPy's own limit (`numpy.lib.format`, `max_header_size`).
const MAX_HEADER_BYTES: usize = 10_000;
/// What an array of boxes may hold: some half a million of them, in the largest type.
const MAX_BOX_BYTES: u64 = 16 << 20;
/// Brackets that a header may open. Two are in use; the parser goes one level down for each, and the stack is short.
const MAX_BRACKETS: usize = 16;

/// A 2D challenge file.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// `imgs`: (H, W, 3) or (H, W), 8 bits; grey also as (H, W, 1) or (1, H, W).
    pub image: Image,
    /// `boxes`: (n, 4), x0, y0, x1, y1 in image pixels, as stored; nothing is checked.
    pub boxes: Vec<[f64; 4]>,
    /// `gts`: (H, W), where the file has it.
    pub labels: Option<LabelMap>,
}

/// Reads a 2D challenge file: keys `imgs`, `boxes`, and `gts` where masks are known.
///
/// # Errors
/// [`OpenError::Volume`] for the challenge's 3D files; [`OpenError::MissingArray`], [`OpenError::WrongShape`] and
/// [`OpenError::WrongType`] for other archives; [`OpenError::NotALabel`] for masks that are no labels; truncated,
/// damaged, or over the limits, which are checked against the headers before anything is unpacked.
///
/// # Example
/// ```
/// use medbox::formats::{Limits, npz};
/// use ndarray::{Array2, Array3, array};
/// use ndarray_npy::NpzWriter;
///
/// let mut file = NpzWriter::new_compressed(std::io::Cursor::new(Vec::new()));
/// file.add_array("imgs", &Array3::<u8>::from_elem((20, 30, 3), 7))?;
/// file.add_array("boxes", &array![[2_i64, 3, 12, 13]])?;
/// file.add_array("gts", &Array2::<u8>::zeros((20, 30)))?;
/// let bytes = file.finish()?.into_inner();
///
/// let case = npz::read_case(&bytes, &Limits::default())?;
/// assert_eq!((case.image.size().width, case.image.size().height), (30, 20));
/// assert_eq!(case.boxes, [[2.0, 3.0, 12.0, 13.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_case(bytes: &[u8], limits: &Limits) -> Result<Case, OpenError> {
    let (image, _) = read_image(bytes, limits)?;
    let mut archive = Archive::open(bytes, limits)?;
    let boxes = archive.boxes()?;
    let labels = match archive.get("gts")? {
        Some(array) if array.shape != [image.size().height as usize, image.size().width as usize] => {
            return Err(array.wrong_shape("that of imgs"));
        }
        Some(array) => Some(label_map(&array, limits)?),
        None => None,
    };
    Ok(Case { boxes, image, labels })
}

/// The array `boxes` alone: (n, 4), x0, y0, x1, y1 in image pixels, as stored; nothing is checked.
///
/// # Errors
/// [`OpenError`], as [`read_case`].
pub fn read_boxes(bytes: &[u8], limits: &Limits) -> Result<Vec<[f64; 4]>, OpenError> {
    Archive::open(bytes, limits)?.boxes()
}

/// A label map alone: the array `segs`, which predictions have, or else `gts`, (H, W); `None` when there is neither.
///
/// # Errors
/// [`OpenError`], as [`read_case`].
pub fn read_label_map(bytes: &[u8], limits: &Limits) -> Result<Option<LabelMap>, OpenError> {
    let mut archive = Archive::open(bytes, limits)?;
    for name in ["segs", "gts"] {
        if let Some(array) = archive.get(name)? {
            return label_map(&array, limits).map(Some);
        }
    }
    Ok(None)
}

/// `imgs` alone, and its number of channels.
pub(super) fn read_image(bytes: &[u8], limits: &Limits) -> Result<(Image, u8), OpenError> {
    let mut archive = Archive::open(bytes, limits)?;
    let array = archive.get("imgs")?.ok_or(OpenError::MissingArray { name: "imgs" })?;
    let (height, width, channels) = match *array.shape {
        [height, width, 3] => (height, width, 3),
        [height, width] | [height, width, 1] | [1, height, width] => (height, width, 1),
        // Colours first, or with alpha: not as the challenge has them, and no volume either.
        [3, _, _] | [_, _, 4] => return Err(array.wrong_shape("(H, W, 3) or (H, W)")),
        [depth, height, width] | [depth, height, width, 3] => {
            return Err(OpenError::Volume { depth, height, width });
        }
        _ => return Err(array.wrong_shape("(H, W, 3) or (H, W)")),
    };
    let side = |n: usize| u32::try_from(n).map_err(|_| array.wrong_shape("(H, W, 3) or (H, W)"));
    let size = limits.check_picture(side(width)?, side(height)?, u64::from(channels))?;
    let Values::U8(values) = &array.values else {
        return Err(OpenError::WrongType { name: "imgs", found: array.type_name, expected: "uint8" });
    };
    let values: Vec<u8> = values.iter().copied().collect();
    let image = if channels == 1 { Image::from_grey8(size, &values)? } else { Image::from_rgb8(size, values)? };
    Ok((image, channels))
}

fn label_map(array: &Array, limits: &Limits) -> Result<LabelMap, OpenError> {
    let side = |n: usize| u32::try_from(n).map_err(|_| array.wrong_shape("(H, W)"));
    let [height, width] = *array.shape else { return Err(array.wrong_shape("(H, W)")) };
    let size = limits.check_picture(side(width)?, side(height)?, 2)?;
    let label = |value: f64| {
        let label = value as u16;
        if f64::from(label) == value { Ok(label) } else { Err(OpenError::NotALabel { value }) }
    };
    let labels = array.values.as_f64().into_iter().map(label).collect::<Result<_, _>>()?;
    Ok(LabelMap::new(size, labels))
}

/// An array of one of NumPy's plain types, in C order when iterated.
struct Array {
    name: &'static str,
    shape: Vec<usize>,
    type_name: String,
    values: Values,
}

enum Values {
    Bool(ArrayD<bool>),
    U8(ArrayD<u8>),
    I8(ArrayD<i8>),
    U16(ArrayD<u16>),
    I16(ArrayD<i16>),
    U32(ArrayD<u32>),
    I32(ArrayD<i32>),
    U64(ArrayD<u64>),
    I64(ArrayD<i64>),
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
}

impl Values {
    fn as_f64(&self) -> Vec<f64> {
        match self {
            Self::Bool(array) => array.iter().map(|&value| f64::from(value)).collect(),
            Self::U8(array) => array.iter().map(|&value| value.into()).collect(),
            Self::I8(array) => array.iter().map(|&value| value.into()).collect(),
            Self::U16(array) => array.iter().map(|&value| value.into()).collect(),
            Self::I16(array) => array.iter().map(|&value| value.into()).collect(),
            Self::U32(array) => array.iter().map(|&value| value.into()).collect(),
            Self::I32(array) => array.iter().map(|&value| value.into()).collect(),
            Self::U64(array) => array.iter().map(|&value| value as f64).collect(),
            Self::I64(array) => array.iter().map(|&value| value as f64).collect(),
            Self::F32(array) => array.iter().map(|&value| value.into()).collect(),
            Self::F64(array) => array.iter().copied().collect(),
        }
    }
}

impl Array {
    fn wrong_shape(&self, expected: &'static str) -> OpenError {
        OpenError::WrongShape { name: self.name, found: self.shape.clone(), expected }
    }
}

struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    n_bytes: usize,
    limits: Limits,
}

impl<'a> Archive<'a> {
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, OpenError> {
        limits.check_file(bytes)?;
        // The index stands at the end, so an archive that cannot be found is most likely cut off.
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| match error {
            ZipError::InvalidArchive(_) => truncated(bytes.len()),
            other => damaged(other.to_string()),
        })?;
        Ok(Self { zip, n_bytes: bytes.len(), limits: *limits })
    }

    /// The array `boxes`, which has to be there. A picture's limit would let through lists that fill the memory.
    fn boxes(&mut self) -> Result<Vec<[f64; 4]>, OpenError> {
        let of_picture = self.limits;
        self.limits.max_bytes = of_picture.max_bytes.min(MAX_BOX_BYTES);
        let array = self.get("boxes");
        self.limits = of_picture;
        let array = array?.ok_or(OpenError::MissingArray { name: "boxes" })?;
        let [_, 4] = *array.shape else { return Err(array.wrong_shape("(n, 4)")) };
        Ok(array.values.as_f64().chunks_exact(4).map(|sides| [sides[0], sides[1], sides[2], sides[3]]).collect())
    }

    /// The array `name`, or `None` when there is none.
    fn get(&mut self, name: &'static str) -> Result<Option<Array>, OpenError> {
        let mut entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(ZipError::UnsupportedArchive(reason)) => {
                return Err(OpenError::Unsupported { format: "NPZ", detail: reason.to_owned() });
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        self.limits.check_bytes(entry.size())?;
        // What the index says and what comes out are two things: read one byte more than is allowed, and no further.
        let mut npy = Vec::new();
        (&mut entry).take(self.limits.max_bytes.saturating_add(1)).read_to_end(&mut npy).map_err(|e| {
            match e.kind() {
                std::io::ErrorKind::UnexpectedEof => truncated(self.n_bytes),
                _ => damaged(format!("the array “{name}” cannot be unpacked ({e})")),
            }
        })?;
        self.limits.check_bytes(npy.len() as u64)?;
        parse_npy(name, &npy).map(Some)
    }
}

fn parse_npy(name: &'static str, npy: &[u8]) -> Result<Array, OpenError> {
    let unreadable = |reason: &dyn std::fmt::Display| damaged(format!("the array “{name}” cannot be read ({reason})"));
    check_header(npy).map_err(|reason| unreadable(&reason))?;
    let mut rest = npy;
    let header = Header::from_reader(&mut rest).map_err(|e| unreadable(&e))?;
    let type_name = header.type_descriptor.as_string().cloned().unwrap_or_else(|| header.type_descriptor.to_string());

    // The reader allocates what the header promises, so the promise is checked first.
    let item_bytes: usize = match type_name.trim_start_matches(['<', '>', '|', '=']) {
        "b1" | "u1" | "i1" => 1,
        "u2" | "i2" => 2,
        "u4" | "i4" | "f4" => 4,
        "u8" | "i8" | "f8" => 8,
        _ => return Err(OpenError::WrongType { name, found: type_name, expected: "a plain number" }),
    };
    let promised = header.shape.iter().try_fold(item_bytes, |bytes, &n| bytes.checked_mul(n));
    // An array that is empty along one side is refused too where its other sides are more than any memory has.
    let others = header.shape.iter().filter(|&&n| n > 0).try_fold(item_bytes, |bytes, &n| bytes.checked_mul(n));
    if promised != Some(rest.len()) || others.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        let (shape, found) = (&header.shape, rest.len());
        return Err(unreadable(&format!("shape {shape:?} of {item_bytes} bytes each, but {found} bytes follow")));
    }

    macro_rules! read {
        ($kind:ident) => {
            Values::$kind(ArrayD::read_npy(npy).map_err(|e| unreadable(&e))?)
        };
    }
    let values = match type_name.trim_start_matches(['<', '>', '|', '=']) {
        "b1" => read!(Bool),
        "u1" => read!(U8),
        "i1" => read!(I8),
        "u2" => read!(U16),
        "i2" => read!(I16),
        "u4" => read!(U32),
        "i4" => read!(I32),
        "f4" => read!(F32),
        "u8" => read!(U64),
        "i8" => read!(I64),
        _ => read!(F64),
    };
    Ok(Array { name, shape: header.shape, type_name, values })
}

/// Refuses headers that the parser would allocate or recurse for (NEP 1: magic, version, length, a Python dictionary).
fn check_header(npy: &[u8]) -> Result<(), String> {
    let (length, start) = match *npy {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (usize::from(u16::from_le_bytes([a, b])), 10),
        [_, _, _, _, _, _, 2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([a, b, c, d]) as usize, 12),
        _ => return Err("it is no NPY file".to_owned()),
    };
    if length > MAX_HEADER_BYTES {
        return Err(format!("its header is {length} bytes long, and at most {MAX_HEADER_BYTES} are read"));
    }
    let header = npy.get(start..start + length).ok_or("its header is cut off")?;
    let n_brackets = header.iter().filter(|byte| b"([{".contains(byte)).count();
    if n_brackets > MAX_BRACKETS {
        return Err(format!("its header opens {n_brackets} brackets, and at most {MAX_BRACKETS} are read"));
    }
    Ok(())
}

fn truncated(found_bytes: usize) -> OpenError {
    OpenError::Truncated { format: "NPZ", found_bytes }
}

fn damaged(detail: String) -> OpenError {
    OpenError::Damaged { format: "NPZ", detail }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ndarray::{Array1, Array2, Array3, Array4, ShapeBuilder, array};
    use ndarray_npy::{NpzWriter, WriteNpyExt};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::geometry::Size;

    /// An archive with these arrays.
    macro_rules! npz {
        ($($name:literal: $array:expr),*) => {{
            let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
            $(file.add_array($name, &$array).expect("memory takes it");)*
            file.finish().expect("memory takes it").into_inner()
        }};
    }

    /// An archive whose file `imgs.npy` has these bytes.
    fn archive_of(npy: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("imgs.npy", SimpleFileOptions::default()).expect("memory takes it");
        zip.write_all(npy).expect("memory takes it");
        zip.finish().expect("memory takes it").into_inner()
    }

    fn npy_of(header: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{header}\n");
        [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], code: &str, message: &str, hint: &str) {
        let err = read_case(bytes, &Limits::default()).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    const CHALLENGE: &str =
        "a 2D challenge file holds imgs (H, W, 3) uint8, boxes (n, 4), and gts (H, W) where masks are known";
    const AGAIN: &str = "copy or download the file again";

    #[test]
    fn a_case_keeps_picture_boxes_and_labels() {
        let picture = Array3::from_shape_fn((2, 3, 3), |(y, x, c)| (100 * y + 10 * x + c) as u8);
        let bytes = npz! {
            "imgs": picture,
            "boxes": array![[0.5_f32, 0.0, 2.0, 1.5], [1.0, 0.0, 3.0, 2.0]],
            "gts": array![[0_i32, 1, 1], [0, 2, 300]]
        };
        let case = read_case(&bytes, &Limits::default()).expect("a case");
        assert_eq!(case.image.size(), Size { width: 3, height: 2 });
        assert_eq!(case.image.rgb()[..6], [0, 1, 2, 10, 11, 12]);
        assert_eq!(case.image.rgb()[9..12], [100, 101, 102]);
        assert_eq!(case.boxes, [[0.5, 0.0, 2.0, 1.5], [1.0, 0.0, 3.0, 2.0]]);
        assert_eq!(case.labels.expect("labels").labels(), [0, 1, 1, 0, 2, 300]);
    }

    #[test]
    fn grey_pictures_big_numbers_and_fortran_order_are_read() {
        let mut fortran = Array2::<u8>::zeros((2, 3).f());
        fortran.assign(&array![[1, 2, 3], [4, 5, 6]]);
        let case = read_case(&npz! { "imgs": fortran, "boxes": array![[1_u64, 2, 3, 4]] }, &Limits::default());
        let case = case.expect("a case");
        assert_eq!(case.image.rgb().iter().step_by(3).copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!((case.boxes, case.labels), (vec![[1.0, 2.0, 3.0, 4.0]], None));
    }

    #[test]
    fn grey_pictures_may_have_a_channel_of_their_own() {
        for shape in [(2, 5, 1), (1, 2, 5)] {
            let picture = Array3::from_shape_vec(shape, (0..10).collect::<Vec<u8>>()).expect("ten values");
            let (image, channels) = read_image(&npz! { "imgs": picture }, &Limits::default()).expect("a picture");
            assert_eq!((image.size(), channels), (Size { width: 5, height: 2 }, 1));
            assert_eq!(image.rgb()[5 * 3..6 * 3], [5; 3], "the second row begins with 5");
        }
        let one_row = npz! { "imgs": Array3::<u8>::zeros((1, 2, 3)) };
        assert_eq!(read_image(&one_row, &Limits::default()).expect("a picture").1, 3, "colours come first");
    }

    #[test]
    fn channels_elsewhere_or_of_another_number_make_no_volume() {
        for (shape, found) in [((3, 4, 5), "[3, 4, 5]"), ((5, 6, 4), "[5, 6, 4]")] {
            check_refused(
                &npz! { "imgs": Array3::<u8>::zeros(shape) },
                "open.wrong-shape",
                &format!("the array “imgs” has the shape {found}, and (H, W, 3) or (H, W) was expected"),
                CHALLENGE,
            );
        }
    }

    #[test]
    fn big_endian_labels_are_read() {
        let labels = npy_of("{'descr': '>i2', 'fortran_order': False, 'shape': (1, 2)}", &[1, 0, 0, 7]);
        let array = parse_npy("gts", &labels).expect("an array");
        assert_eq!(array.values.as_f64(), [256.0, 7.0]);
    }

    #[test]
    fn volumes_are_refused_by_their_size() {
        for bytes in
            [npz! { "imgs": Array3::<u8>::zeros((4, 6, 5)) }, npz! { "imgs": Array4::<u8>::zeros((4, 6, 5, 3)) }]
        {
            check_refused(
                &bytes,
                "open.volume",
                "the NPZ file holds a volume of 4 × 6 × 5 voxels, and medbox opens single pictures only",
                "save one slice as PNG and open that",
            );
        }
    }

    #[test]
    fn archives_without_what_is_needed_are_refused() {
        let picture = Array2::<u8>::zeros((2, 2));
        check_refused(&npz! { "segs": picture }, "open.missing-array", "the NPZ file holds no array “imgs”", CHALLENGE);
        check_refused(
            &npz! { "imgs": picture },
            "open.missing-array",
            "the NPZ file holds no array “boxes”",
            CHALLENGE,
        );
        check_refused(
            &npz! { "imgs": Array1::<u8>::zeros(4) },
            "open.wrong-shape",
            "the array “imgs” has the shape [4], and (H, W, 3) or (H, W) was expected",
            CHALLENGE,
        );
        check_refused(
            &npz! { "imgs": picture, "boxes": array![1, 2, 3, 4] },
            "open.wrong-shape",
            "the array “boxes” has the shape [4], and (n, 4) was expected",
            CHALLENGE,
        );
        check_refused(
            &npz! { "imgs": picture, "boxes": array![[0, 0, 1, 1]], "gts": Array2::<u8>::zeros((3, 2)) },
            "open.wrong-shape",
            "the array “gts” has the shape [3, 2], and that of imgs was expected",
            CHALLENGE,
        );
        check_refused(
            &npz! { "imgs": Array2::<f32>::zeros((2, 2)) },
            "open.wrong-type",
            "the array “imgs” holds values of type <f4, and uint8 was expected",
            CHALLENGE,
        );
        check_refused(
            &npz! { "imgs": picture, "boxes": array![[0, 0, 1, 1]], "gts": array![[0.0, 1.0], [1.5, 0.0]] },
            "open.not-a-label",
            "the label map holds the value 1.5, and labels are whole numbers from 0 to 65535",
            "save the masks as whole numbers, one for each object",
        );
        check_refused(
            &npz! { "imgs": picture, "boxes": array![[0, 0, 1, 1]], "gts": array![[0, -1], [1, 0]] },
            "open.not-a-label",
            "the label map holds the value -1, and labels are whole numbers from 0 to 65535",
            "save the masks as whole numbers, one for each object",
        );
        check_refused(
            &npz! { "imgs": Array3::<u8>::zeros((0, 5, 3)) },
            "geometry.empty",
            "the picture is 5 × 0 pixels, so it holds nothing",
            "open a picture that is at least one pixel wide and high",
        );
    }

    #[test]
    fn an_archive_that_is_cut_off_is_refused() {
        let bytes = npz! { "imgs": Array2::<u8>::zeros((2, 2)) };
        check_refused(
            &bytes[..100],
            "open.truncated",
            "the NPZ file ends after 100 bytes, before its picture does",
            AGAIN,
        );
    }

    #[test]
    fn headers_that_promise_too_much_are_refused_before_anything_is_made() {
        check_refused(
            &archive_of(&npy_of("{'descr': '|u1', 'fortran_order': False, 'shape': (999999, 999999, 3)}", &[0; 9])),
            "open.damaged",
            "the NPZ file is damaged: the array “imgs” cannot be read \
             (shape [999999, 999999, 3] of 1 bytes each, but 9 bytes follow)",
            AGAIN,
        );
        let huge = usize::MAX;
        check_refused(
            &archive_of(&npy_of(&format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({huge}, 2)}}"), &[0; 9])),
            "open.damaged",
            &format!(
                "the NPZ file is damaged: the array “imgs” cannot be read \
                 (shape [{huge}, 2] of 1 bytes each, but 9 bytes follow)"
            ),
            AGAIN,
        );
        // Nothing is promised where one side is 0, but the array's maker multiplies the others.
        let side = usize::MAX / 2;
        check_refused(
            &archive_of(&npy_of(
                &format!("{{'descr': '|u1', 'fortran_order': False, 'shape': (0, {side}, {side})}}"),
                &[],
            )),
            "open.damaged",
            &format!(
                "the NPZ file is damaged: the array “imgs” cannot be read \
                 (shape [0, {side}, {side}] of 1 bytes each, but 0 bytes follow)"
            ),
            AGAIN,
        );
        check_refused(
            &archive_of(&npy_of(&"(".repeat(9000), &[])),
            "open.damaged",
            "the NPZ file is damaged: the array “imgs” cannot be read \
             (its header opens 9000 brackets, and at most 16 are read)",
            AGAIN,
        );
        check_refused(
            &archive_of(b"\x93NUMPY\x02\0\xff\xff\xff\xff{}"),
            "open.damaged",
            "the NPZ file is damaged: the array “imgs” cannot be read \
             (its header is 4294967295 bytes long, and at most 10000 are read)",
            AGAIN,
        );
        check_refused(
            &archive_of(&npy_of("{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1)}", &[0; 8])),
            "open.wrong-type",
            "the array “imgs” holds values of type <c8, and a plain number was expected",
            CHALLENGE,
        );
    }

    #[test]
    fn a_bomb_is_refused_by_the_size_in_the_index() {
        let bytes = npz! { "imgs": Array2::<u8>::zeros((2000, 2000)) };
        assert!(bytes.len() < 10_000, "it is small: {}", bytes.len());
        let err = read_case(&bytes, &Limits { max_bytes: 1_000_000, ..Limits::default() }).unwrap_err();
        assert_eq!(err.code(), "open.too-many-bytes");
        assert_eq!(err.to_string(), "the file asks for 4000128 bytes of memory, and at most 1000000 are given");
        let err = read_case(&bytes, &Limits { max_pixels: 1_000_000, ..Limits::default() }).unwrap_err();
        assert_eq!(err.code(), "open.too-many-pixels");
        assert_eq!(
            err.to_string(),
            "the picture is 2000 × 2000 pixels, 4000000 in all, and at most 1000000 are opened"
        );
    }

    #[test]
    fn a_list_of_boxes_has_a_limit_of_its_own() {
        let bytes = npz! { "boxes": Array2::<u8>::zeros((5_000_000, 4)) };
        assert!(bytes.len() < 100_000, "it is small: {}", bytes.len());
        let err = read_boxes(&bytes, &Limits::default()).unwrap_err();
        assert_eq!(err.to_string(), "the file asks for 20000128 bytes of memory, and at most 16777216 are given");
    }

    #[test]
    fn a_bomb_that_lies_in_its_index_stops_at_the_limit() {
        let npy = {
            let mut npy = Vec::new();
            Array2::<u8>::zeros((2000, 2000)).write_npy(&mut npy).expect("memory takes it");
            npy
        };
        let mut bytes = archive_of(&npy);
        // Both the local header and the index say how much comes out; 4000128 is 0x003d0980.
        let sizes: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, w)| *w == [0x80, 0x09, 0x3d, 0x00]).map(|(at, _)| at).collect();
        assert_eq!(sizes.len(), 2);
        for at in sizes {
            bytes[at..at + 4].copy_from_slice(&[1, 0, 0, 0]);
        }
        let err = read_case(&bytes, &Limits { max_bytes: 1_000_000, ..Limits::default() }).unwrap_err();
        assert_eq!(err.to_string(), "the file asks for 1000001 bytes of memory, and at most 1000000 are given");
    }
}
