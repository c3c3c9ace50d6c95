//! Logits to masks in image pixels, and masks to one label map.

use crate::{
    geometry::{PixelBox, Rect, Size},
    preprocess::Letterbox,
};

/// What the decoder says of one box: (side, side) in model pixels, row by row; positive is inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Logits {
    side: u32,
    values: Vec<f32>,
}

impl Logits {
    /// Logits of a square of `side` model pixels.
    ///
    /// # Panics
    /// When there are not side × side values: the model's contract makes it so.
    pub fn new(side: u32, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), side as usize * side as usize, "one value a model pixel");
        Self { side, values }
    }

    /// The values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// One object's pixels in a picture. Only the block that holds them is stored, so that hundreds of small objects in a
/// large picture stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    image: Size,
    region: Rect,
    bits: Vec<bool>,
}

impl Mask {
    /// A mask from one flag a pixel of the whole picture, (H, W).
    ///
    /// # Panics
    /// When `bits` is not one flag a pixel.
    pub fn new(image: Size, bits: &[bool]) -> Self {
        assert_eq!(bits.len(), image.area(), "one flag a pixel");
        Self::from_region(image, image.rect(), bits.to_vec())
    }

    /// A mask from one flag a pixel of `region`; everything outside of it is background.
    ///
    /// # Panics
    /// When `bits` is not one flag a pixel of `region`, or `region` reaches outside of the picture.
    pub fn from_region(image: Size, region: Rect, bits: Vec<bool>) -> Self {
        assert_eq!(bits.len(), region.area(), "one flag a pixel");
        assert!(region.right() <= image.width && region.bottom() <= image.height, "inside the picture");
        Self { image, region, bits }.trimmed()
    }

    /// Size of the picture that it belongs to.
    pub fn image_size(&self) -> Size {
        self.image
    }

    /// The tight bounding block of the object; empty when there is no object.
    pub fn region(&self) -> Rect {
        self.region
    }

    /// One flag a pixel of [`Mask::region`], row by row.
    pub fn bits(&self) -> &[bool] {
        &self.bits
    }

    /// Number of pixels of the object.
    pub fn area_px(&self) -> usize {
        self.bits.iter().filter(|&&bit| bit).count()
    }

    /// Whether pixel (x, y) of the picture belongs to the object.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        self.region.contains(x, y)
            && self.bits[(y - self.region.y) as usize * self.region.width as usize + (x - self.region.x) as usize]
    }

    /// The tight box of the object in image pixels, ends exclusive; `None` when there is no object.
    pub fn bounding_box(&self) -> Option<PixelBox> {
        (self.region.area() > 0).then(|| {
            let [x0, y0, x1, y1] = [self.region.x, self.region.y, self.region.right(), self.region.bottom()];
            PixelBox::new(f64::from(x0), f64::from(y0), f64::from(x1), f64::from(y1))
        })
    }

    /// The flags of all rows of the picture's block `rect`, outside of the region background.
    pub fn window(&self, rect: Rect) -> Vec<bool> {
        let mut bits = Vec::with_capacity(rect.area());
        for y in rect.y..rect.bottom() {
            bits.extend((rect.x..rect.right()).map(|x| self.contains(x, y)));
        }
        bits
    }

    /// The same mask as part of a larger picture in which its picture is the block at (x, y).
    pub(crate) fn pasted(self, image: Size, x: u32, y: u32) -> Self {
        if self.bits.is_empty() {
            return Self { image, ..self }; // nothing is nowhere
        }
        let region = Rect { x: self.region.x + x, y: self.region.y + y, ..self.region };
        debug_assert!(region.right() <= image.width && region.bottom() <= image.height);
        Self { image, region, bits: self.bits }
    }

    fn trimmed(self) -> Self {
        let width = self.region.width as usize;
        let mut tight: Option<[usize; 4]> = None; // x0, y0, x1, y1, ends inclusive
        for (y, row) in self.bits.chunks_exact(width.max(1)).enumerate() {
            let Some(first) = row.iter().position(|&bit| bit) else { continue };
            let last = row.iter().rposition(|&bit| bit).unwrap_or(first);
            tight = Some(match tight {
                None => [first, y, last, y],
                Some([x0, y0, x1, _]) => [x0.min(first), y0, x1.max(last), y],
            });
        }
        let Some([x0, y0, x1, y1]) = tight else {
            return Self { image: self.image, region: Rect { x: 0, y: 0, width: 0, height: 0 }, bits: Vec::new() };
        };
        let bits = (y0..=y1).flat_map(|y| &self.bits[y * width + x0..=y * width + x1]).copied().collect();
        let region = Rect {
            x: self.region.x + x0 as u32,
            y: self.region.y + y0 as u32,
            width: (x1 - x0 + 1) as u32,
            height: (y1 - y0 + 1) as u32,
        };
        Self { image: self.image, region, bits }
    }
}

