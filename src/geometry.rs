//! The spaces and the maps between them.
//!
//! - **image**: pixels of the picture as a person sees it; x to the right, y down, the origin at the outer corner of
//!   the top left pixel, so that pixel (0, 0) covers 0..1 and its centre lies at 0.5.
//! - **view**: pixels of what is encoded: the whole image, or a square [`Rect`] cut out of it (`tiles.rs`).
//! - **model**: pixels of the network's square input, after the letterbox (`preprocess.rs`).

/// Width and height in pixels; neither is zero when it comes from [`Size::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

/// Why a size or region cannot exist.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A picture without pixels.
    #[error("the picture is {width} × {height} pixels, so it holds nothing")]
    Empty {
        /// Number of columns found.
        width: u32,
        /// Number of rows found.
        height: u32,
    },
}

impl GeometryError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "geometry.empty",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "open a picture that is at least one pixel wide and high",
        }
    }
}

impl Size {
    /// A size with at least one pixel.
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when a side is zero.
    pub fn new(width: u32, height: u32) -> Result<Self, GeometryError> {
        if width == 0 || height == 0 {
            return Err(GeometryError::Empty { width, height });
        }
        Ok(Self { width, height })
    }

    /// The longer side, in pixels.
    pub fn longest(self) -> u32 {
        self.width.max(self.height)
    }

    /// Number of pixels.
    pub fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The region that covers all of it.
    pub fn rect(self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }
}

/// Millimetres between voxel centres along each axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spacing {
    /// Along a row.
    pub x_mm: f64,
    /// Along a column.
    pub y_mm: f64,
    /// Between slices.
    pub z_mm: f64,
}

/// An axis-aligned box with real-valued sides, half-open: x0 ≤ x < x1. The space stands in the variable's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelBox {
    /// Left side.
    pub x0: f64,
    /// Top side.
    pub y0: f64,
    /// Right side.
    pub x1: f64,
    /// Bottom side.
    pub y1: f64,
}

impl PixelBox {
    /// Sides in the order left, top, right, bottom; nothing is checked (see [`crate::prompt::BoxPrompt`]).
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// x1 − x0.
    pub fn width(self) -> f64 {
        self.x1 - self.x0
    }

    /// y1 − y0.
    pub fn height(self) -> f64 {
        self.y1 - self.y0
    }

    /// The longer side.
    pub fn longest(self) -> f64 {
        self.width().max(self.height())
    }

    /// The same box with every side passed through `f`.
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { x0: f(self.x0), y0: f(self.y0), x1: f(self.x1), y1: f(self.y1) }
    }

    /// The same box seen from an origin at (x, y).
    pub fn relative_to(self, x: f64, y: f64) -> Self {
        Self { x0: self.x0 - x, y0: self.y0 - y, x1: self.x1 - x, y1: self.y1 - y }
    }
}

/// A block of whole pixels, half-open; may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rect {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
}

impl Rect {
    /// One past the last column.
    pub fn right(self) -> u32 {
        self.x + self.width
    }

    /// One past the last row.
    pub fn bottom(self) -> u32 {
        self.y + self.height
    }

    /// Number of pixels.
    pub fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Its width and height.
    pub fn size(self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// Whether pixel (x, y) lies inside.
    pub fn contains(self, x: u32, y: u32) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }

    /// Whether a real-valued box of the same space lies inside.
    pub fn covers(self, pixel_box: PixelBox) -> bool {
        pixel_box.x0 >= f64::from(self.x)
            && pixel_box.y0 >= f64::from(self.y)
            && pixel_box.x1 <= f64::from(self.right())
            && pixel_box.y1 <= f64::from(self.bottom())
    }

    /// The smallest block that holds both; an empty one adds nothing.
    pub fn union(self, other: Self) -> Self {
        if self.area() == 0 {
            return other;
        }
        if other.area() == 0 {
            return self;
        }
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self { x, y, width: self.right().max(other.right()) - x, height: self.bottom().max(other.bottom()) - y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_without_pixels_is_refused() {
        let err = Size::new(0, 7).unwrap_err();
        assert_eq!(err.code(), "geometry.empty");
        assert_eq!(err.to_string(), "the picture is 0 × 7 pixels, so it holds nothing");
        assert_eq!(err.hint(), "open a picture that is at least one pixel wide and high");
    }

    #[test]
    fn the_union_with_an_empty_block_is_the_other_block() {
        let (block, empty) = (Rect { x: 3, y: 4, width: 5, height: 6 }, Rect { x: 0, y: 0, width: 0, height: 0 });
        assert_eq!(block.union(empty), block);
        assert_eq!(empty.union(block), block);
        let other = Rect { x: 0, y: 8, width: 4, height: 4 };
        assert_eq!(block.union(other), Rect { x: 0, y: 4, width: 8, height: 8 });
    }

    #[test]
    fn a_half_open_box_that_ends_on_the_edge_is_covered() {
        let rect = Rect { x: 10, y: 10, width: 20, height: 20 };
        assert!(rect.covers(PixelBox::new(10.0, 10.0, 30.0, 30.0)));
        assert!(!rect.covers(PixelBox::new(10.0, 10.0, 30.5, 30.0)));
    }
}
