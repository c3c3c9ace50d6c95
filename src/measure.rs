//! What a reader measures of an object: area, the two diameters that RECIST reports, and grey levels.
//!
//! Lengths are those of the object's outline: pixels are squares of one pixel, so that a row of three pixels is three
//! pixels long from its left edge to its right one, and its longest diameter runs from corner to corner.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{
    geometry::{Rect, Spacing},
    image::Image,
    postprocess::Mask,
    refine::fill_holes,
};

/// What is known of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// Number of pixels.
    pub area_px: usize,
    /// The same in mm², where the picture's spacing is known.
    pub area_mm2: Option<f64>,
    /// `None` for an empty mask.
    pub diameters: Option<Diameters>,
    /// `None` for an empty mask, and where no stored value is a finite number.
    pub intensity: Option<Intensity>,
}

/// The two diameters of an object in a slice (RECIST 1.1, Eisenhauer et al., Eur J Cancer 45, 2009).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diameters {
    /// The longest distance between two points of the outline; what lies between them need not be the object's.
    pub longest: Segment,
    /// The longest distance between two points of the outline on a line at a right angle to the longest diameter.
    pub perpendicular: Segment,
}

/// A straight line between two points, in image pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// One end, x and y.
    pub from: [f64; 2],
    /// The other end, x and y.
    pub to: [f64; 2],
    /// Length in pixels.
    pub px: f64,
    /// Length in mm, where the picture's spacing is known.
    pub mm: Option<f64>,
}

/// Stored values of an object's pixels: those of the file, whatever window they are shown through; of colour pictures
/// the luminance ([`Image::stored_value`]). Values that are no finite numbers are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intensity {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of these pixels (divided by their number, not by one less).
    pub sd: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
}

/// Measures an object on its picture.
///
/// # Panics
/// When the mask belongs to a picture of another size.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, image::Image, measure::measure, postprocess::Mask};
/// let size = Size { width: 4, height: 3 };
/// let image = Image::from_grey8(size, &[0, 0, 0, 0, 0, 10, 30, 0, 0, 0, 0, 0])?;
/// let mask = Mask::new(size, &[0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0].map(|bit| bit == 1));
/// let measures = measure(&image, &mask);
/// let diameters = measures.diameters.expect("two pixels");
/// assert_eq!((measures.area_px, diameters.longest.px), (2, 5_f64.sqrt())); // the diagonal of 2 × 1
/// assert_eq!(measures.intensity.map(|values| (values.mean, values.sd)), Some((20.0, 10.0)));
/// # Ok::<(), medbox::Error>(())
/// ```
pub fn measure(image: &Image, mask: &Mask) -> Measures {
    assert_eq!(mask.image_size(), image.size(), "a mask of this picture");
    let area_px = mask.area_px();
    Measures {
        area_px,
        area_mm2: image.spacing().map(|spacing| area_px as f64 * spacing.x_mm * spacing.y_mm),
        diameters: diameters(mask, image.spacing()),
        intensity: intensity(image, mask),
    }
}

fn intensity(image: &Image, mask: &Mask) -> Option<Intensity> {
    let Rect { x, y, width, .. } = mask.region();
    let values = || {
        let places = mask.bits().iter().enumerate().filter(|(_, bit)| **bit).map(|(at, _)| at as u32);
        places.map(|at| image.stored_value(x + at % width, y + at / width)).filter(|value| value.is_finite())
    };
    let (mut n, mut sum, mut min, mut max) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values() {
        (n, sum, min, max) = (n + 1.0, sum + value, value.min(min), value.max(max));
    }
    let mean = sum / n;
    let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
    (n > 0.0).then(|| Intensity { mean, sd: (squares / n).sqrt(), min, max })
}

