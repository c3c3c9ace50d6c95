//! A picture in memory, and how stored values become the grey levels that people and networks see.
//! Knows no file format and no model.

use crate::geometry::{GeometryError, Rect, Size};

/// The range of stored values that is shown: `level` is its middle, `width` its extent, both in stored units
/// (DICOM PS3.3 C.11.2.1.2 calls them window center and window width).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Middle of the range.
    pub level: f64,
    /// Extent of the range, greater than zero.
    pub width: f64,
}

impl Window {
    /// The window from `low` (shown black) to `high` (shown white).
    pub fn from_range(low: f64, high: f64) -> Self {
        Self { level: (low + high) / 2.0, width: (high - low).max(f64::MIN_POSITIVE) }
    }

    /// The window between the 0.5 and the 99.5 percentile of the finite values, zeros left out when there are others:
    /// what LiteMedSAM's preparation does with everything that is not CT (`pre_grey_rgb.py`).
    ///
    /// `None` when no value is finite.
    pub fn from_percentiles(values: &[f32]) -> Option<Self> {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite() && *v != 0.0).collect();
        if sorted.is_empty() {
            return values.iter().any(|v| v.is_finite()).then(|| Self::from_range(0.0, 1.0));
        }
        let mut at = |share: f64| {
            let k = (share * (sorted.len() - 1) as f64).round() as usize;
            f64::from(*sorted.select_nth_unstable_by(k, f32::total_cmp).1)
        };
        let (low, high) = (at(0.005), at(0.995));
        // A picture of one value besides zero is shown against black.
        Some(if high > low { Self::from_range(low, high) } else { Self::from_range(low.min(0.0), high.max(0.0)) })
    }

    /// The grey level, 0 to 255, of a stored value; NaN is black.
    pub fn grey(self, value: f32) -> u8 {
        let low = self.level - self.width / 2.0;
        // `as` saturates, and sends NaN to 0.
        ((f64::from(value) - low) / self.width * 255.0).round() as u8
    }
}

/// Grey values as the file stores them, kept where eight bits do not hold them.
#[derive(Debug, Clone, PartialEq)]
struct Stored {
    values: Vec<f32>,
    window: Window,
}

/// A 2D picture: three interleaved channels of 8 bits, (H, W, 3), row by row from the top; grey is repeated.
///
/// Pictures with more than eight bits keep their stored values beside it, so that the window can change.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    size: Size,
    rgb: Vec<u8>,
    stored: Option<Stored>,
}

impl Image {
    /// A picture from interleaved RGB bytes, (H, W, 3).
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when the size holds no pixel.
    ///
    /// # Panics
    /// When `rgb` is not three bytes a pixel: readers make it so.
    pub fn from_rgb8(size: Size, rgb: Vec<u8>) -> Result<Self, GeometryError> {
        let size = Size::new(size.width, size.height)?;
        assert_eq!(rgb.len(), size.area() * 3, "three bytes a pixel");
        Ok(Self { size, rgb, stored: None })
    }

    /// A picture from grey bytes, (H, W), repeated to three channels.
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when the size holds no pixel.
    ///
    /// # Panics
    /// When `grey` is not one byte a pixel: readers make it so.
    pub fn from_grey8(size: Size, grey: &[u8]) -> Result<Self, GeometryError> {
        assert_eq!(grey.len(), size.area(), "one byte a pixel");
        Self::from_rgb8(size, grey.iter().flat_map(|&g| [g, g, g]).collect())
    }

