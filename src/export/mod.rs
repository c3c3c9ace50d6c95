//! Masks to bytes: one writer a file. Nothing here reads a clock or knows a file's name unless it is given.

pub mod json;
pub mod npz;
pub mod overlay;
pub mod png;

use crate::{
    geometry::{PixelBox, Size},
    pipeline::Object,
    postprocess::Mask,
};

/// One object as it is written out: made by the pipeline, or drawn and edited by a person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExportObject<'a> {
    /// Its label, 1, 2, ….
    pub id: u32,
    /// The box asked for, in image pixels, right and bottom side exclusive.
    pub box_image: PixelBox,
    /// Its pixels.
    pub mask: &'a Mask,
    /// The model's own estimate of the mask's overlap with the truth, 0 to 1; none where a person has drawn or changed
    /// the mask.
    pub score: Option<f32>,
    /// What a person calls it.
    pub name: Option<&'a str>,
    /// Its place among the colours of [`overlay::colour`], from 0: the label need not be the place, as objects between
    /// may be gone.
    pub colour: u64,
}

impl<'a> ExportObject<'a> {
    /// The object at `index` of an answer, which has the label `index + 1`.
    pub fn from_answer((index, object): (usize, &'a Object)) -> Self {
        Self {
            id: index as u32 + 1,
            box_image: object.prompt.box_image(),
            mask: &object.mask,
            score: Some(object.score),
            name: None,
            colour: index as u64,
        }
    }
}

/// Why a result could not be written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum ExportError {
    /// A mask of another picture.
    #[error(
        "the mask of object {id} belongs to a picture of {mask_width} × {mask_height} pixels, \
         and this one is {width} × {height}"
    )]
    OtherPicture { id: u32, mask_width: u32, mask_height: u32, width: u32, height: u32 },
    /// The encoder refuses.
    #[error("the {format} file cannot be written: {detail}")]
    Encode { format: &'static str, detail: String },
}

impl ExportError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherPicture { .. } => "export.other-picture",
            Self::Encode { .. } => "export.encode",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherPicture { .. } => "export the masks together with the picture that they were made on",
            Self::Encode { .. } => "report this with the size of the picture: it should not happen",
        }
    }
}

/// Every mask belongs to a picture of this size.
fn check_picture(size: Size, objects: &[ExportObject<'_>]) -> Result<(), ExportError> {
    match objects.iter().find(|object| object.mask.image_size() != size) {
        None => Ok(()),
        Some(object) => {
            let mask = object.mask.image_size();
            Err(ExportError::OtherPicture {
                id: object.id,
                mask_width: mask.width,
                mask_height: mask.height,
                width: size.width,
                height: size.height,
            })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{image::Image, postprocess::LabelMap};

    /// A mask from rows of `#` and `.`.
    pub(crate) fn mask(rows: &[&str]) -> Mask {
        let size = Size { width: rows[0].len() as u32, height: rows.len() as u32 };
        Mask::new(size, &rows.iter().flat_map(|row| row.bytes().map(|byte| byte == b'#')).collect::<Vec<_>>())
    }

    /// Object `id` as the model gives it, with the box (0.5, 1, 4, 3).
    pub(crate) fn object(id: u32, mask: &Mask) -> ExportObject<'_> {
        let box_image = PixelBox::new(0.5, 1.0, 4.0, 3.0);
        ExportObject { id, box_image, mask, score: Some(0.9), name: None, colour: u64::from(id) - 1 }
    }

    #[test]
    fn a_mask_of_another_picture_is_refused() {
        let mask = mask(&["##", "#."]);
        let objects = [object(3, &mask)];
        let size = Size { width: 4, height: 2 };
        let picture = Image::from_grey8(size, &[0; 8]).expect("8 pixels");
        for err in [json::coco(size, None, &objects).unwrap_err(), overlay::png(&picture, &objects).unwrap_err()] {
            assert_eq!(err.code(), "export.other-picture");
            assert_eq!(
                err.to_string(),
                "the mask of object 3 belongs to a picture of 2 × 2 pixels, and this one is 4 × 2"
            );
            assert_eq!(err.hint(), "export the masks together with the picture that they were made on");
        }
    }

    #[test]
    fn a_label_map_without_pixels_cannot_be_a_png() {
        let err = png::label_map(&LabelMap::new(Size { width: 0, height: 3 }, Vec::new())).unwrap_err();
        assert_eq!(err.code(), "export.encode");
        assert_eq!(err.to_string(), "the PNG file cannot be written: Zero width not allowed");
        assert_eq!(err.hint(), "report this with the size of the picture: it should not happen");
    }
}