/// The longest diameter and the longest chord at a right angle to it, as lengths in mm where the spacing is known, in
/// pixels where it is not; `None` for an empty mask. Exact: nothing is sampled.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, measure::diameters, postprocess::Mask};
/// let square = Mask::new(Size { width: 3, height: 3 }, &[true; 9]);
/// let found = diameters(&square, None).expect("not empty");
/// assert_eq!((found.longest.px, found.perpendicular.px), (18_f64.sqrt(), 18_f64.sqrt()));
/// ```
pub fn diameters(mask: &Mask, spacing: Option<Spacing>) -> Option<Diameters> {
    if mask.area_px() == 0 {
        return None;
    }
    let scale = spacing.map_or([1.0, 1.0], |spacing| [spacing.x_mm, spacing.y_mm]);
    let segment = |from: [f64; 2], to: [f64; 2]| {
        let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
        Segment { from, to, px: dx.hypot(dy), mm: spacing.map(|_| (dx * scale[0]).hypot(dy * scale[1])) }
    };
    let [from, to] = farthest_pair(&hull(mask), scale);
    let [start, end] = longest_chord(mask, [from, to], scale);
    let as_point = |[x, y]: Corner| [x as f64, y as f64];
    Some(Diameters { longest: segment(as_point(from), as_point(to)), perpendicular: segment(start, end) })
}

/// A corner of a pixel: x and y of the picture.
type Corner = [i64; 2];

/// The corners of the convex hull in order around it, none on the line between its neighbours (Andrew's monotone chain).
fn hull(mask: &Mask) -> Vec<Corner> {
    let region = mask.region();
    let mut corners = Vec::new();
    for (row, bits) in mask.bits().chunks_exact(region.width as usize).enumerate() {
        let (Some(first), Some(last)) = (bits.iter().position(|&bit| bit), bits.iter().rposition(|&bit| bit)) else {
            continue;
        };
        let (x, y) = (i64::from(region.x), i64::from(region.y) + row as i64);
        let (left, right) = (x + first as i64, x + last as i64 + 1);
        corners.extend([[left, y], [right, y], [left, y + 1], [right, y + 1]]);
    }
    corners.sort_unstable();
    corners.dedup();
    let mut hull = half_hull(corners.iter());
    hull.extend(half_hull(corners.iter().rev()));
    hull
}

/// One side of the hull, without its last corner, which starts the other side.
fn half_hull<'a>(corners: impl Iterator<Item = &'a Corner>) -> Vec<Corner> {
    let mut side: Vec<Corner> = Vec::new();
    for &corner in corners {
        while let [.., before, last] = side[..]
            && turn(before, last, corner) <= 0
        {
            side.pop();
        }
        side.push(corner);
    }
    side.pop();
    side
}

/// Twice the area of the triangle a, b, c; its sign tells on which side of a → b the corner c lies.
fn turn(a: Corner, b: Corner, c: Corner) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// The two corners of a convex polygon that are farthest apart, by rotating calipers (Shamos 1978): only corners that
/// parallel lines can hold between them are compared. Which ones these are does not depend on the spacing.
fn farthest_pair(hull: &[Corner], scale: [f64; 2]) -> [Corner; 2] {
    let n = hull.len();
    let distance =
        |[a, b]: [Corner; 2]| ((b[0] - a[0]) as f64 * scale[0]).powi(2) + ((b[1] - a[1]) as f64 * scale[1]).powi(2);
    let mut farthest = [hull[0], hull[1]];
    let mut consider = |pair: [Corner; 2]| {
        if distance(pair) > distance(farthest) {
            farthest = pair;
        }
    };
    let mut across = 1;
    for i in 0..n {
        let (from, to) = (hull[i], hull[(i + 1) % n]);
        loop {
            consider([from, hull[across]]);
            consider([to, hull[across]]);
            let next = (across + 1) % n;
            // As long as the corner across moves away from this side; one further where two sides are parallel.
            let step = turn(from, to, hull[next]) - turn(from, to, hull[across]);
            if step > 0 {
                across = next;
                continue;
            }
            if step == 0 {
                consider([from, hull[next]]);
                consider([to, hull[next]]);
            }
            break;
        }
    }
    farthest
}

/// A straight piece of the outline, seen along the chords: it meets the chords from `from` to `to`, and lies at row (or
/// column) `at`.
struct Edge {
    from: f64,
    to: f64,
    at: i64,
}

