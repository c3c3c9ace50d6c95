//! The picture with boxes and masks drawn on it.

use super::{ExportError, ExportObject, check_picture, png as encoder};
use crate::{
    geometry::{PixelBox, Rect, Size},
    image::Image,
    postprocess::Mask,
};

/// Colours of objects, told apart with any colour vision: Okabe and Ito's set without black, then Paul Tol's muted set.
/// The page draws with the same (`www/palette.js`), which a test below holds.
const COLOURS: [[u8; 3]; 16] = [
    [0xe6, 0x9f, 0x00],
    [0x56, 0xb4, 0xe9],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
    [0xcc, 0x79, 0xa7],
    [0xcc, 0x66, 0x77],
    [0x33, 0x22, 0x88],
    [0xdd, 0xcc, 0x77],
    [0x11, 0x77, 0x33],
    [0x88, 0xcc, 0xee],
    [0x88, 0x22, 0x55],
    [0x44, 0xaa, 0x99],
    [0x99, 0x99, 0x33],
    [0xaa, 0x44, 0x99],
];
/// How much of a mask's colour covers the picture, in percent.
const FILL_PERCENT: u16 = 35;
/// Width of a mask's edge in a picture whose longer side is [`REFERENCE_PX`] or less; wider in larger ones.
const EDGE_PX: f64 = 1.5;
/// Width of a box's side, and of the dark line outside of a mask, likewise.
const LINE_PX: f64 = 1.0;
const REFERENCE_PX: f64 = 1024.0;
const DARK: [u8; 3] = [0x10, 0x10, 0x10];

/// The colour at this place, from 0, as RGB; they come round again after 16.
pub fn colour(index: u64) -> [u8; 3] {
    COLOURS[(index % COLOURS.len() as u64) as usize]
}

