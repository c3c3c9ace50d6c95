//! Surfaces of masks, and how far they agree, as `surface-distance` (google-deepmind, Apache-2.0) computes them.
//!
//! Voxels meet in nodes. A node that sees both object and background among its 2×2×2 voxels (2×2 pixels in a picture) is
//! an element of the surface: it lies where the node lies, and its area is what marching cubes draws there.

/// Which of the voxels around a node belong to the object, one bit each: corner j is the voxel before the node along
/// the first axis where j has bit 2, along the second where it has bit 1, along the last where it has bit 0.
type Code = u8;

/// Voxels around a node of a volume.
const VOLUME_CORNERS: usize = 8;
/// Pixels around a node of a picture: the last two axes alone.
const PICTURE_CORNERS: usize = 4;

/// The elements of one mask's surface, as a grid of nodes.
pub(super) struct Surface {
    /// Nodes along each axis.
    extent: [usize; 3],
    /// 0 where there is no surface, inside the object as well as outside.
    codes: Vec<Code>,
}

impl Surface {
    /// The surface of voxels in (D, H, W); beyond the volume is background.
    pub(super) fn of_volume(shape: [usize; 3], bits: &[bool]) -> Self {
        Self::new(shape, bits, VOLUME_CORNERS)
    }

    /// The contour of pixels in (H, W); beyond the picture is background.
    pub(super) fn of_picture([height, width]: [usize; 2], bits: &[bool]) -> Self {
        Self::new([1, height, width], bits, PICTURE_CORNERS)
    }

    fn new(shape: [usize; 3], bits: &[bool], corners: usize) -> Self {
        let extent = [shape[0] + usize::from(corners == VOLUME_CORNERS), shape[1] + 1, shape[2] + 1];
        let node = |z: usize, y: usize, x: usize| (z * extent[1] + y) * extent[2] + x;
        let mut codes = vec![0; extent.iter().product()];
        // Seen from the voxel: the node that is one further along an axis has it as the corner before.
        let steps: Vec<usize> = (0..corners).map(|j| node(j >> 2, j >> 1 & 1, j & 1)).collect();
        let mut voxels = bits.iter();
        for z in 0..shape[0] {
            for y in 0..shape[1] {
                for (x, _) in voxels.by_ref().take(shape[2]).enumerate().filter(|(_, bit)| **bit) {
                    let first = node(z, y, x);
                    for (j, step) in steps.iter().enumerate() {
                        codes[first + step] |= 1 << j;
                    }
                }
            }
        }
        let full = Code::MAX >> (VOLUME_CORNERS - corners);
        for code in codes.iter_mut().filter(|code| **code == full) {
            *code = 0;
        }
        Self { extent, codes }
    }

    /// The area of all elements, and of those that have an element of `other` within the tolerance.
    fn areas_all_and_within(
        &self,
        other: &Self,
        areas: &[f64; 256],
        spacing_mm: [f64; 3],
        tolerance_mm: f64,
    ) -> (f64, f64) {
        let squared_mm2 = other.squared_distances(spacing_mm);
        let (mut all, mut within) = (0.0, 0.0);
        for (code, squared) in self.codes.iter().zip(squared_mm2).filter(|(code, _)| **code != 0) {
            let area = areas[usize::from(*code)];
            all += area;
            if squared.sqrt() <= tolerance_mm {
                within += area;
            }
        }
        (all, within)
    }

    /// For each node the squared distance to the nearest element, infinite when there is none.
    ///
    /// Exact, in one pass along each axis (Felzenszwalb and Huttenlocher, “Distance transforms of sampled functions”,
    /// Theory of Computing 8, 2012). Own code: crates for it either round to pixels or know no spacing.
    fn squared_distances(&self, spacing_mm: [f64; 3]) -> Vec<f64> {
        let mut squared: Vec<f64> =
            self.codes.iter().map(|&code| if code == 0 { f64::INFINITY } else { 0.0 }).collect();
        let strides = [self.extent[1] * self.extent[2], self.extent[2], 1];
        let (mut line, mut hull) = (Vec::new(), Vec::new());
        for axis in 0..3 {
            let (length, stride) = (self.extent[axis], strides[axis]);
            if length == 1 {
                continue;
            }
            // The lines along an axis start at every node whose place on it is zero.
            for block in (0..squared.len()).step_by(length * stride) {
                for start in block..block + stride {
                    line.clear();
                    line.extend((0..length).map(|i| squared[start + i * stride]));
                    lower_envelope(&mut line, spacing_mm[axis], &mut hull);
                    for (i, &value) in line.iter().enumerate() {
                        squared[start + i * stride] = value;
                    }
                }
            }
        }
        squared
    }
}