    /// A picture from stored grey values, (H, W), shown through [`Window::from_percentiles`].
    ///
    /// # Errors
    /// [`GeometryError::Empty`] when the size holds no pixel.
    ///
    /// # Panics
    /// When `values` is not one value a pixel: readers make it so.
    pub fn from_stored(size: Size, values: Vec<f32>) -> Result<Self, GeometryError> {
        assert_eq!(values.len(), size.area(), "one value a pixel");
        let window = Window::from_percentiles(&values).unwrap_or(Window::from_range(0.0, 1.0));
        let mut image = Self::from_rgb8(size, vec![0; size.area() * 3])?;
        image.stored = Some(Stored { values, window });
        image.redraw();
        Ok(image)
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Interleaved RGB bytes, (H, W, 3).
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The window in use, in stored units; `None` for 8-bit pictures, which are shown as they are.
    pub fn window(&self) -> Option<Window> {
        self.stored.as_ref().map(|stored| stored.window)
    }

    /// Shows the stored values through another window; 8-bit pictures stay as they are.
    pub fn set_window(&mut self, window: Window) {
        if let Some(stored) = &mut self.stored {
            stored.window = window;
            self.redraw();
        }
    }

    /// The pixels of `rect` as a picture of their own, without stored values.
    ///
    /// # Panics
    /// When `rect` is empty or reaches outside: the planner of tiles keeps it inside.
    pub fn crop(&self, rect: Rect) -> Self {
        assert!(rect.area() > 0 && rect.right() <= self.size.width && rect.bottom() <= self.size.height);
        let row_bytes = self.size.width as usize * 3;
        let rgb = (rect.y..rect.bottom())
            .flat_map(|y| {
                let start = y as usize * row_bytes + rect.x as usize * 3;
                &self.rgb[start..start + rect.width as usize * 3]
            })
            .copied()
            .collect();
        Self { size: rect.size(), rgb, stored: None }
    }

    /// The picture at another size, bilinear, without stored values: for timing and for thumbnails, never for networks.
    pub fn resized(&self, size: Size) -> Self {
        let source = image::RgbImage::from_raw(self.size.width, self.size.height, self.rgb.clone())
            .expect("three bytes a pixel, as every constructor checks");
        let filter = image::imageops::FilterType::Triangle;
        let rgb = image::imageops::resize(&source, size.width.max(1), size.height.max(1), filter).into_raw();
        Self { size: Size { width: size.width.max(1), height: size.height.max(1) }, rgb, stored: None }
    }

    fn redraw(&mut self) {
        if let Some(Stored { values, window }) = &self.stored {
            for (pixel, &value) in self.rgb.chunks_exact_mut(3).zip(values) {
                pixel.fill(window.grey(value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_maps_its_ends_to_black_and_white() {
        let window = Window { level: 40.0, width: 400.0 };
        assert_eq!([-160.0, 40.0, 240.0, 3000.0, -2000.0, f32::NAN].map(|v| window.grey(v)), [0, 128, 255, 255, 0, 0]);
    }

    #[test]
    fn the_percentile_window_ignores_outliers_and_zeros() {
        let mut values: Vec<f32> = (1..=1000).map(|v| v as f32).collect();
        values.extend([0.0; 500]);
        values.push(f32::INFINITY);
        let window = Window::from_percentiles(&values).expect("finite values");
        // 0.005 · 999 = 4.995 → the 6th of 1..=1000; 0.995 · 999 = 994.005 → the 995th.
        assert_eq!(window, Window::from_range(6.0, 995.0));
    }

    #[test]
    fn pictures_without_contrast_have_a_window_too() {
        assert_eq!(Window::from_percentiles(&[7.0; 9]), Some(Window::from_range(0.0, 7.0)));
        assert_eq!(Window::from_percentiles(&[0.0; 9]), Some(Window::from_range(0.0, 1.0)));
        assert_eq!(Window::from_percentiles(&[f32::NAN; 9]), None);
    }

    #[test]
    fn a_crop_keeps_rows_and_channels_in_order() {
        let rgb: Vec<u8> = (0..4 * 3 * 3).collect();
        let image = Image::from_rgb8(Size { width: 4, height: 3 }, rgb).expect("12 pixels");
        let crop = image.crop(Rect { x: 1, y: 1, width: 2, height: 2 });
        assert_eq!(crop.rgb(), [15, 16, 17, 18, 19, 20, 27, 28, 29, 30, 31, 32]);
    }
}
