//! What is asked of a picture: boxes, and the class that the decoder is told.

use std::fmt;

use crate::geometry::{PixelBox, Size};

/// The 11 modalities, in the order that every file of the project uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // The names say it.
pub enum Modality {
    Ct,
    Mr,
    Pet,
    Us,
    Xray,
    Dermoscopy,
    Endoscopy,
    Fundus,
    Microscopy,
    Oct,
    Mammography,
}

/// Number of classes: the length of every class vector.
pub const N_CLASSES: usize = 11;

impl Modality {
    /// All of them, by index.
    pub const ALL: [Self; N_CLASSES] = [
        Self::Ct,
        Self::Mr,
        Self::Pet,
        Self::Us,
        Self::Xray,
        Self::Dermoscopy,
        Self::Endoscopy,
        Self::Fundus,
        Self::Microscopy,
        Self::Oct,
        Self::Mammography,
    ];

    /// Position in class vectors, 0 to 10.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name on the command line and in manifests: `ct`, `mr`, ….
    pub fn name(self) -> &'static str {
        match self {
            Self::Ct => "ct",
            Self::Mr => "mr",
            Self::Pet => "pet",
            Self::Us => "us",
            Self::Xray => "xray",
            Self::Dermoscopy => "dermoscopy",
            Self::Endoscopy => "endoscopy",
            Self::Fundus => "fundus",
            Self::Microscopy => "microscopy",
            Self::Oct => "oct",
            Self::Mammography => "mammography",
        }
    }

    /// The name in files and for people: `CT`, `MR`, ….
    pub fn title(self) -> &'static str {
        match self {
            Self::Ct => "CT",
            Self::Mr => "MR",
            Self::Pet => "PET",
            Self::Us => "US",
            Self::Xray => "XRay",
            Self::Dermoscopy => "Dermoscopy",
            Self::Endoscopy => "Endoscopy",
            Self::Fundus => "Fundus",
            Self::Microscopy => "Microscopy",
            Self::Oct => "OCT",
            Self::Mammography => "Mammography",
        }
    }

    /// Reads either name, in any case.
    ///
    /// # Errors
    /// [`PromptError::UnknownClass`] with the text that was found.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        Self::ALL
            .into_iter()
            .find(|modality| modality.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| PromptError::UnknownClass { found: text.to_owned() })
    }

    /// The next one in the list, the first after the last: a class that is certainly wrong.
    pub fn next(self) -> Self {
        Self::ALL[(self.index() + 1) % N_CLASSES]
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Which class the decoder is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClassPrompt {
    /// What the class head says, as probabilities (one-hot once a person agrees).
    #[default]
    Predicted,
    /// Nothing: all weights are zero.
    Unknown,
    /// What a person says.
    Chosen(Modality),
}

impl ClassPrompt {
    /// The word that [`Self::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predicted => "auto",
            Self::Unknown => "unknown",
            Self::Chosen(modality) => modality.name(),
        }
    }

    /// Reads `auto`, `unknown`, or the name of a modality, in any case.
    ///
    /// # Errors
    /// [`PromptError::UnknownClass`] with the text that was found.
    pub fn parse(text: &str) -> Result<Self, PromptError> {
        let word = [Self::Predicted, Self::Unknown].into_iter().find(|word| word.name().eq_ignore_ascii_case(text));
        word.map_or_else(|| Modality::parse(text).map(Self::Chosen), Ok)
    }
}

/// A box that was checked against its picture: finite, with an area, and at least partly inside.
///
/// Sides that reach past the picture are clamped to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxPrompt {
    box_image: PixelBox,
}

impl BoxPrompt {
    /// Checks a box given in image pixels, right and bottom side exclusive.
    ///
    /// # Errors
    /// - [`PromptError::NotFinite`] when a side is NaN or infinite;
    /// - [`PromptError::EmptyBox`] when x1 ≤ x0 or y1 ≤ y0;
    /// - [`PromptError::Outside`] when no part of it lies in the picture.
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64, image: Size) -> Result<Self, PromptError> {
        if ![x0, y0, x1, y1].iter().all(|side| side.is_finite()) {
            return Err(PromptError::NotFinite { x0, y0, x1, y1 });
        }
        if x1 <= x0 || y1 <= y0 {
            return Err(PromptError::EmptyBox { x0, y0, x1, y1 });
        }
        let (width, height) = (f64::from(image.width), f64::from(image.height));
        if x0 >= width || y0 >= height || x1 <= 0.0 || y1 <= 0.0 {
            return Err(PromptError::Outside { x0, y0, x1, y1, width: image.width, height: image.height });
        }
        Ok(Self { box_image: PixelBox::new(x0.max(0.0), y0.max(0.0), x1.min(width), y1.min(height)) })
    }

    /// The sides in image pixels, inside the picture.
    pub fn box_image(self) -> PixelBox {
        self.box_image
    }
}