/// Undoes the letterbox and thresholds: crop to the filled part, bilinear to the view's own size with half-pixel
/// centres and clamped edges (PyTorch's `interpolate(mode="bilinear", align_corners=False)`), then logit > 0, which
/// is sigmoid > 0.5.
///
/// The mask has the view's size. Only the part that can be positive is interpolated; the result is the same.
pub fn mask_from_logits(logits: &Logits, letterbox: &Letterbox) -> Mask {
    let (filled, view) = (letterbox.filled(), letterbox.view());
    let stride = logits.side as usize;
    let positive = positive_block(logits, filled);
    if positive.area() == 0 {
        return Mask::from_region(view, Rect { x: 0, y: 0, width: 0, height: 0 }, Vec::new());
    }
    let columns = Taps::new(view.width, filled.width, positive.x, positive.right());
    let rows = Taps::new(view.height, filled.height, positive.y, positive.bottom());
    let region =
        Rect { x: columns.first, y: rows.first, width: columns.taps.len() as u32, height: rows.taps.len() as u32 };
    let mut bits = Vec::with_capacity(region.area());
    for row in &rows.taps {
        let (above, below) = (&logits.values[row.low * stride..], &logits.values[row.high * stride..]);
        bits.extend(columns.taps.iter().map(|column| {
            let top = above[column.low] * (1.0 - column.weight) + above[column.high] * column.weight;
            let bottom = below[column.low] * (1.0 - column.weight) + below[column.high] * column.weight;
            top * (1.0 - row.weight) + bottom * row.weight > 0.0
        }));
    }
    Mask::from_region(view, region, bits)
}

/// The bounding block, in model pixels, of the positive logits in the filled part.
fn positive_block(logits: &Logits, filled: Size) -> Rect {
    let mut block = Rect { x: 0, y: 0, width: 0, height: 0 };
    for (y, row) in logits.values.chunks_exact(logits.side as usize).take(filled.height as usize).enumerate() {
        let row = &row[..filled.width as usize];
        let (Some(first), Some(last)) = (row.iter().position(|&v| v > 0.0), row.iter().rposition(|&v| v > 0.0)) else {
            continue;
        };
        block = block.union(Rect { x: first as u32, y: y as u32, width: (last - first + 1) as u32, height: 1 });
    }
    block
}

/// For consecutive pixels of the larger side: which two model pixels are mixed, and how.
struct Taps {
    first: u32,
    taps: Vec<Tap>,
}

struct Tap {
    low: usize,
    high: usize,
    weight: f32,
}