/// A parabola of the lower envelope: where its lowest point lies, how high, and from where on it is the lowest of all.
struct Parabola {
    centre: usize,
    height: f64,
    from: f64,
}

/// Replaces each value by the least of `value[i] + (distance to i)²` over all i of the line.
fn lower_envelope(line: &mut [f64], spacing_mm: f64, hull: &mut Vec<Parabola>) {
    hull.clear();
    for (centre, &height) in line.iter().enumerate().filter(|(_, height)| height.is_finite()) {
        let from = loop {
            let Some(last) = hull.last() else { break f64::NEG_INFINITY };
            let (a, b) = (last.centre as f64, centre as f64);
            let meet = ((height - last.height) / (spacing_mm * spacing_mm * (b - a)) + a + b) / 2.0;
            if meet > last.from {
                break meet;
            }
            hull.pop();
        };
        hull.push(Parabola { centre, height, from });
    }
    if hull.is_empty() {
        return;
    }
    let mut lowest = 0;
    for (i, value) in line.iter_mut().enumerate() {
        while hull.get(lowest + 1).is_some_and(|next| next.from < i as f64) {
            lowest += 1;
        }
        let parabola = &hull[lowest];
        let distance_mm = i.abs_diff(parabola.centre) as f64 * spacing_mm;
        *value = distance_mm * distance_mm + parabola.height;
    }
}

/// The share of both surfaces' area that lies within the tolerance of the other surface; `None` when both are empty.
/// Spacing by axis of the grid.
pub(super) fn surface_agreement(
    reference: &Surface,
    prediction: &Surface,
    areas: &[f64; 256],
    spacing_mm: [f64; 3],
    tolerance_mm: f64,
) -> Option<f64> {
    let (all_a, within_a) = reference.areas_all_and_within(prediction, areas, spacing_mm, tolerance_mm);
    let (all_b, within_b) = prediction.areas_all_and_within(reference, areas, spacing_mm, tolerance_mm);
    let all = all_a + all_b;
    (all > 0.0).then(|| (within_a + within_b) / all)
}

