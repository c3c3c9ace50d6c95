//! Work that was made elsewhere, for a picture that is open: label maps and lists of boxes.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    formats::{self, Limits, OpenError, npz},
    geometry::Size,
    pipeline::{MAX_BOXES, SegmentError},
    postprocess::{LabelMap, Mask},
    prompt::{BoxPrompt, PromptError},
};

/// What the masks of a label map may take together, one byte a pixel of each one's block. Cells by the thousand take a
/// tenth of it; a photograph that was taken for a label map takes more.
const MAX_MASK_BYTES: u64 = 512 << 20;
/// How long a list of boxes may be as text: a million boxes, or the annotations of some ten thousand pictures.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// Why label maps or boxes cannot be taken over.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum ImportError {
    /// The file cannot be read at all.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A label map of another picture.
    #[error(
        "the label map is {} × {} pixels, and the picture {} × {}",
        found.width, found.height, picture.width, picture.height
    )]
    OtherSize { found: Size, picture: Size },
    /// An NPZ file without a label map.
    #[error("the NPZ file holds neither an array “segs” nor “gts”, so there is no label map in it")]
    NoLabelMap,
    /// What looks like a picture.
    #[error(
        "the {n_objects} labels of the file are strewn over {pixels} pixels, and at most {max_pixels} are taken over"
    )]
    Strewn { n_objects: usize, pixels: u64, max_pixels: u64 },
    /// A text that is too long.
    #[error("the list of boxes is {bytes} bytes long, and at most {max_bytes} are read")]
    TooLong { bytes: u64, max_bytes: u64 },
    /// A text that is no list of boxes.
    #[error("the boxes cannot be read: {reason}")]
    Unreadable { reason: String },
    /// A COCO file of other pictures, or of several that could be the open one.
    #[error(
        "{n_fitting} of the {n_pictures} pictures of the COCO file are {} × {} pixels as the open one is",
        picture.width, picture.height
    )]
    WhichPicture { n_fitting: usize, n_pictures: usize, picture: Size },
    /// A COCO file that knows the open picture by its name, and as another one.
    #[error(
        "the COCO file says that {name} is {width} × {height} pixels, and the picture is {} × {}",
        picture.width, picture.height
    )]
    OtherPicture { name: String, width: f64, height: f64, picture: Size },
    /// A COCO file that knows the open picture as it lies in its file, before it is turned.
    #[error(
        "the COCO file says that {name} is {width} × {height} pixels, and the picture is {height} × {width}: pictures are turned \
         as their EXIF says, and boxes must be of the turned picture"
    )]
    Turned { name: String, width: f64, height: f64 },
    /// A COCO file that knows the open picture, and nothing on it.
    #[error("the COCO file has no annotation of this picture")]
    NoneHere,
    /// More boxes than labels.
    #[error(transparent)]
    TooMany(#[from] SegmentError),
    /// A box that cannot be asked for.
    #[error("box {number}: {source}")]
    Box { number: usize, source: PromptError },
}

impl ImportError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(e) => e.code(),
            Self::OtherSize { .. } => "labels.other-size",
            Self::NoLabelMap => "labels.missing",
            Self::Strewn { .. } => "labels.strewn",
            Self::TooLong { .. } => "boxes.too-long",
            Self::Unreadable { .. } => "boxes.unreadable",
            Self::WhichPicture { .. } => "boxes.which-picture",
            Self::OtherPicture { .. } => "boxes.other-picture",
            Self::Turned { .. } => "boxes.turned",
            Self::NoneHere => "boxes.none-here",
            Self::TooMany(e) => e.code(),
            Self::Box { source, .. } => source.code(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open(e) => e.hint(),
            Self::OtherSize { .. } => "choose the label map that was made for this picture",
            Self::NoLabelMap => "save the label map as segs (H, W), or as PNG",
            Self::Strewn { .. } => "this looks like a picture: choose a file with one number for each object",
            Self::TooLong { .. } | Self::WhichPicture { .. } => "keep what belongs to this picture only",
            Self::OtherPicture { .. } => "choose the file that was made for this picture",
            Self::Turned { .. } => "make the boxes on the turned picture",
            Self::NoneHere => "keep its annotations, or choose the file that was made for it",
            Self::Unreadable { .. } => "write [[x0,y0,x1,y1], …]",
            Self::TooMany(e) => e.hint(),
            Self::Box { source, .. } => source.hint(),
        }
    }
}