impl Taps {
    /// The taps of those of `n_out` pixels that touch a model pixel in `from..to` of the `n_in` filled ones.
    fn new(n_out: u32, n_in: u32, from: u32, to: u32) -> Self {
        let tap_at = |out: u32| {
            let scale = n_in as f32 / n_out as f32;
            let source = ((out as f32 + 0.5) * scale - 0.5).max(0.0);
            let low = (source as usize).min(n_in as usize - 1);
            Tap { low, high: (low + 1).min(n_in as usize - 1), weight: source - low as f32 }
        };
        let touches = |tap: &Tap| tap.high >= from as usize && tap.low < to as usize;
        let taps: Vec<(u32, Tap)> = (0..n_out).map(|out| (out, tap_at(out))).filter(|(_, tap)| touches(tap)).collect();
        Self { first: taps.first().map_or(0, |(out, _)| *out), taps: taps.into_iter().map(|(_, tap)| tap).collect() }
    }
}

/// One integer a pixel, (H, W): 0 is background, k the k-th object. 16 bits, where the challenge's map has 8 and box
/// 256 becomes background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    size: Size,
    labels: Vec<u16>,
}

impl LabelMap {
    /// A label map from one label a pixel.
    ///
    /// # Panics
    /// When `labels` is not one a pixel.
    pub fn new(size: Size, labels: Vec<u16>) -> Self {
        assert_eq!(labels.len(), size.area(), "one label a pixel");
        Self { size, labels }
    }