/// Why a box or class cannot be asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are the box's sides and the picture's size, in image pixels.
pub enum PromptError {
    /// A side is NaN or infinite.
    #[error("the box's sides must be numbers: they are {x0}, {y0}, {x1}, {y1}")]
    NotFinite { x0: f64, y0: f64, x1: f64, y1: f64 },
    /// The box has no area.
    #[error("the box has no area: its x runs from {x0} to {x1}, its y from {y0} to {y1}")]
    EmptyBox { x0: f64, y0: f64, x1: f64, y1: f64 },
    /// The box misses the picture.
    #[error("the box {x0},{y0},{x1},{y1} lies outside the picture of {width} × {height} pixels")]
    Outside { x0: f64, y0: f64, x1: f64, y1: f64, width: u32, height: u32 },
    /// No class has this name.
    #[error("there is no class “{found}”")]
    UnknownClass { found: String },
    /// A class was chosen for a model that takes none.
    #[error("the model “{model}” takes no class prompt, so it cannot be told “{class}”")]
    NoClassPrompt { model: String, class: Modality },
}

impl PromptError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "prompt.not-finite",
            Self::EmptyBox { .. } => "prompt.empty-box",
            Self::Outside { .. } => "prompt.outside",
            Self::UnknownClass { .. } => "prompt.unknown-class",
            Self::NoClassPrompt { .. } => "prompt.no-class-prompt",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "give four numbers of pixels",
            Self::EmptyBox { .. } => "give the left, top, right and bottom side, in this order",
            Self::Outside { .. } => "give the sides in pixels of the picture, counted from its top left corner",
            Self::UnknownClass { .. } => {
                "use auto, unknown, ct, mr, pet, us, xray, dermoscopy, endoscopy, fundus, microscopy, oct or mammography"
            }
            Self::NoClassPrompt { .. } => "leave the class at auto, or choose a model with a class prompt",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 100, height: 50 };

    #[track_caller]
    fn check_refused(sides: [f64; 4], code: &str, message: &str) {
        let [x0, y0, x1, y1] = sides;
        let err = BoxPrompt::new(x0, y0, x1, y1, SIZE).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str()), (code, message));
    }

    #[test]
    fn boxes_that_ask_for_nothing_are_refused() {
        check_refused(
            [f64::NAN, 0.0, 1.0, 1.0],
            "prompt.not-finite",
            "the box's sides must be numbers: they are NaN, 0, 1, 1",
        );
        check_refused(
            [5.0, 5.0, 5.0, 9.0],
            "prompt.empty-box",
            "the box has no area: its x runs from 5 to 5, its y from 5 to 9",
        );
        check_refused(
            [100.0, 0.0, 120.0, 20.0],
            "prompt.outside",
            "the box 100,0,120,20 lies outside the picture of 100 × 50 pixels",
        );
    }

    #[test]
    fn a_box_that_reaches_past_the_picture_is_clamped() {
        let prompt = BoxPrompt::new(-5.0, 40.0, 20.0, 80.0, SIZE).expect("partly inside");
        assert_eq!(prompt.box_image(), PixelBox::new(0.0, 40.0, 20.0, 50.0));
    }

    #[test]
    fn classes_keep_their_order_and_names() {
        let names: Vec<_> = Modality::ALL.iter().map(|m| m.name()).collect();
        assert_eq!(names.join(" "), "ct mr pet us xray dermoscopy endoscopy fundus microscopy oct mammography");
        for (index, modality) in Modality::ALL.into_iter().enumerate() {
            assert_eq!(modality.index(), index);
            assert_eq!(Modality::parse(modality.title()), Ok(modality));
        }
        assert_eq!(Modality::Mammography.next(), Modality::Ct);
    }

    #[test]
    fn what_the_decoder_is_told_is_read_by_its_name_in_any_case() {
        for told in [ClassPrompt::Predicted, ClassPrompt::Unknown, ClassPrompt::Chosen(Modality::Xray)] {
            assert_eq!(ClassPrompt::parse(told.name()), Ok(told));
            assert_eq!(ClassPrompt::parse(&told.name().to_uppercase()), Ok(told));
        }
    }

    #[test]
    fn a_class_that_does_not_exist_is_named() {
        let err = ClassPrompt::parse("tomography").unwrap_err();
        assert_eq!(err.to_string(), "there is no class “tomography”");
        assert_eq!(
            err.hint(),
            "use auto, unknown, ct, mr, pet, us, xray, dermoscopy, endoscopy, fundus, microscopy, oct or mammography"
        );
    }
}