/// The objects of a label map as (label, mask), labels ascending; 0 is background. A raster without loss whose values, in
/// PNG and TIFF also indices into a palette, are the labels ([`formats::labels::read_grey_label_map`]), or a NumPy archive with the array `segs`
/// or else `gts`.
///
/// # Errors
/// [`ImportError::OtherSize`] unless it is as large as `picture`, [`ImportError::NoLabelMap`], [`ImportError::Strewn`],
/// or [`OpenError`].
///
/// # Example
/// ```
/// use medbox::{export, formats::Limits, geometry::Size, import, postprocess::LabelMap};
/// let size = Size { width: 3, height: 1 };
/// let png = export::png::label_map(&LabelMap::new(size, vec![0, 7, 300]))?;
/// let objects = import::labels(&png, size, &Limits::default())?;
/// assert_eq!(objects.iter().map(|(label, mask)| (*label, mask.region().x)).collect::<Vec<_>>(), [(7, 1), (300, 2)]);
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn labels(bytes: &[u8], picture: Size, limits: &Limits) -> Result<Vec<(u16, Mask)>, ImportError> {
    let map = if is_archive(bytes) {
        npz::read_label_map(bytes, limits)?.ok_or(ImportError::NoLabelMap)?
    } else {
        formats::labels::read_grey_label_map(bytes, limits)?
    };
    if map.size() != picture {
        return Err(ImportError::OtherSize { found: map.size(), picture });
    }
    objects(&map, 1, limits)
}

/// The objects of at least `min_area_px` pixels of a label map that somebody else made, as (label, mask), labels ascending.
///
/// # Errors
/// [`ImportError::Strewn`] where their blocks together take more memory than the labels of any structures do.
pub fn objects(map: &LabelMap, min_area_px: usize, limits: &Limits) -> Result<Vec<(u16, Mask)>, ImportError> {
    let blocks = map.blocks(min_area_px);
    let pixels = blocks.iter().map(|(_, block)| block.area() as u64).sum();
    let max_pixels = MAX_MASK_BYTES.min(limits.max_bytes);
    if pixels > max_pixels {
        return Err(ImportError::Strewn { n_objects: blocks.len(), pixels, max_pixels });
    }
    Ok(map.objects(min_area_px))
}

/// Boxes on the open picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Boxes {
    /// In the order of the list; at least one.
    pub boxes: Vec<BoxPrompt>,
    /// What a COCO file calls the picture that they are of, where that is not what the open one is called, and it was taken
    /// because no other one has its size.
    pub taken_from: Option<String>,
}

/// A list of boxes on the picture: JSON, or the array `boxes` of a challenge file (NumPy archive).
///
/// As JSON: `[[x0, y0, x1, y1], …]`, the same under the key `boxes`, or a COCO file, of which the annotations of the one
/// picture are taken that is called as the open one is, or else of the one that has its size: of each annotation the
/// `prompt_box` that medbox writes, or else the `bbox`. So are COCO results, a list of annotations without a file around them,
/// if all are of one picture.
///
/// `name` is what the picture's own file is called, with its folders where they are known: of several pictures of the same name
/// the one is taken whose `file_name` has most folders in common with it, counted from the end.
///
/// # Errors
/// [`ImportError::Unreadable`], [`ImportError::TooLong`], [`ImportError::WhichPicture`], [`ImportError::OtherPicture`],
/// [`ImportError::Turned`], [`ImportError::NoneHere`], [`ImportError::TooMany`], [`ImportError::Box`] for the first box that
/// cannot be asked for, or [`OpenError`].
///
/// # Example
/// ```
/// use medbox::{formats::Limits, geometry::{PixelBox, Size}, import};
/// let size = Size { width: 64, height: 48 };
/// let coco = br#"{"annotations": [{"bbox": [10, 5, 20, 30]}]}"#; // x, y, width, height
/// let found = import::boxes(coco, size, None, &Limits::default())?;
/// assert_eq!(found.boxes[0].box_image(), PixelBox::new(10.0, 5.0, 30.0, 35.0));
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn boxes(bytes: &[u8], picture: Size, name: Option<&str>, limits: &Limits) -> Result<Boxes, ImportError> {
    let Listed { sides, taken_from } = if is_archive(bytes) {
        npz::read_boxes(bytes, limits)?.into()
    } else {
        json_boxes(bytes, picture, name, limits)?
    };
    if sides.is_empty() {
        return Err(unreadable(&"the list is empty"));
    }
    if sides.len() > MAX_BOXES {
        return Err(SegmentError::TooManyBoxes { found: sides.len() }.into());
    }
    let prompt = |(index, [x0, y0, x1, y1]): (usize, [f64; 4])| {
        BoxPrompt::new(x0, y0, x1, y1, picture).map_err(|source| ImportError::Box { number: index + 1, source })
    };
    Ok(Boxes { boxes: sides.into_iter().enumerate().map(prompt).collect::<Result<_, _>>()?, taken_from })
}