    /// Writes the masks in their order with labels 1, 2, …: later ones overwrite earlier ones.
    ///
    /// # Panics
    /// When there are more than 65535 masks (the pipeline takes fewer boxes), or one of another picture.
    pub fn from_masks<'a>(size: Size, masks: impl IntoIterator<Item = &'a Mask>) -> Self {
        let mut labels = vec![0; size.area()];
        for (index, mask) in masks.into_iter().enumerate() {
            assert_eq!(mask.image_size(), size, "masks of one picture");
            let label = u16::try_from(index + 1).expect("at most 65535 masks");
            let region = mask.region();
            for (row, bits) in mask.bits().chunks_exact(region.width.max(1) as usize).enumerate() {
                let start = (region.y as usize + row) * size.width as usize + region.x as usize;
                for (pixel, &bit) in labels[start..start + bits.len()].iter_mut().zip(bits) {
                    if bit {
                        *pixel = label;
                    }
                }
            }
        }
        Self { size, labels }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> Size {
        self.size
    }

    /// One label a pixel, row by row.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// The greatest label: the number of objects when labels are 1, 2, ….
    pub fn max_label(&self) -> u16 {
        self.labels.iter().copied().max().unwrap_or(0)
    }

    /// The objects of at least `min_area_px` pixels as (label, mask), labels ascending.
    ///
    /// Masks store their whole block: labels that are strewn over the picture can ask for 65535 times its pixels.
    /// [`LabelMap::blocks`] tells how much it would be.
    pub fn objects(&self, min_area_px: usize) -> Vec<(u16, Mask)> {
        let width = self.size.width as usize;
        let masks = self.blocks(min_area_px).into_iter().map(|(label, block)| {
            let bits = (block.y..block.bottom())
                .flat_map(|y| &self.labels[y as usize * width + block.x as usize..][..block.width as usize])
                .map(|&found| found == label);
            (label, Mask::from_region(self.size, block, bits.collect()))
        });
        masks.collect()
    }

    /// The objects of at least `min_area_px` pixels as (label, bounding block), labels ascending.
    pub fn blocks(&self, min_area_px: usize) -> Vec<(u16, Rect)> {
        let width = self.size.width as usize;
        let mut found = vec![(0, Rect { x: 0, y: 0, width: 0, height: 0 }); usize::from(self.max_label()) + 1];
        let mut start = 0;
        // A run of one label never leaves its row, so that its block is one pixel high.
        for row in self.labels.chunks_exact(width) {
            for run in row.chunk_by(|a, b| a == b) {
                let (x, y) = ((start % width) as u32, (start / width) as u32);
                let (area_px, block) = &mut found[usize::from(run[0])];
                *area_px += run.len();
                *block = block.union(Rect { x, y, width: run.len() as u32, height: 1 });
                start += run.len();
            }
        }
        let objects = found.into_iter().enumerate().skip(1).filter(|(_, (area_px, _))| *area_px >= min_area_px.max(1));
        objects.map(|(label, (_, block))| (label as u16, block)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(rows: &[&str]) -> (Size, Vec<bool>) {
        let size = Size { width: rows[0].len() as u32, height: rows.len() as u32 };
        (size, rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect())
    }

    fn mask(rows: &[&str]) -> Mask {
        let (size, bits) = bits(rows);
        Mask::new(size, &bits)
    }

    #[test]
    fn a_mask_stores_only_the_block_that_holds_it() {
        let mask = mask(&["....", ".#..", "..#.", "...."]);
        assert_eq!(mask.region(), Rect { x: 1, y: 1, width: 2, height: 2 });
        assert_eq!(mask.area_px(), 2);
        assert!(mask.contains(2, 2) && !mask.contains(2, 1) && !mask.contains(3, 3));
        assert_eq!(mask.bounding_box(), Some(PixelBox::new(1.0, 1.0, 3.0, 3.0)));
    }

    #[test]
    fn an_empty_mask_has_no_box() {
        let mask = mask(&["...", "..."]);
        assert_eq!((mask.area_px(), mask.bounding_box()), (0, None));
    }

    #[test]
    fn later_masks_overwrite_earlier_ones() {
        let (first, second) = (mask(&["##.", "##."]), mask(&["...", ".##"]));
        let map = LabelMap::from_masks(first.image_size(), [&first, &second]);
        assert_eq!(map.labels(), [1, 1, 0, 1, 2, 2]);
    }

    #[test]
    fn label_256_does_not_wrap() {
        let dot = mask(&["#."]);
        let map = LabelMap::from_masks(dot.image_size(), std::iter::repeat_n(&dot, 256));
        assert_eq!(map.labels(), [256, 0]);
    }

    #[test]
    fn the_objects_of_a_label_map_come_with_their_masks() {
        let map = LabelMap::new(Size { width: 4, height: 3 }, vec![7, 7, 0, 2, 0, 7, 0, 2, 300, 0, 0, 2]);
        let objects = map.objects(2);
        assert_eq!(objects.iter().map(|(label, mask)| (*label, mask.area_px())).collect::<Vec<_>>(), [(2, 3), (7, 3)]);
        assert_eq!(objects[0].1, mask(&["...#", "...#", "...#"]));
        assert_eq!(objects[1].1, mask(&["##..", ".#..", "...."]));
        assert_eq!(map.objects(0).len(), 3);
    }

    #[test]
    fn interpolating_only_where_it_can_be_positive_changes_nothing() {
        // A ramp with one positive corner, enlarged 3.7 times: against the plain formula for every pixel.
        let side = 8;
        let values: Vec<f32> = (0..64).map(|i| (i % 8) as f32 + (i / 8) as f32 - 10.5).collect();
        let logits = Logits::new(side, values);
        let letterbox = Letterbox::new(Size { width: 30, height: 22 }, side);
        let mask = mask_from_logits(&logits, &letterbox);
        let filled = letterbox.filled();
        let sample = |x: f32, y: f32| {
            let (x, y) = (x.clamp(0.0, filled.width as f32 - 1.0), y.clamp(0.0, filled.height as f32 - 1.0));
            x + y - 10.5 // the ramp is linear, so its interpolation is itself
        };
        for y in 0..22 {
            for x in 0..30 {
                let source_x = (x as f32 + 0.5) * filled.width as f32 / 30.0 - 0.5;
                let source_y = (y as f32 + 0.5) * filled.height as f32 / 22.0 - 0.5;
                let value = sample(source_x, source_y);
                if value.abs() > 1e-4 {
                    assert_eq!(mask.contains(x, y), value > 0.0, "pixel ({x}, {y})");
                }
            }
        }
    }
}
