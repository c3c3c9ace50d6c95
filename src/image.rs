//! A picture in memory, and how stored values become the grey levels that people and networks see.
//! Knows no file format and no model.

use crate::geometry::{GeometryError, Rect, Size, Spacing};

/// The range of stored values that is shown: `level` is its middle, `width` its extent, both in stored units
/// (DICOM PS3.3 C.11.2.1.2 calls them window center and window width).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Middle of the range.
    pub level: f64,
    /// Extent of the range, greater than zero.
    pub width: f64,
}

/// Why there is no such window.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// A range that holds nothing, or no numbers.
    #[error("a window has a level and a width greater than 0: they are {level} and {width}")]
    Empty {
        /// The level asked for.
        level: f64,
        /// The width asked for.
        width: f64,
    },
}

impl WindowError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "window.empty",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "give two numbers in the units in which the picture is stored",
        }
    }
}

impl Window {
    /// A window that shows something.
    ///
    /// # Errors
    /// [`WindowError::Empty`] when the width is not greater than zero, or a number is not finite.
    pub fn new(level: f64, width: f64) -> Result<Self, WindowError> {
        if level.is_finite() && width.is_finite() && width > 0.0 {
            Ok(Self { level, width })
        } else {
            Err(WindowError::Empty { level, width })
        }
    }

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

/// The values that the shown bytes are made from.
#[derive(Debug, Clone, PartialEq)]
enum Stored {
    /// Eight bits that are shown as they are: the shown bytes themselves.
    Shown,
    /// Eight bits that are shown through a window: (H, W, 3).
    Bytes { rgb: Vec<u8>, window: Window },
    /// Grey values that eight bits do not hold: (H, W).
    Grey { values: Vec<f32>, window: Window },
}

/// A 2D picture: three interleaved channels of 8 bits, (H, W, 3), row by row from the top; grey is repeated.
///
/// What is shown through a window keeps its stored values beside it, so that the window can change.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    size: Size,
    rgb: Vec<u8>,
    stored: Stored,
    spacing: Option<Spacing>,
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
        Ok(Self { size, rgb, stored: Stored::Shown, spacing: None })
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
        image.stored = Stored::Grey { values, window };
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

    /// Millimetres between pixel centres, where they are known.
    pub fn spacing(&self) -> Option<Spacing> {
        self.spacing
    }

    /// The same picture with a known spacing.
    pub fn with_spacing(self, spacing: Spacing) -> Self {
        Self { spacing: Some(spacing), ..self }
    }

    /// The window in use, in stored units; `None` while eight bits are shown as they are.
    pub fn window(&self) -> Option<Window> {
        match &self.stored {
            Stored::Shown => None,
            Stored::Bytes { window, .. } | Stored::Grey { window, .. } => Some(*window),
        }
    }

    /// Shows the stored values through another window; of colour pictures all channels alike. Eight bits have the
    /// stored units 0 to 255, and the window of just these shows them as they are.
    ///
    /// # Example
    /// ```
    /// use medbox::{geometry::Size, image::{Image, Window}};
    /// let mut image = Image::from_rgb8(Size { width: 1, height: 1 }, vec![90, 100, 120])?;
    /// image.set_window(Window::from_range(90.0, 110.0));
    /// assert_eq!(image.rgb(), [0, 128, 255]);
    /// image.set_window(Window::from_range(0.0, 255.0));
    /// assert_eq!((image.rgb(), image.window()), ([90, 100, 120].as_slice(), None));
    /// # Ok::<(), medbox::Error>(())
    /// ```
    pub fn set_window(&mut self, window: Window) {
        self.stored = match std::mem::replace(&mut self.stored, Stored::Shown) {
            Stored::Shown => Stored::Bytes { rgb: self.rgb.clone(), window },
            Stored::Bytes { rgb, .. } => Stored::Bytes { rgb, window },
            Stored::Grey { values, .. } => Stored::Grey { values, window },
        };
        self.redraw();
        if matches!(&self.stored, Stored::Bytes { rgb, .. } if window == Window::from_range(0.0, 255.0) && *rgb == self.rgb)
        {
            self.stored = Stored::Shown;
        }
    }

    /// The stored value of pixel (x, y): of grey pictures in the units of the file, whatever window they are shown
    /// through, turned round where the file says that white is zero; of colour ones the luminance of the eight bits, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
    ///
    /// # Panics
    /// When (x, y) lies outside.
    pub fn stored_value(&self, x: u32, y: u32) -> f64 {
        let at = y as usize * self.size.width as usize + x as usize;
        let bytes = match &self.stored {
            Stored::Grey { values, .. } => return values[at].into(),
            Stored::Bytes { rgb, .. } => rgb,
            Stored::Shown => &self.rgb,
        };
        let [r, g, b] = [0, 1, 2].map(|channel| f64::from(bytes[3 * at + channel]));
        // Grey stays the whole number that it is.
        if r == g && g == b { r } else { 0.299 * r + 0.587 * g + 0.114 * b }
    }