/// The picture as it is shown, with masks (35 % fill, an edge at full strength, a dark line outside of it so that it
/// reads on white and on black) and boxes, as PNG, 8-bit RGB. Line widths grow with the picture.
///
/// # Errors
/// [`ExportError::OtherPicture`] when a mask belongs to a picture of another size.
///
/// # Example
/// ```
/// use medbox::{export::{ExportObject, overlay}, formats, geometry::{PixelBox, Size}, image::Image, postprocess::Mask};
/// let size = Size { width: 64, height: 64 };
/// let image = Image::from_grey8(size, &vec![100; 64 * 64])?;
/// let bits: Vec<bool> = (0..64 * 64).map(|i| (20..40).contains(&(i % 64)) && (20..40).contains(&(i / 64))).collect();
/// let mask = Mask::new(size, &bits);
/// let box_image = PixelBox::new(10.0, 10.0, 50.0, 50.0);
/// let object = ExportObject { id: 1, box_image, mask: &mask, score: Some(0.9), name: None, colour: 0 };
///
/// let png = overlay::png(&image, &[object])?;
/// let drawn = formats::open(&png, &formats::Limits::default())?.image;
/// let pixel = |x: usize, y: usize| &drawn.rgb()[(y * 64 + x) * 3..][..3];
/// assert_eq!(pixel(30, 30), [146, 121, 65]); // 35 % of the first colour on 65 % of 100
/// assert_eq!(pixel(20, 30), overlay::colour(0)); // the mask's edge
/// assert_eq!(pixel(10, 30), overlay::colour(0)); // the box
/// assert_eq!(pixel(15, 30), [100, 100, 100]);
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn png(image: &Image, objects: &[ExportObject<'_>]) -> Result<Vec<u8>, ExportError> {
    let size = image.size();
    check_picture(size, objects)?;
    let scale = (f64::from(size.longest()) / REFERENCE_PX).max(1.0);
    let mut canvas = Canvas { size, rgb: image.rgb().to_vec() };
    for object in objects {
        canvas.draw_mask(object.mask, colour(object.colour), EDGE_PX * scale, LINE_PX * scale);
    }
    for object in objects {
        canvas.draw_box(object.box_image, colour(object.colour), (LINE_PX * scale).round() as i64);
    }
    encoder::rgb8(size, &canvas.rgb)
}

struct Canvas {
    size: Size,
    rgb: Vec<u8>,
}

impl Canvas {
    fn draw_mask(&mut self, mask: &Mask, colour: [u8; 3], edge_px: f64, line_px: f64) {
        let region = mask.region();
        if region.area() == 0 {
            return;
        }
        let distances = Distances::new(mask, line_px.ceil() as u32);
        let block = distances.block;
        for y in block.y..block.bottom() {
            for x in block.x..block.right() {
                let pixel = &mut self.rgb[(y as usize * self.size.width as usize + x as usize) * 3..][..3];
                let distance_px = distances.at(x, y);
                if !mask.contains(x, y) {
                    if distance_px <= line_px {
                        pixel.copy_from_slice(&DARK);
                    }
                } else if distance_px <= edge_px {
                    pixel.copy_from_slice(&colour);
                } else {
                    for (value, colour) in pixel.iter_mut().zip(colour) {
                        let mixed = u16::from(*value) * (100 - FILL_PERCENT) + u16::from(colour) * FILL_PERCENT;
                        *value = ((mixed + 50) / 100) as u8;
                    }
                }
            }
        }
    }

    /// The sides are drawn inside of the box, so that it encloses as many pixels as it says.
    fn draw_box(&mut self, box_image: PixelBox, colour: [u8; 3], line_px: i64) {
        let [x0, y0, x1, y1] = [box_image.x0, box_image.y0, box_image.x1, box_image.y1].map(|side| side.round() as i64);
        self.fill(x0, y0, x1, (y0 + line_px).min(y1), colour);
        self.fill(x0, (y1 - line_px).max(y0), x1, y1, colour);
        self.fill(x0, y0, (x0 + line_px).min(x1), y1, colour);
        self.fill((x1 - line_px).max(x0), y0, x1, y1, colour);
    }

    fn fill(&mut self, x0: i64, y0: i64, x1: i64, y1: i64, colour: [u8; 3]) {
        let (width, height) = (i64::from(self.size.width), i64::from(self.size.height));
        for y in y0.clamp(0, height)..y1.clamp(0, height) {
            for x in x0.clamp(0, width)..x1.clamp(0, width) {
                self.rgb[(y * width + x) as usize * 3..][..3].copy_from_slice(&colour);
            }
        }
    }
}

/// How far each pixel around a mask's edge is from the other side of it.
struct Distances {
    /// The part of the picture that is covered: the mask's region and what `margin` reaches around it.
    block: Rect,
    /// Distances in thirds of a pixel, in a grid one pixel wider than `block` on each side.
    thirds: Vec<u32>,
    stride: usize,
}

impl Distances {
    /// Chamfer distances with weights 3 and 4 (Borgefors 1986): one third of them is within 8 % of the Euclidean
    /// distance, at two passes whatever the width. Outside of the picture is outside of the mask.
    fn new(mask: &Mask, margin: u32) -> Self {
        let (region, image) = (mask.region(), mask.image_size());
        let (x, y) = (region.x.saturating_sub(margin), region.y.saturating_sub(margin));
        let right = region.right().saturating_add(margin).min(image.width);
        let bottom = region.bottom().saturating_add(margin).min(image.height);
        let block = Rect { x, y, width: right - x, height: bottom - y };

        let (stride, rows) = (block.width as usize + 2, block.height as usize + 2);
        let inside: Vec<bool> = (0..rows * stride)
            .map(|i| {
                // The grid's first column and row lie before the block's.
                let (x, y) = ((i % stride) as u32 + block.x, (i / stride) as u32 + block.y);
                x > 0 && y > 0 && mask.contains(x - 1, y - 1)
            })
            .collect();
        let mut thirds = vec![u32::MAX / 2; rows * stride];
        let mut relax = |at: usize, neighbour: usize, weight: u32| {
            let through = if inside[at] == inside[neighbour] { thirds[neighbour] + weight } else { weight };
            thirds[at] = thirds[at].min(through);
        };
        for row in 0..rows {
            for column in 0..stride {
                let at = row * stride + column;
                if column > 0 {
                    relax(at, at - 1, 3);
                }
                if row > 0 {
                    relax(at, at - stride, 3);
                    if column > 0 {
                        relax(at, at - stride - 1, 4);
                    }
                    if column + 1 < stride {
                        relax(at, at - stride + 1, 4);
                    }
                }
            }
        }
        for row in (0..rows).rev() {
            for column in (0..stride).rev() {
                let at = row * stride + column;
                if column + 1 < stride {
                    relax(at, at + 1, 3);
                }
                if row + 1 < rows {
                    relax(at, at + stride, 3);
                    if column > 0 {
                        relax(at, at + stride - 1, 4);
                    }
                    if column + 1 < stride {
                        relax(at, at + stride + 1, 4);
                    }
                }
            }
        }
        Self { block, thirds, stride }
    }

    /// In pixels, from pixel (x, y) of the block to the nearest pixel of the other side.
    fn at(&self, x: u32, y: u32) -> f64 {
        let (column, row) = ((x - self.block.x + 1) as usize, (y - self.block.y + 1) as usize);
        f64::from(self.thirds[row * self.stride + column]) / 3.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        export::tests::{mask, object},
        formats,
    };

    #[test]
    fn the_page_has_the_same_colours_in_the_same_order() {
        let hex = |[red, green, blue]: [u8; 3]| format!("#{red:02X}{green:02X}{blue:02X}");
        let page: Vec<&str> = include_str!("../../www/palette.js").split('\'').filter(|s| s.starts_with('#')).collect();
        assert_eq!(page, COLOURS.map(hex));
        assert_eq!([colour(16), colour(35)], [COLOURS[0], COLOURS[3]]); // `objectColour`: index % 16
    }

    #[test]
    fn an_object_is_drawn_in_its_own_colour_wherever_it_stands_in_the_list() {
        let mask = mask(&["....", "####", "####", "...."]);
        let picture = Image::from_grey8(mask.image_size(), &[0; 16]).expect("16 pixels");
        let png = png(&picture, &[ExportObject { colour: 18, ..object(1, &mask) }]).expect("a PNG");
        let drawn = formats::open(&png, &formats::Limits::default()).expect("a picture").image;
        assert_eq!(drawn.rgb()[(4 + 1) * 3..][..3], COLOURS[2]);
    }

    #[test]
    fn distances_are_one_at_the_edge_and_grow_on_both_sides() {
        let mask = mask(&[".......", ".#####.", ".#####.", ".#####.", ".#####.", ".#####.", "......."]);
        let distances = Distances::new(&mask, 1);
        assert_eq!([1, 2, 3, 4, 5].map(|x| distances.at(x, 3)), [1.0, 2.0, 3.0, 2.0, 1.0]);
        assert_eq!(distances.at(0, 3), 1.0);
        assert_eq!(distances.at(0, 0), 4.0 / 3.0);
    }

    #[test]
    fn what_touches_the_right_edge_is_far_from_the_left_one() {
        let mask = mask(&["........#", "........#"]);
        let distances = Distances::new(&mask, 8);
        assert_eq!([0, 5, 7, 8].map(|x| distances.at(x, 1)), [8.0, 3.0, 1.0, 1.0]);
    }

    #[test]
    fn lines_grow_with_the_picture() {
        let size = Size { width: 4096, height: 40 };
        let image = Image::from_grey8(size, &vec![0; size.area()]).expect("not empty");
        let region = Rect { x: 100, y: 10, width: 200, height: 20 };
        let mask = Mask::from_region(size, region, vec![true; region.area()]);
        let mut canvas = Canvas { size, rgb: image.rgb().to_vec() };
        canvas.draw_mask(&mask, [250, 0, 0], 6.0, 4.0);
        let row: Vec<u8> = (90..112).map(|x| canvas.rgb[(20 * 4096 + x) * 3]).collect();
        // Black, four dark pixels, six of the edge, then 35 % of the colour.
        assert_eq!(row, [[0; 6].as_slice(), &[0x10; 4], &[250; 6], &[88; 6]].concat());
    }

    #[test]
    fn boxes_that_reach_outside_are_cut() {
        let mut canvas = Canvas { size: Size { width: 3, height: 2 }, rgb: vec![0; 18] };
        canvas.draw_box(PixelBox::new(-5.0, 1.0, 9.0, 9.0), [1, 1, 1], 1);
        assert_eq!(canvas.rgb, [[0; 9], [1; 9]].concat());
    }
}