/// The 13 ways in which a surface passes through a cube, each with the normals of the triangles that marching cubes
/// draws for it: one component an axis, as eighths of the cube's face across that axis. Every other code is one of
/// these turned, mirrored, or with object and background exchanged.
///
/// Which triangles are drawn where several would do follows `surface-distance`, `lookup_tables.py`: its 256 entries have
/// exactly these areas.
const PATTERNS: [(Code, &[[f64; 3]]); 13] = [
    (0b0000_0001, &[[1.0, 1.0, 1.0]]),
    (0b0000_0011, &[[2.0, 2.0, 0.0], [2.0, 2.0, 0.0]]),
    (0b0000_0110, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    (0b0000_0111, &[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4.0, 0.0, 0.0]]),
    (0b0000_1111, &[[4.0, 0.0, 0.0], [4.0, 0.0, 0.0]]),
    (0b0001_0110, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    (0b0001_0111, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]),
    (0b0001_1000, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    (0b0001_1001, &[[1.0, 1.0, 1.0], [0.0, 2.0, 2.0], [0.0, 2.0, 2.0]]),
    (0b0001_1011, &[[1.0, 1.0, 1.0], [3.0, 3.0, 3.0], [0.0, 2.0, 2.0], [2.0, 0.0, 2.0]]),
    (0b0001_1110, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4.0, 0.0, 0.0]]),
    (0b0011_1100, &[[2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [2.0, 2.0, 0.0], [2.0, 2.0, 0.0]]),
    (0b0110_1001, &[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
];

/// Area of a volume's surface element by code, in mm²; spacing by axis.
pub(super) fn surface_areas(spacing_mm: [f64; 3]) -> [f64; 256] {
    const TURNS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let [a, b, c] = spacing_mm;
    let eighth_of_face_mm2 = [b * c / 8.0, a * c / 8.0, a * b / 8.0];
    let mut areas = [0.0; 256];
    for (pattern, normals) in PATTERNS {
        for turn in TURNS {
            let length = |normal: &[f64; 3]| {
                let squares = (0..3).map(|axis| (normal[axis] * eighth_of_face_mm2[turn[axis]]).powi(2));
                squares.sum::<f64>().sqrt()
            };
            let area: f64 = normals.iter().map(length).sum();
            for mirror in 0..8 {
                let moved = |corner: usize| {
                    let turned: usize = (0..3).map(|axis| (corner >> (2 - axis) & 1) << (2 - turn[axis])).sum();
                    turned ^ mirror
                };
                let code: usize =
                    (0..8).filter(|corner| pattern >> corner & 1 == 1).map(|corner| 1 << moved(corner)).sum();
                areas[code] = area;
                areas[255 - code] = area;
            }
        }
    }
    areas
}

/// Length of a picture's contour element by code, in mm; spacing along columns and along rows.
pub(super) fn contour_lengths([vertical_mm, horizontal_mm]: [f64; 2]) -> [f64; 256] {
    let across_a_corner = vertical_mm.hypot(horizontal_mm) / 2.0;
    let mut lengths = [0.0; 256];
    for code in 0b0001..0b1111_u8 {
        lengths[usize::from(code)] = match code {
            0b0011 | 0b1100 => horizontal_mm,
            0b0101 | 0b1010 => vertical_mm,
            0b0110 | 0b1001 => 2.0 * across_a_corner,
            _ => across_a_corner,
        };
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mixed_neighbourhood_has_an_area() {
        let areas = surface_areas([3.0, 0.7, 1.3]);
        let none: Vec<usize> = (0..256).filter(|&code| areas[code] == 0.0).collect();
        assert_eq!(none, [0, 255]);
        let lengths = contour_lengths([1.0, 1.0]);
        assert_eq!((1..15).filter(|&code| lengths[code] == 0.0).count(), 0);
    }

    #[test]
    fn a_plane_through_a_cube_has_the_area_of_its_face() {
        let areas = surface_areas([3.0, 0.7, 1.3]);
        for (code, face_mm2) in [(0b0000_1111, 0.7 * 1.3), (0b0011_0011, 3.0 * 1.3), (0b0101_0101, 3.0 * 0.7)] {
            assert!((areas[code] - face_mm2).abs() < 1e-12, "code {code}: {}", areas[code]);
        }
    }

    #[test]
    fn distances_are_those_of_a_search_through_all_elements() {
        let (shape, spacing_mm) = ([4, 5, 6], [2.5, 0.8, 1.1]);
        let bits: Vec<bool> = (0..120).map(|i| [7, 55, 56, 119].contains(&i)).collect();
        let surface = Surface::of_volume(shape, &bits);
        let [_, height, width] = surface.extent;
        let place = |i: usize| [i / (height * width), i / width % height, i % width];
        let squared = |i: usize, j: usize| -> f64 {
            (0..3).map(|axis| (place(i)[axis].abs_diff(place(j)[axis]) as f64 * spacing_mm[axis]).powi(2)).sum()
        };
        for (i, found) in surface.squared_distances(spacing_mm).into_iter().enumerate() {
            let elements = (0..surface.codes.len()).filter(|&j| surface.codes[j] != 0);
            let expected = elements.map(|j| squared(i, j)).fold(f64::INFINITY, f64::min);
            assert!((found - expected).abs() < 1e-12, "node {i}: {found} instead of {expected}");
        }
    }
}