/// The ends of the longest distance between two outline points on one line at a right angle to `axis`.
///
/// Such lines are a·x + b·y = t, with (a, b) along the axis as the spacing sees it, and a place on one is
/// v = a·y − b·x. Between two corners of the outline, the outermost places change linearly with t on each piece of it,
/// and the outermost of several linear ones is convex: so is their distance, which is greatest on a line through a
/// corner. Those lines are swept once, with the pieces that each meets.
fn longest_chord(mask: &Mask, axis: [Corner; 2], scale: [f64; 2]) -> [[f64; 2]; 2] {
    let [a, b] = [0, 1].map(|i| (axis[1][i] - axis[0][i]) as f64 * scale[i] * scale[i]);
    let n = a * a + b * b;
    let line_at = |x: i64, y: i64| a * x as f64 + b * y as f64;
    let (mut rows, mut columns) = outline(mask, line_at);
    let mut lines: Vec<f64> = rows.iter().chain(&columns).flat_map(|edge| [edge.from, edge.to]).collect();
    let middle = (line_at(axis[0][0], axis[0][1]) + line_at(axis[1][0], axis[1][1])) / 2.0;
    lines.push(middle);
    lines.sort_unstable_by(f64::total_cmp);
    lines.dedup();

    // Pieces along the chords themselves (a or b is 0) end where others do, which are met anyway.
    let no_edges = || vec![None; lines.len()];
    let met_rows = if a == 0.0 { no_edges() } else { extremes(&mut rows, &lines) };
    let met_columns = if b == 0.0 { no_edges() } else { extremes(&mut columns, &lines) };
    let mut longest = (0.0, f64::INFINITY, [0.0; 3]); // length, distance from the middle, the line and both places on it
    for ((&t, met_row), met_column) in lines.iter().zip(met_rows).zip(met_columns) {
        let on_rows = met_row.into_iter().flatten().map(|y| (n * y as f64 - b * t) / a);
        let on_columns = met_column.into_iter().flatten().map(|x| (a * t - n * x as f64) / b);
        let (low, high) = on_rows
            .chain(on_columns)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (v.min(low), v.max(high)));
        let (length, from_middle) = (high - low, (t - middle).abs());
        // Of chords of one length (but for rounding), the one nearest to the middle of the longest diameter.
        let (gain, rounding) = (length - longest.0, 1e-12 * longest.0);
        if gain > rounding || (gain >= -rounding && from_middle < longest.1) {
            longest = (length, from_middle, [t, low, high]);
        }
    }
    let [t, low, high] = longest.2;
    [low, high].map(|v| [(a * t - b * v) / n, (b * t + a * v) / n])
}

/// The straight pieces of the outline along rows and along columns. Holes are left out: no line is outermost in one.
fn outline(mask: &Mask, line_at: impl Fn(i64, i64) -> f64) -> (Vec<Edge>, Vec<Edge>) {
    let filled = fill_holes(mask);
    let Rect { x: left, y: top, width, height } = filled.region();
    let is_inside = |x: i64, y: i64| {
        let (x, y) = (u32::try_from(x), u32::try_from(y));
        x.is_ok_and(|x| y.is_ok_and(|y| filled.contains(x, y)))
    };
    let [left, top, right, bottom] = [left, top, left + width, top + height].map(i64::from);
    let edge = |[x0, y0]: Corner, [x1, y1]: Corner, at: i64| {
        let (from, to) = (line_at(x0, y0), line_at(x1, y1));
        Edge { from: from.min(to), to: from.max(to), at }
    };
    let mut rows = Vec::new();
    for y in top..=bottom {
        for (start, end) in runs(left..right, |x| is_inside(x, y - 1) != is_inside(x, y)) {
            rows.push(edge([start, y], [end, y], y));
        }
    }
    let mut columns = Vec::new();
    for x in left..=right {
        for (start, end) in runs(top..bottom, |y| is_inside(x - 1, y) != is_inside(x, y)) {
            columns.push(edge([x, start], [x, end], x));
        }
    }
    (rows, columns)
}

/// Where `holds` starts and ceases to be true.
fn runs(range: std::ops::Range<i64>, holds: impl Fn(i64) -> bool) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let mut start = None;
    for at in range.clone() {
        match (holds(at), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            _ => {}
        }
    }
    found.extend(start.map(|from| (from, range.end)));
    found
}

