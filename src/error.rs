//! What can go wrong, said in three parts: a stable code, a message (what and why) and a hint (what to do).

use crate::{
    export::ExportError, formats::OpenError, geometry::GeometryError, image::WindowError, import::ImportError,
    metrics::MetricError, model::ModelError, pipeline::SegmentError, prompt::PromptError,
};

/// Every error of the crate: one variant for each room.
///
/// # Example
/// ```
/// use medbox::{Error, geometry::Size, prompt::BoxPrompt};
/// let err: Error = BoxPrompt::new(40.0, 10.0, 20.0, 30.0, Size { width: 64, height: 64 }).unwrap_err().into();
/// assert_eq!(err.code(), "prompt.empty-box");
/// assert_eq!(err.to_string(), "the box has no area: its x runs from 40 to 20, its y from 10 to 30");
/// assert_eq!(err.hint(), "give the left, top, right and bottom side, in this order");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are no picture that medbox reads.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A size or box that cannot exist.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A window that shows nothing.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// A box or class that cannot be asked for.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A model that cannot be loaded or run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A request that the open study cannot answer.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Masks that cannot be compared.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// Masks or boxes made elsewhere that cannot be taken over.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A result that cannot be written in the form asked for.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl Error {
    /// A stable name, `room.reason`: translations and programs rely on it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open(e) => e.code(),
            Self::Geometry(e) => e.code(),
            Self::Window(e) => e.code(),
            Self::Prompt(e) => e.code(),
            Self::Model(e) => e.code(),
            Self::Segment(e) => e.code(),
            Self::Metric(e) => e.code(),
            Self::Import(e) => e.code(),
            Self::Export(e) => e.code(),
        }
    }

    /// What the person can do about it, as a request without a full stop.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Open(e) => e.hint(),
            Self::Geometry(e) => e.hint(),
            Self::Window(e) => e.hint(),
            Self::Prompt(e) => e.hint(),
            Self::Model(e) => e.hint(),
            Self::Segment(e) => e.hint(),
            Self::Metric(e) => e.hint(),
            Self::Import(e) => e.hint(),
            Self::Export(e) => e.hint(),
        }
    }
}