/// Boxes as they stand in the list: nothing is checked.
struct Listed {
    sides: Vec<[f64; 4]>,
    taken_from: Option<String>,
}

impl From<Vec<[f64; 4]>> for Listed {
    fn from(sides: Vec<[f64; 4]>) -> Self {
        Self { sides, taken_from: None }
    }
}

fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

fn unreadable(reason: &dyn std::fmt::Display) -> ImportError {
    ImportError::Unreadable { reason: reason.to_string() }
}

/// A JSON file with boxes: keys that say nothing of them are passed over.
#[derive(Deserialize)]
struct BoxFile {
    boxes: Option<Vec<[f64; 4]>>,
    images: Option<Vec<CocoImage>>,
    annotations: Option<Vec<CocoAnnotation>>,
}

#[derive(Deserialize)]
struct CocoImage {
    /// A number by the book; some tools write text.
    #[serde(default)]
    id: Value,
    /// Some tools write 200.0.
    width: Option<f64>,
    height: Option<f64>,
    /// With the folders that it lay in.
    file_name: Option<String>,
}

impl CocoImage {
    /// How many parts of its path are those of `name`, from the end, upper or lower case alike, and how many to the letter;
    /// both are 0 unless it is called so.
    fn likeness(&self, name: &str) -> (usize, usize) {
        let path = self.file_name.as_deref().unwrap_or_default();
        let pairs = || path_parts(path).zip(path_parts(name));
        let folded = pairs().take_while(|(own, other)| own.to_lowercase() == other.to_lowercase()).count();
        (folded, pairs().take_while(|(own, other)| own == other).count())
    }

    /// Its size, where the file tells.
    fn size(&self) -> Option<(f64, f64)> {
        self.width.zip(self.height)
    }
}

/// File name first, then its folders outwards.
fn path_parts(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit(['/', '\\']).filter(|part| !matches!(*part, "" | "."))
}