/// For each of the lines, ascending: the least and the greatest `at` of the edges that it meets.
fn extremes(edges: &mut [Edge], lines: &[f64]) -> Vec<Option<[i64; 2]>> {
    edges.sort_unstable_by(|a, b| a.from.total_cmp(&b.from));
    let (mut least, mut greatest) = (BinaryHeap::new(), BinaryHeap::new());
    let mut waiting = edges.iter().enumerate().peekable();
    let met = lines.iter().map(|&t| {
        while let Some((i, edge)) = waiting.next_if(|(_, edge)| edge.from <= t) {
            least.push((Reverse(edge.at), i));
            greatest.push((edge.at, i));
        }
        // Edges that ended are only in the way once they are on top.
        while least.peek().is_some_and(|&(_, i)| edges[i].to < t) {
            least.pop();
        }
        while greatest.peek().is_some_and(|&(_, i)| edges[i].to < t) {
            greatest.pop();
        }
        Some([least.peek()?.0.0, greatest.peek()?.0])
    });
    met.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::tests::mask, geometry::Size};

    #[track_caller]
    fn check_lengths(rows: &[&str], longest_squared: f64, perpendicular_squared: f64) {
        let found = diameters(&mask(rows), None).expect("not empty");
        assert_eq!(found.longest.px, f64::sqrt(longest_squared));
        let px = found.perpendicular.px;
        assert!((px - perpendicular_squared.sqrt()).abs() < 1e-12, "{px} is not the root of {perpendicular_squared}");
    }

    #[test]
    fn a_pixel_is_as_long_as_its_diagonals() {
        check_lengths(&["...", ".#.", "..."], 2.0, 2.0);
    }

    #[test]
    fn a_row_of_pixels_is_measured_from_corner_to_corner() {
        // 3 × 1: the diagonal (3, 1); across it the chord that leaves through both long sides, of direction (1, -3) and
        // height 1: √(1 + 1/9).
        check_lengths(&["###"], 10.0, 10.0 / 9.0);
    }

    #[test]
    fn a_cross_reaches_from_arm_to_arm() {
        // Longest: from (0, 2) to (5, 3), or another of these, √26; the perpendicular is found below.
        check_lengths(&["..#..", "..#..", "#####", "..#..", "..#.."], 26.0, 26.0);
    }

    #[test]
    fn chords_may_leave_the_object() {
        // A horseshoe: the chord goes from arm to arm.
        let found = diameters(&mask(&["#########", "#.......#", "#.......#"]), None).expect("not empty");
        assert_eq!((found.longest.from, found.longest.to), ([0.0, 0.0], [9.0, 3.0]));
        let ring = mask(&["#####", "#...#", "#...#", "#...#", "#####"]);
        assert_eq!(diameters(&ring, None), diameters(&fill_holes(&ring), None));
    }

    #[test]
    fn the_chord_may_end_between_corners() {
        let found = diameters(&mask(&["####", "####"]), None).expect("not empty");
        // Diagonal (4, 2); at a right angle (1, -2): over a height of 2 it moves by 1. All from (0 to 3) are as long,
        // the middle one runs through (2, 1).
        assert_eq!(found.perpendicular.px, 5_f64.sqrt());
        assert_eq!((found.perpendicular.from, found.perpendicular.to), ([2.5, 0.0], [1.5, 2.0]));
    }

    #[test]
    fn where_pixels_are_not_square_millimetres_decide() {
        let tall = Spacing { x_mm: 0.5, y_mm: 2.0, z_mm: 1.0 };
        let found = diameters(&mask(&["####...", "#......", "#......"]), Some(tall)).expect("not empty");
        // In pixels (4, 3) is the longest with 5; in mm (4, 3) is √(4 + 36), longer than the side of 6.
        assert_eq!(found.longest.mm, Some(40_f64.sqrt()));
        let flat = diameters(&mask(&["#####", ".....", "....#"]), Some(tall)).expect("not empty");
        assert_eq!((flat.longest.from, flat.longest.to), ([0.0, 0.0], [5.0, 3.0]));
        let [u, v] =
            [flat.longest, flat.perpendicular].map(|s| [(s.to[0] - s.from[0]) * 0.5, (s.to[1] - s.from[1]) * 2.0]);
        assert!((u[0] * v[0] + u[1] * v[1]).abs() < 1e-12, "a right angle in mm: {u:?} {v:?}");
    }

    #[test]
    fn nothing_has_no_measures() {
        let empty = mask(&["...", "..."]);
        let image = Image::from_grey8(empty.image_size(), &[9; 6]).expect("6 pixels");
        let expected = Measures { area_px: 0, area_mm2: None, diameters: None, intensity: None };
        assert_eq!(measure(&image, &empty), expected);
    }

    /// Against all pairs of pixel corners, and chords through all of them, on seeded blots.
    #[test]
    fn nothing_that_was_left_out_is_longer() {
        let size = Size { width: 23, height: 17 };
        let mut state = 1_u64;
        for round in 0..60 {
            let bits: Vec<bool> = (0..size.area())
                .map(|i| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let (dx, dy) = ((i % 23) as f64 - 11.0, (i / 23) as f64 - 8.0);
                    let near = 1.0 - dx.hypot(dy) / (4.0 + f64::from(round % 9));
                    near > (state >> 40) as f64 / f64::from(1 << 24)
                })
                .collect();
            let mask = Mask::new(size, &bits);
            let spacing = (round % 2 == 1).then_some(Spacing { x_mm: 0.7, y_mm: 1.3, z_mm: 1.0 });
            let Some(found) = diameters(&mask, spacing) else { continue };
            let length = |segment: Segment| segment.mm.unwrap_or(segment.px);
            let (sx, sy) = spacing.map_or((1.0, 1.0), |spacing| (spacing.x_mm, spacing.y_mm));

            let squares = (0..17).flat_map(|y| (0..23).map(move |x| (x, y))).filter(|&(x, y)| mask.contains(x, y));
            let squares: Vec<(f64, f64)> = squares.map(|(x, y)| (f64::from(x), f64::from(y))).collect();
            let corner = |&(x, y): &(f64, f64)| [(x, y), (x + 1.0, y), (x, y + 1.0), (x + 1.0, y + 1.0)];
            let corners: Vec<(f64, f64)> = squares.iter().flat_map(corner).collect();
            let longest = corners
                .iter()
                .flat_map(|p| corners.iter().map(move |q| ((p.0 - q.0) * sx).hypot((p.1 - q.1) * sy)))
                .fold(0.0, f64::max);
            assert!((length(found.longest) - longest).abs() < 1e-9, "round {round}");

            // Lines through every corner, cut with every square: Liang–Barsky in pixels.
            let Segment { from, to, .. } = found.longest;
            let direction = (-(to[1] - from[1]) * sy * sy, (to[0] - from[0]) * sx * sx);
            let mut perpendicular = 0.0_f64;
            for p in &corners {
                let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
                for square in &squares {
                    let (mut enter, mut leave) = (f64::NEG_INFINITY, f64::INFINITY);
                    for (start, step, edge) in [(p.0, direction.0, square.0), (p.1, direction.1, square.1)] {
                        if step == 0.0 {
                            if start < edge || start > edge + 1.0 {
                                leave = f64::NEG_INFINITY;
                            }
                            continue;
                        }
                        let (a, b) = ((edge - start) / step, (edge + 1.0 - start) / step);
                        (enter, leave) = (enter.max(a.min(b)), leave.min(a.max(b)));
                    }
                    if enter <= leave + 1e-12 {
                        (low, high) = (low.min(enter), high.max(leave));
                    }
                }
                perpendicular = perpendicular.max((high - low) * (direction.0 * sx).hypot(direction.1 * sy));
            }
            assert!((length(found.perpendicular) - perpendicular).abs() < 1e-9, "round {round}");
        }
    }

    #[test]
    fn intensities_are_those_of_the_file_whatever_the_window() {
        let size = Size { width: 3, height: 1 };
        let mut image = Image::from_stored(size, vec![-1000.0, 40.0, f32::NAN]).expect("3 pixels");
        image.set_window(crate::image::Window { level: 40.0, width: 400.0 });
        let all = Mask::new(size, &[true; 3]);
        let expected = Intensity { mean: -480.0, sd: 520.0, min: -1000.0, max: 40.0 };
        assert_eq!(measure(&image, &all).intensity, Some(expected));
    }

    #[test]
    fn an_area_has_millimetres_where_the_spacing_is_known() {
        let mask = mask(&["##", "#."]);
        let image = Image::from_grey8(mask.image_size(), &[0; 4]).expect("4 pixels");
        assert_eq!(measure(&image, &mask).area_mm2, None);
        let image = image.with_spacing(Spacing { x_mm: 0.5, y_mm: 0.8, z_mm: 3.0 });
        let measures = measure(&image, &mask);
        assert!((measures.area_mm2.expect("known") - 1.2).abs() < 1e-12);
        assert_eq!(measures.diameters.expect("not empty").longest.mm, Some(1_f64.hypot(1.6)));
    }
}
