//! A picture to the network's input: one scale factor, then padding, then min–max.

use crate::{
    geometry::{PixelBox, Size},
    image::Image,
    resize::area_rgb8,
};

/// The map from a view (a picture, or a square part of it) to the network's square input: scaled by
/// `side / longest side`, padded with zeros at the right and the bottom, so that the origin stays.
///
/// Twin: `training/data.py`, `letterbox`; source: LiteMedSAM's inference (bowang-lab/MedSAM, branch LiteMedSAM,
/// `CVPR24_LiteMedSAM_infer.py`).
///
/// # Example
/// ```
/// use medbox::{geometry::{PixelBox, Size}, preprocess::Letterbox};
/// let letterbox = Letterbox::new(Size { width: 640, height: 480 }, 256);
/// assert_eq!(letterbox.filled(), Size { width: 256, height: 192 });
/// let box_view = PixelBox::new(100.0, 50.0, 300.0, 200.0);
/// assert_eq!(letterbox.model_from_view(box_view), PixelBox::new(40.0, 20.0, 120.0, 80.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    view: Size,
    side: u32,
    filled: Size,
}

impl Letterbox {
    /// The letterbox of a view of `view` pixels in a square input of `side` pixels.
    pub fn new(view: Size, side: u32) -> Self {
        let scale = f64::from(side) / f64::from(view.longest());
        // A picture more than twice `side` times longer than wide keeps one row, where the reference fails.
        let scaled = |pixels: u32| ((f64::from(pixels) * scale + 0.5) as u32).max(1);
        Self { view, side, filled: Size { width: scaled(view.width), height: scaled(view.height) } }
    }

    /// Size of the view in its own pixels.
    pub fn view(&self) -> Size {
        self.view
    }

    /// Side of the square input, in model pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The part of the input that the view fills, from the top left corner.
    pub fn filled(&self) -> Size {
        self.filled
    }

    /// A box in pixels of the view, in model pixels.
    pub fn model_from_view(&self, box_view: PixelBox) -> PixelBox {
        let ratio = f64::from(self.side) / f64::from(self.view.longest());
        box_view.map(|side| side * ratio)
    }

    /// The same, each side cut to an integer towards zero, as the challenge's inference does; a box may collapse to
    /// zero width. The ratio comes first: 49 on a side of 49 gives 255. Sides keep their fractions until then.
    pub fn model_from_view_truncated(&self, box_view: PixelBox) -> PixelBox {
        let ratio = f64::from(self.side) / f64::from(self.view.longest());
        box_view.map(|side| (side * ratio).trunc())
    }

    /// The network's input for this view: resized, min–max over all channels together, zero-padded.
    ///
    /// # Panics
    /// When `image` does not have the view's size.
    pub fn input(&self, image: &Image) -> EncoderInput {
        assert_eq!(image.size(), self.view, "the letterbox of another view");
        let small = area_rgb8(image.rgb(), self.view, self.filled);
        let (low, high) = small.iter().fold((u8::MAX, u8::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        let range = f64::from(high - low.min(high)).max(1e-8);
        let normalised: Vec<f32> = (0..=u8::MAX).map(|v| (f64::from(v.saturating_sub(low)) / range) as f32).collect();
        let (side, filled_width) = (self.side as usize, self.filled.width as usize);
        let mut values = vec![0.0; 3 * side * side];
        for (y, row) in small.chunks_exact(filled_width * 3).enumerate() {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                for (channel, &value) in pixel.iter().enumerate() {
                    values[(channel * side + y) * side + x] = normalised[value as usize];
                }
            }
        }
        EncoderInput { side: self.side, values }
    }
}

/// The encoder's input: (3, side, side), channels first (RGB), 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderInput {
    side: u32,
    values: Vec<f32>,
}

impl EncoderInput {
    /// An input from its values, (3, side, side): for tests and for those who prepare their own.
    ///
    /// # Panics
    /// When there are not 3 × side × side values.
    pub fn new(side: u32, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), 3 * side as usize * side as usize, "three values a model pixel");
        Self { side, values }
    }

    /// Side of the square, in model pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// The values, (3, side, side).
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_filled_part_is_rounded_as_the_reference_does() {
        // int(480 · 256/640 + 0.5) = 192; int(31 · 256/49 + 0.5) = int(162.459) = 162.
        assert_eq!(Letterbox::new(size(640, 480), 256).filled(), size(256, 192));
        assert_eq!(Letterbox::new(size(31, 49), 256).filled(), size(162, 256));
        assert_eq!(Letterbox::new(size(5000, 3), 256).filled(), size(256, 1));
    }

    #[test]
    fn truncated_boxes_take_the_ratio_first() {
        let letterbox = Letterbox::new(size(49, 49), 256);
        let box_view = PixelBox::new(0.0, 10.0, 49.0, 49.0);
        // 256/49 = 5.224…; 10 · 5.224… = 52.24…; 49 · 5.2244…(f64) = 255.99… → 255.
        assert_eq!(letterbox.model_from_view_truncated(box_view), PixelBox::new(0.0, 52.0, 255.0, 255.0));
    }

    #[test]
    fn truncated_boxes_are_not_cut_before_the_ratio() {
        let letterbox = Letterbox::new(size(36, 48), 256);
        let box_view = PixelBox::new(10.95, 0.15, 20.5, 47.99);
        // 256/48 = 5.333…; 10.95 · 5.333… = 58.4; 0.15 · 5.333… = 0.8; 20.5 · 5.333… = 109.3…; 47.99 · 5.333… = 255.9….
        assert_eq!(letterbox.model_from_view_truncated(box_view), PixelBox::new(58.0, 0.0, 109.0, 255.0));
    }

    #[test]
    fn a_flat_picture_gives_zeros_and_no_nan() {
        let image = Image::from_grey8(size(20, 10), &[200; 200]).expect("20 × 10");
        let input = Letterbox::new(image.size(), 16).input(&image);
        assert!(input.values().iter().all(|&v| v == 0.0));
    }

    #[test]
    fn min_max_spans_zero_to_one_and_padding_stays_zero() {
        let grey: Vec<u8> = (0..16 * 8).map(|i| 50 + (i % 16) as u8).collect();
        let image = Image::from_grey8(size(16, 8), &grey).expect("16 × 8");
        let input = Letterbox::new(image.size(), 16).input(&image);
        assert_eq!((input.values()[0], input.values()[15]), (0.0, 1.0));
        assert!(input.values()[8 * 16..16 * 16].iter().all(|&v| v == 0.0));
    }
}