/// Whether two ids are one: tools write 1 as 1.0 and “1” too.
fn is_same_id(a: &Value, b: &Value) -> bool {
    let text = |id: &Value| match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_f64() => number.as_f64().map(|number| number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    a == b || text(a).zip(text(b)).is_some_and(|(a, b)| a == b)
}

#[derive(Deserialize)]
struct CocoAnnotation {
    #[serde(default)]
    image_id: Value,
    /// x, y, width, height. Of other pictures it may be anything.
    #[serde(default)]
    bbox: Value,
    #[serde(default)]
    prompt_box: Value,
}

fn json_boxes(bytes: &[u8], picture: Size, name: Option<&str>, limits: &Limits) -> Result<Listed, ImportError> {
    let max_bytes = MAX_JSON_BYTES.min(limits.max_bytes);
    if bytes.len() as u64 > max_bytes {
        return Err(ImportError::TooLong { bytes: bytes.len() as u64, max_bytes });
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if let Some(list) = text.strip_prefix(b"[") {
        return if list.trim_ascii_start().starts_with(b"{") {
            let annotations: Vec<CocoAnnotation> = serde_json::from_slice(text).map_err(|e| unreadable(&e))?;
            boxes_of_one(&annotations)
        } else {
            serde_json::from_slice(text).map(Vec::into).map_err(|e| unreadable(&e))
        };
    }
    let file: BoxFile = serde_json::from_slice(text).map_err(|e| unreadable(&e))?;
    match file {
        BoxFile { boxes: Some(boxes), .. } => Ok(boxes.into()),
        BoxFile { annotations: Some(annotations), images, .. } => {
            coco_boxes(annotations, &images.unwrap_or_default(), picture, name)
        }
        BoxFile { .. } => Err(unreadable(&"there is neither “boxes” nor “annotations”")),
    }
}

/// Of annotations without a list of pictures, which do not say how large those are.
fn boxes_of_one(annotations: &[CocoAnnotation]) -> Result<Listed, ImportError> {
    if let Some(other) = annotations.iter().find(|other| !is_same_id(&other.image_id, &annotations[0].image_id)) {
        let reason = format!("they are of pictures {} and {}", annotations[0].image_id, other.image_id);
        return Err(unreadable(&reason));
    }
    sides_of(annotations).map(Vec::into)
}

fn coco_boxes(
    mut annotations: Vec<CocoAnnotation>,
    images: &[CocoImage],
    picture: Size,
    name: Option<&str>,
) -> Result<Listed, ImportError> {
    if images.is_empty() {
        return boxes_of_one(&annotations);
    }
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let fits = |image: &&CocoImage| image.size() == Some((width, height));
    let likeness = |image: &CocoImage| name.map(|name| image.likeness(name)).unwrap_or_default();
    let most = images.iter().map(likeness).max().unwrap_or_default();
    let called: Vec<&CocoImage> = images.iter().filter(|image| most.0 > 0 && likeness(image) == most).collect();
    let called_and_fitting: Vec<&CocoImage> = called.iter().copied().filter(fits).collect();
    let fitting: Vec<&CocoImage> = images.iter().filter(fits).collect();
    let (image, is_called) = match (&called[..], &called_and_fitting[..], &fitting[..]) {
        ([image], ..) => {
            if let Some((width, height)) = image.size().filter(|_| !fits(image)) {
                return Err(other_picture(name.unwrap_or_default(), width, height, picture));
            }
            (image, true)
        }
        (_, [image], _) => (image, true),
        // Pictures are renamed, and the same name may lie in several folders.
        (_, _, [image]) => (image, false),
        _ => return Err(ImportError::WhichPicture { n_fitting: fitting.len(), n_pictures: images.len(), picture }),
    };
    annotations.retain(|annotation| is_same_id(&annotation.image_id, &image.id));
    if annotations.is_empty() {
        return Err(ImportError::NoneHere);
    }
    // medbox itself writes an empty name where it was given none.
    let taken_from = image.file_name.clone().filter(|own| !own.is_empty() && name.is_some() && !is_called);
    Ok(Listed { sides: sides_of(&annotations)?, taken_from })
}

/// Why the boxes of a picture of this name and another size are refused.
fn other_picture(name: &str, width: f64, height: f64, picture: Size) -> ImportError {
    let name = path_parts(name).next().unwrap_or_default().to_owned();
    if (height, width) == (f64::from(picture.width), f64::from(picture.height)) {
        return ImportError::Turned { name, width, height };
    }
    ImportError::OtherPicture { name, width, height, picture }
}

fn sides_of(annotations: &[CocoAnnotation]) -> Result<Vec<[f64; 4]>, ImportError> {
    let four = |value: &Value| <[f64; 4]>::deserialize(value).ok();
    let sides = |(index, annotation): (usize, &CocoAnnotation)| {
        let bbox = four(&annotation.bbox).map(|[x, y, width, height]| [x, y, x + width, y + height]);
        let sides = four(&annotation.prompt_box).or(bbox);
        let reason = || format!("annotation {} of this picture has no “bbox” of four numbers", index + 1);
        sides.ok_or_else(|| unreadable(&reason()))
    };
    annotations.iter().enumerate().map(sides).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ndarray::{Array2, array};
    use ndarray_npy::NpzWriter;

    use super::*;
    use crate::{
        Error,
        export::{self, ExportObject},
        geometry::PixelBox,
        postprocess::LabelMap,
    };

    const SIZE: Size = Size { width: 6, height: 4 };

    /// An archive with these arrays.
    macro_rules! npz {
        ($($name:literal: $array:expr),*) => {{
            let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
            $(file.add_array($name, &$array).expect("memory takes it");)*
            file.finish().expect("memory takes it").into_inner()
        }};
    }

    #[track_caller]
    fn check_error(err: ImportError, code: &str, message: &str, hint: &str) {
        let err = Error::from(err);
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    #[track_caller]
    fn check_labels_refused(bytes: &[u8], code: &str, message: &str, hint: &str) {
        check_error(labels(bytes, SIZE, &Limits::default()).unwrap_err(), code, message, hint);
    }

    #[track_caller]
    fn check_boxes(json: &str, expected: &[[f64; 4]]) {
        let found = boxes(json.as_bytes(), SIZE, None, &Limits::default()).expect("boxes");
        let expected: Vec<PixelBox> = expected.iter().map(|&[x0, y0, x1, y1]| PixelBox::new(x0, y0, x1, y1)).collect();
        assert_eq!(found.boxes.iter().map(|prompt| prompt.box_image()).collect::<Vec<_>>(), expected);
    }

    #[track_caller]
    fn check_boxes_refused(json: &str, code: &str, message: &str, hint: &str) {
        check_error(boxes(json.as_bytes(), SIZE, None, &Limits::default()).unwrap_err(), code, message, hint);
    }

    /// A label map of 6 × 4 with object 2 of two pixels and object 700 of one.
    fn two_objects() -> LabelMap {
        let mut numbers = vec![0; 24];
        (numbers[8], numbers[9], numbers[23]) = (2, 2, 700);
        LabelMap::new(SIZE, numbers)
    }

    #[test]
    fn what_medbox_exports_comes_back() {
        let map = two_objects();
        let png = export::png::label_map(&map).expect("a PNG");
        let npz = export::npz::segs(&map).expect("an archive");
        for file in [png, npz] {
            assert_eq!(labels(&file, SIZE, &Limits::default()), Ok(map.objects(1)));
        }
        let masks = map.objects(1);
        let objects: Vec<ExportObject<'_>> = [[0.5, 0.0, 4.0, 3.0], [5.0, 3.0, 6.0, 4.0]]
            .iter()
            .zip(&masks)
            .map(|(&[x0, y0, x1, y1], (label, mask))| ExportObject {
                id: (*label).into(),
                box_image: PixelBox::new(x0, y0, x1, y1),
                mask,
                score: (*label == 2).then_some(0.9),
                name: (*label == 2).then_some("cyst"),
                colour: 0,
            })
            .collect();
        let coco = export::json::coco(SIZE, None, &objects).expect("JSON");
        check_boxes(&String::from_utf8(coco).expect("text"), &[[0.5, 0.0, 4.0, 3.0], [5.0, 3.0, 6.0, 4.0]]);
    }

    #[test]
    fn predictions_come_before_references() {
        let (segs, gts) = (Array2::<u16>::from_elem((4, 6), 9), Array2::<u8>::from_elem((4, 6), 3));
        let found = |bytes: &[u8]| labels(bytes, SIZE, &Limits::default()).expect("a label map")[0].0;
        assert_eq!(found(&npz! { "gts": gts, "segs": segs }), 9);
        assert_eq!(found(&npz! { "imgs": Array2::<u8>::zeros((4, 6)), "gts": gts }), 3);
    }

    #[test]
    fn a_label_map_without_objects_is_empty() {
        let png = export::png::label_map(&LabelMap::new(SIZE, vec![0; 24])).expect("a PNG");
        assert_eq!(labels(&png, SIZE, &Limits::default()), Ok(Vec::new()));
    }

    #[test]
    fn label_maps_of_something_else_are_refused() {
        let other = LabelMap::new(Size { width: 4, height: 6 }, vec![1; 24]);
        for file in [export::png::label_map(&other).expect("a PNG"), export::npz::segs(&other).expect("an archive")] {
            check_labels_refused(
                &file,
                "labels.other-size",
                "the label map is 4 × 6 pixels, and the picture 6 × 4",
                "choose the label map that was made for this picture",
            );
        }
        check_labels_refused(
            &npz! { "imgs": Array2::<u8>::zeros((4, 6)) },
            "labels.missing",
            "the NPZ file holds neither an array “segs” nor “gts”, so there is no label map in it",
            "save the label map as segs (H, W), or as PNG",
        );
        check_labels_refused(
            &npz! { "segs": array![1_u8, 2] },
            "open.wrong-shape",
            "the array “segs” has the shape [2], and (H, W) was expected",
            "a 2D challenge file holds imgs (H, W, 3) uint8, boxes (n, 4), and gts (H, W) where masks are known",
        );
        check_labels_refused(
            b"[[1, 2, 3, 4]]",
            "open.unknown-kind",
            "the file starts with the bytes 5b 5b 31 2c 20 32 2c 20, which is no kind of file that medbox knows",
            "open a PNG, JPEG, TIFF, BMP, GIF, WebP or NPZ file",
        );
    }

    #[test]
    fn labels_that_are_strewn_over_the_picture_stay_within_the_limits() {
        // Each of 1000 labels twice, at both ends of a picture of 2000 pixels: blocks of about 1000 pixels.
        let size = Size { width: 2000, height: 1 };
        let map = LabelMap::new(size, (0..2000).map(|x| x % 1000 + 1).collect());
        let png = export::png::label_map(&map).expect("a PNG");
        let limits = Limits { max_bytes: 100_000, ..Limits::default() };
        check_error(
            labels(&png, size, &limits).unwrap_err(),
            "labels.strewn",
            "the 1000 labels of the file are strewn over 1001000 pixels, and at most 100000 are taken over",
            "this looks like a picture: choose a file with one number for each object",
        );
    }

    #[test]
    fn boxes_are_read_in_each_of_their_forms() {
        let expected = [[0.0, 1.0, 2.5, 3.0], [3.0, 0.0, 6.0, 4.0]];
        check_boxes("[[0, 1, 2.5, 3], [3, 0, 6, 4]]", &expected);
        check_boxes("\u{feff} {\"boxes\": [[0, 1, 2.5, 3], [3, 0, 6, 4]], \"who\": {\"cares\": []}}", &expected);
        check_boxes(r#"{"annotations": [{"id": 1, "bbox": [0, 1, 2.5, 2]}, {"bbox": [3, 0, 3, 4]}]}"#, &expected);
        let npz = npz! { "boxes": array![[0.0, 1.0, 2.5, 3.0], [3.0, 0.0, 6.0, 4.0]] };
        let found = boxes(&npz, SIZE, None, &Limits::default()).expect("boxes");
        assert_eq!(found.boxes[1].box_image(), PixelBox::new(3.0, 0.0, 6.0, 4.0));
    }

    #[test]
    fn results_are_taken_if_they_are_of_one_picture() {
        let results = |second: u8| {
            format!(
                r#" [ {{"image_id": 7, "bbox": [0, 1, 2.5, 2], "score": 0.9}},
                    {{"image_id": {second}, "bbox": [3, 0, 3, 4]}}]"#
            )
        };
        check_boxes(&results(7), &[[0.0, 1.0, 2.5, 3.0], [3.0, 0.0, 6.0, 4.0]]);
        let hint = "write [[x0,y0,x1,y1], …]";
        let message = "the boxes cannot be read: they are of pictures 7 and 8";
        check_boxes_refused(&results(8), "boxes.unreadable", message, hint);
        let in_a_file = format!("{{\"annotations\": {}, \"images\": []}}", results(8));
        check_boxes_refused(&in_a_file, "boxes.unreadable", message, hint);
    }

    #[test]
    fn an_annotation_without_a_box_is_not_left_out_in_silence() {
        check_boxes_refused(
            r#"{"annotations": [{"bbox": [0, 0, 2, 2]}, {"segmentation": []}]}"#,
            "boxes.unreadable",
            "the boxes cannot be read: annotation 2 of this picture has no “bbox” of four numbers",
            "write [[x0,y0,x1,y1], …]",
        );
    }

    #[test]
    fn of_pictures_of_one_size_the_one_that_is_called_as_the_open_one_is_taken() {
        let coco = |second: &str| {
            format!(
                r#"{{"images": [{{"id": 4, "width": 6, "height": 4, "file_name": "train/a.png"}},
                    {{"id": 5, "width": 6, "height": 4, "file_name": "{second}"}}],
                    "annotations": [{{"image_id": 4, "bbox": [0, 0, 6, 4]}}, {{"image_id": 5, "bbox": [1, 1, 2, 2]}}]}}"#
            )
        };
        let found = |second: &str, name: &str| boxes(coco(second).as_bytes(), SIZE, Some(name), &Limits::default());
        for (second, name) in [("b.png", "b.png"), ("train\\\\b.png", "held out/B.PNG")] {
            let Boxes { boxes, taken_from } = found(second, name).expect("boxes");
            assert_eq!(boxes.iter().map(|b| b.box_image()).collect::<Vec<_>>(), [PixelBox::new(1.0, 1.0, 3.0, 3.0)]);
            assert_eq!(taken_from, None);
        }
        for (second, name) in [("b.png", "c.png"), ("other/a.png", "a.png")] {
            let err = found(second, name).expect_err("which one it is cannot be told");
            assert_eq!(err, ImportError::WhichPicture { n_fitting: 2, n_pictures: 2, picture: SIZE });
        }
    }

    #[test]
    fn a_picture_that_is_called_so_and_has_another_size_is_another_one() {
        let coco = |size: &str| {
            format!(
                r#"{{"images": [{{"id": 1, "file_name": "scan.png"{size}}}, {{"id": 2, "width": 6, "height": 4}}],
                    "annotations": [{{"image_id": 1, "bbox": [1, 1, 2, 2]}}, {{"image_id": 2, "bbox": []}}]}}"#
            )
        };
        let found = |size: &str| boxes(coco(size).as_bytes(), SIZE, Some("scan.png"), &Limits::default());
        check_error(
            found(r#", "width": 60, "height": 40"#).unwrap_err(),
            "boxes.other-picture",
            "the COCO file says that scan.png is 60 × 40 pixels, and the picture is 6 × 4",
            "choose the file that was made for this picture",
        );
        for size in [r#", "width": 6, "height": 4"#, ""] {
            assert_eq!(found(size).expect("boxes").boxes[0].box_image(), PixelBox::new(1.0, 1.0, 3.0, 3.0));
        }
        check_error(
            found(r#", "width": 4, "height": 6"#).unwrap_err(),
            "boxes.turned",
            "the COCO file says that scan.png is 4 × 6 pixels, and the picture is 6 × 4: pictures are turned as their EXIF \
             says, and boxes must be of the turned picture",
            "make the boxes on the turned picture",
        );
    }

    /// A file of pictures of one size; the only box of each starts at its place in the list.
    fn coco_of(names: &[&str]) -> String {
        let images = names
            .iter()
            .enumerate()
            .map(|(i, name)| serde_json::json!({"id": i, "width": 6.0, "height": 4, "file_name": name}));
        let annotations = (0..names.len()).map(|i| {
            // Ids are written in each of the ways that tools have.
            let id =
                [serde_json::json!(i), serde_json::json!(i as f64), serde_json::json!(i.to_string())][i % 3].clone();
            serde_json::json!({"image_id": id, "bbox": [i, 0, 1, 1]})
        });
        serde_json::json!({"images": images.collect::<Vec<_>>(), "annotations": annotations.collect::<Vec<_>>()})
            .to_string()
    }

    #[test]
    fn of_pictures_of_one_name_the_folders_tell() {
        for (names, name, place) in [
            (["p1/s1.png", "p2/s1.png", "p3/s1.png"], "pat/p2/s1.png", 1),
            (["p1/s1.png", "p2/s1.png", "p3/s1.png"], "C:\\pat\\p3\\s1.png", 2),
            (["p1/s1.png", "./p2/s1.png", "p3/s1.png"], "./p2//s1.png", 1),
            (["ref.png", "REF.PNG", "Ref.png"], "data/REF.PNG", 1),
            (["ref.png", "REF.PNG", "Ref.png"], "ref.png", 0),
            (["p1/Ref.png", "p2/REF.PNG", "p3/c.png"], "P2/Ref.png", 1), // the folder says more than the case
        ] {
            let found = boxes(coco_of(&names).as_bytes(), SIZE, Some(name), &Limits::default()).expect("boxes");
            assert_eq!((found.boxes[0].box_image().x0, found.taken_from), (f64::from(place), None), "{name}");
        }
        let names = ["p1/s1.png", "p2/s1.png"];
        let err = boxes(coco_of(&names).as_bytes(), SIZE, Some("p3/s1.png"), &Limits::default()).unwrap_err();
        assert_eq!(err, ImportError::WhichPicture { n_fitting: 2, n_pictures: 2, picture: SIZE });
    }

    #[test]
    fn a_picture_that_was_taken_for_its_size_is_told() {
        let taken_of = |own: &str, name: Option<&str>| {
            boxes(coco_of(&[own]).as_bytes(), SIZE, name, &Limits::default()).expect("boxes").taken_from
        };
        let taken_from = |name| taken_of("b/elsewhere.png", name);
        assert_eq!(taken_from(Some("scan.png")).as_deref(), Some("b/elsewhere.png"));
        assert_eq!(taken_from(Some("elsewhere.png")), None);
        assert_eq!(taken_from(None), None, "nobody knows what the open one is called");
        assert_eq!(taken_of("", Some("scan.png")), None, "nor what the file calls it");
    }

    #[test]
    fn of_pictures_of_one_name_the_one_of_the_size_is_taken() {
        let coco = r#"{"images": [{"id": 1, "width": 9, "height": 9, "file_name": "train/a.png"},
            {"id": 2, "width": 6, "height": 4, "file_name": "test/a.png"},
            {"id": 3, "width": 6, "height": 4, "file_name": "test/b.png"}],
            "annotations": [{"image_id": 2, "bbox": [1, 1, 2, 2]}, {"image_id": 3, "bbox": [0, 0, 1, 1]}]}"#;
        let found = boxes(coco.as_bytes(), SIZE, Some("a.png"), &Limits::default()).expect("boxes");
        assert_eq!((found.boxes[0].box_image().x0, found.taken_from), (1.0, None));
    }

    #[test]
    fn a_picture_without_annotations_is_no_empty_list() {
        check_boxes_refused(
            r#"{"images": [{"id": 4, "width": 6, "height": 4}], "annotations": [{"image_id": 5, "bbox": [1, 1, 2, 2]}]}"#,
            "boxes.none-here",
            "the COCO file has no annotation of this picture",
            "keep its annotations, or choose the file that was made for it",
        );
    }

    #[test]
    fn of_a_coco_file_the_annotations_of_the_picture_are_taken() {
        check_boxes(
            r#"{"images": [{"id": 4, "width": 9, "height": 9}, {"id": 5, "width": 6, "height": 4}],
                "annotations": [{"image_id": 4, "bbox": [0, 0, 9, 9]}, {"image_id": 5, "bbox": [1, 1, 2, 2]},
                {"image_id": 4, "segmentation": []}]}"#,
            &[[1.0, 1.0, 3.0, 3.0]],
        );
        let hint = "keep what belongs to this picture only";
        check_boxes_refused(
            r#"{"images": [{"id": 4, "width": 9, "height": 9}], "annotations": []}"#,
            "boxes.which-picture",
            "0 of the 1 pictures of the COCO file are 6 × 4 pixels as the open one is",
            hint,
        );
        check_boxes_refused(
            r#"{"images": [{"id": 4, "width": 6, "height": 4}, {"id": "b", "width": 6, "height": 4}],
                "annotations": []}"#,
            "boxes.which-picture",
            "2 of the 2 pictures of the COCO file are 6 × 4 pixels as the open one is",
            hint,
        );
    }

    #[test]
    fn boxes_that_reach_past_the_picture_are_clamped() {
        check_boxes("[[-3, 1, 60, 3]]", &[[0.0, 1.0, 6.0, 3.0]]);
    }

    #[test]
    fn what_is_no_list_of_boxes_is_refused() {
        let write = "write [[x0,y0,x1,y1], …]";
        for (json, reason) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("[[1, 2, 3]]", "invalid length 3, expected an array of length 4 at line 1 column 10"),
            ("[1, 2, 3, 4]", "invalid type: integer `1`, expected an array of length 4 at line 1 column 2"),
            ("{\"rois\": []}", "there is neither “boxes” nor “annotations”"),
            ("[]", "the list is empty"),
            (&"[".repeat(1000), "invalid type: sequence, expected f64 at line 1 column 2"),
        ] {
            let message = format!("the boxes cannot be read: {reason}");
            check_boxes_refused(json, "boxes.unreadable", &message, write);
        }
        check_boxes_refused(
            "[[0, 0, 1, 1], [2, 2, 2, 3]]",
            "prompt.empty-box",
            "box 2: the box has no area: its x runs from 2 to 2, its y from 2 to 3",
            "give the left, top, right and bottom side, in this order",
        );
        check_boxes_refused(
            &format!("[[0,0,1,1]{}]", ",[0,0,1,1]".repeat(65535)),
            "segment.too-many-boxes",
            "65536 boxes were given, a label map holds 65535 objects",
            "split the list of boxes",
        );
        let limits = Limits { max_bytes: 10, ..Limits::default() };
        check_error(
            boxes(b"[[0,0,1,1]]", SIZE, None, &limits).unwrap_err(),
            "boxes.too-long",
            "the list of boxes is 11 bytes long, and at most 10 are read",
            "keep what belongs to this picture only",
        );
    }
}