    /// The range that a window can usefully show, in stored units: the least and the greatest finite value of grey
    /// pictures with more than eight bits, 0 to 255 for all others.
    pub fn value_range(&self) -> (f64, f64) {
        let Stored::Grey { values, .. } = &self.stored else { return (0.0, 255.0) };
        let finite = values.iter().copied().filter(|value| value.is_finite()).map(f64::from);
        finite
            .fold(None, |range, value| match range {
                None => Some((value, value)),
                Some((min, max)) => Some((value.min(min), value.max(max))),
            })
            .unwrap_or((0.0, 1.0))
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
        Self { size: rect.size(), rgb, stored: Stored::Shown, spacing: self.spacing }
    }

    /// The picture at another size, bilinear, without stored values: for timing and for thumbnails, never for networks.
    pub fn resized(&self, size: Size) -> Self {
        let source = image::RgbImage::from_raw(self.size.width, self.size.height, self.rgb.clone())
            .expect("three bytes a pixel, as every constructor checks");
        let filter = image::imageops::FilterType::Triangle;
        let rgb = image::imageops::resize(&source, size.width.max(1), size.height.max(1), filter).into_raw();
        Self {
            size: Size { width: size.width.max(1), height: size.height.max(1) },
            rgb,
            stored: Stored::Shown,
            spacing: None,
        }
    }

    fn redraw(&mut self) {
        match &self.stored {
            Stored::Shown => {}
            Stored::Bytes { rgb, window } => {
                let table: [u8; 256] = std::array::from_fn(|value| window.grey(value as f32));
                for (shown, &value) in self.rgb.iter_mut().zip(rgb) {
                    *shown = table[usize::from(value)];
                }
            }
            Stored::Grey { values, window } => {
                for (pixel, &value) in self.rgb.chunks_exact_mut(3).zip(values) {
                    pixel.fill(window.grey(value));
                }
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
    fn a_window_without_extent_is_refused() {
        for (level, width) in [(40.0, 0.0), (f64::NAN, 1.0), (40.0, f64::INFINITY)] {
            let err = Window::new(level, width).unwrap_err();
            assert_eq!(err.code(), "window.empty");
            let message = format!("a window has a level and a width greater than 0: they are {level} and {width}");
            assert_eq!(err.to_string(), message);
            assert_eq!(err.hint(), "give two numbers in the units in which the picture is stored");
        }
    }

    #[test]
    fn colours_are_windowed_alike_and_come_back() {
        let rgb = vec![0, 100, 200, 50, 60, 255];
        let mut image = Image::from_rgb8(Size { width: 2, height: 1 }, rgb.clone()).expect("2 pixels");
        assert_eq!((image.window(), image.value_range()), (None, (0.0, 255.0)));
        image.set_window(Window { level: 100.0, width: 100.0 });
        assert_eq!(image.rgb(), [0, 128, 255, 0, 26, 255]); // (v − 50) · 2.55
        image.set_window(Window { level: 127.5, width: 51.0 });
        assert_eq!(image.rgb(), [0, 0, 255, 0, 0, 255], "from the stored values, not from the ones shown");
        assert_eq!(image.value_range(), (0.0, 255.0));
        image.set_window(Window { level: 127.5, width: 255.0 });
        assert_eq!((image.rgb(), image.window()), (rgb.as_slice(), None));
    }

    #[test]
    fn stored_values_do_not_depend_on_the_window() {
        let mut image =
            Image::from_rgb8(Size { width: 2, height: 1 }, vec![77, 77, 77, 100, 200, 50]).expect("2 pixels");
        let values = |image: &Image| [image.stored_value(0, 0), image.stored_value(1, 0)];
        let before = values(&image);
        assert_eq!(before[0], 77.0);
        assert!((before[1] - 153.0).abs() < 1e-9, "29.9 + 117.4 + 5.7: {before:?}");
        image.set_window(Window { level: 10.0, width: 4.0 });
        assert_eq!(values(&image), before);
        let stored =
            Image::from_stored(Size { width: 3, height: 1 }, vec![-1024.0, 3071.0, f32::NAN]).expect("3 pixels");
        assert_eq!((stored.stored_value(1, 0), stored.value_range()), (3071.0, (-1024.0, 3071.0)));
    }

    #[test]
    fn a_crop_keeps_rows_and_channels_in_order() {
        let rgb: Vec<u8> = (0..4 * 3 * 3).collect();
        let image = Image::from_rgb8(Size { width: 4, height: 3 }, rgb).expect("12 pixels");
        let crop = image.crop(Rect { x: 1, y: 1, width: 2, height: 2 });
        assert_eq!(crop.rgb(), [15, 16, 17, 18, 19, 20, 27, 28, 29, 30, 31, 32]);
    }
}
