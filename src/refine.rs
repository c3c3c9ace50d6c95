//! Corrections of a mask that take one click: holes filled, loose parts dropped, the border smoothed.
//!
//! A corrected mask never reaches past the bounding block of the one it was made from.

use crate::postprocess::Mask;

/// The mask with its holes filled: background from which no path over shared pixel edges (4-neighbours) leads out of
/// the mask's bounding block. Background that touches the edge of the picture is no hole.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, postprocess::Mask, refine::fill_holes};
/// let ring = Mask::new(Size { width: 3, height: 3 }, &[true, true, true, true, false, true, true, true, true]);
/// assert_eq!(fill_holes(&ring).area_px(), 9);
/// ```
pub fn fill_holes(mask: &Mask) -> Mask {
    let grid = Grid::of(mask);
    let mut inside = vec![true; mask.bits().len()];
    let mut open: Vec<usize> = grid.rim().filter(|&at| !mask.bits()[at]).collect();
    open.iter().for_each(|&at| inside[at] = false);
    while let Some(at) = open.pop() {
        for next in grid.edge_neighbours(at) {
            if inside[next] && !mask.bits()[next] {
                inside[next] = false;
                open.push(next);
            }
        }
    }
    Mask::from_region(mask.image_size(), mask.region(), inside)
}

/// The largest part of the mask; pixels belong together when they share an edge or a corner (8-neighbours). Of parts
/// of one size, the one that comes first row by row.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, postprocess::Mask, refine::largest_part};
/// let mask = Mask::new(Size { width: 5, height: 1 }, &[true, false, true, true, true]);
/// assert_eq!(largest_part(&mask).region().x, 2);
/// ```
pub fn largest_part(mask: &Mask) -> Mask {
    let grid = Grid::of(mask);
    let mut seen: Vec<bool> = mask.bits().iter().map(|bit| !bit).collect();
    let mut largest = Vec::new();
    for start in 0..seen.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut visited = 0;
        while let Some(&at) = part.get(visited) {
            visited += 1;
            for next in grid.neighbours(at) {
                if !seen[next] {
                    seen[next] = true;
                    part.push(next);
                }
            }
        }
        if part.len() > largest.len() {
            largest = part;
        }
    }
    let mut bits = vec![false; mask.bits().len()];
    largest.into_iter().for_each(|at| bits[at] = true);
    Mask::from_region(mask.image_size(), mask.region(), bits)
}

/// The mask without stair steps, specks and pinholes: each pixel becomes what most pixels of a disc around it are (a
/// median filter). Beyond the picture, the pixels at its edge are repeated.
///
/// Straight borders stay where they are, whatever their slope: of two opposite pixels of the disc at least one lies on
/// the side of its centre. Corners become round, at most as round as the disc, whose radius follows the object's size:
/// a fortieth of the side of a square of the same area, from 1 to 6 pixels. A mask of which nothing would be left stays
/// as it is.
///
/// # Example
/// ```
/// use medbox::{geometry::Size, postprocess::Mask, refine::smooth};
/// let size = Size { width: 5, height: 3 };
/// let spiky = Mask::new(size, &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1].map(|bit| bit == 1));
/// assert_eq!(smooth(&spiky).region().height, 1);
/// ```
pub fn smooth(mask: &Mask) -> Mask {
    let (image, region) = (mask.image_size(), mask.region());
    let radius = ((mask.area_px() as f64).sqrt() / 40.0).round().clamp(1.0, 6.0) as usize;
    // For each row of the disc, how far it reaches to both sides.
    let reaches: Vec<usize> = (0..=2 * radius)
        .map(|row| {
            let dy = row.abs_diff(radius) as f64;
            ((radius as f64 + 0.5).powi(2) - dy * dy).sqrt() as usize
        })
        .collect();
    let n_voters: usize = reaches.iter().map(|reach| 2 * reach + 1).sum();

    let width = region.width as usize;
    let mut bits = Vec::with_capacity(mask.bits().len());
    let mut votes = vec![0; width];
    let mut sums = vec![0; width + 2 * radius + 1];
    for y in region.y..region.bottom() {
        votes.fill(0);
        for (row, &reach) in reaches.iter().enumerate() {
            let voter_y = (i64::from(y) + row as i64 - radius as i64).clamp(0, i64::from(image.height) - 1) as u32;
            if !(region.y..region.bottom()).contains(&voter_y) {
                continue;
            }
            // sums[i]: how many of the i columns from `radius` columns left of the block on are in the mask.
            for column in 0..width + 2 * radius {
                let x = (i64::from(region.x) + column as i64 - radius as i64).clamp(0, i64::from(image.width) - 1);
                sums[column + 1] = sums[column] + usize::from(mask.contains(x as u32, voter_y));
            }
            for (x, votes) in votes.iter_mut().enumerate() {
                *votes += sums[x + radius + reach + 1] - sums[x + radius - reach];
            }
        }
        bits.extend(votes.iter().map(|votes| 2 * votes > n_voters));
    }
    let smoothed = Mask::from_region(image, region, bits);
    if smoothed.area_px() == 0 { mask.clone() } else { smoothed }
}

/// Places of a block, row by row.
struct Grid {
    width: usize,
    height: usize,
}

impl Grid {
    fn of(mask: &Mask) -> Self {
        Self { width: mask.region().width as usize, height: mask.region().height as usize }
    }

    /// The places along the block's four sides; corners may come twice.
    fn rim(&self) -> impl Iterator<Item = usize> {
        let (width, height) = (self.width, self.height);
        let rows = (0..width).flat_map(move |x| [x, (height - 1) * width + x]);
        rows.chain((0..height).flat_map(move |y| [y * width, y * width + width - 1]))
    }

    fn edge_neighbours(&self, at: usize) -> impl Iterator<Item = usize> {
        let x = at % self.width;
        [
            (x > 0).then(|| at - 1),
            (x + 1 < self.width).then(|| at + 1),
            at.checked_sub(self.width),
            (at + self.width < self.width * self.height).then(|| at + self.width),
        ]
        .into_iter()
        .flatten()
    }

    fn neighbours(&self, at: usize) -> impl Iterator<Item = usize> {
        let (x, y, width) = (at % self.width, at / self.width, self.width);
        let rows = y.saturating_sub(1)..=(y + 1).min(self.height - 1);
        let columns = x.saturating_sub(1)..=(x + 1).min(width - 1);
        rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{export::tests::mask, geometry::Size};

    #[track_caller]
    fn check(refine: fn(&Mask) -> Mask, before: &[&str], after: &[&str]) {
        assert_eq!(refine(&mask(before)), mask(after));
    }

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        check(
            fill_holes,
            &[".......", ".#####.", ".#...#.", ".#.#.#.", ".#####.", "......."],
            &[".......", ".#####.", ".#####.", ".#####.", ".#####.", "......."],
        );
        check(fill_holes, &["#####", "#...#", "#.#.#"], &["#####", "#...#", "#.#.#"]);
    }

    #[test]
    fn a_hole_is_closed_by_corners_alone() {
        check(fill_holes, &[".#.", "#.#", ".#."], &[".#.", "###", ".#."]);
    }

    #[test]
    fn the_largest_part_holds_together_by_corners() {
        check(largest_part, &["##...#", "##....", "..#..#"], &["##....", "##....", "..#..."]);
    }

    #[test]
    fn of_equal_parts_the_first_stays() {
        check(largest_part, &["...##", "##..."], &["...##", "....."]);
    }

    #[test]
    fn specks_spikes_and_pinholes_are_smoothed() {
        check(
            smooth,
            &["..........", ".#........", "......#...", "##########", "##########", "###.######", "##########"],
            &["..........", "..........", "..........", "##########", "##########", "##########", "##########"],
        );
    }

    #[test]
    fn corners_become_round() {
        check(
            smooth,
            &["......", ".####.", ".####.", ".####.", "......"],
            &["......", "..##..", ".####.", "..##..", "......"],
        );
    }

    #[test]
    fn what_would_vanish_stays() {
        check(smooth, &["....", ".#..", "...."], &["....", ".#..", "...."]);
    }

    #[test]
    fn straight_borders_do_not_move() {
        // Half-planes a·x + b·y ≥ c, with discs of radius 6: compared away from where the picture's edge cuts them.
        let size = Size { width: 400, height: 400 };
        for (a, b) in [(1, 0), (0, 1), (1, 1), (1, 3), (5, -2), (-7, 4), (-3, -8)] {
            let inside = |i: i32| a * (i % 400 - 200) + b * (i / 400 - 200) >= 0;
            let before = Mask::new(size, &(0..160_000).map(inside).collect::<Vec<_>>());
            let after = smooth(&before);
            for y in 6..394 {
                assert!((6..394).all(|x| before.contains(x, y) == after.contains(x, y)), "{a}·x + {b}·y, row {y}");
            }
        }
    }

    #[test]
    fn borders_along_the_edge_of_the_picture_do_not_move() {
        let rows = ["####......", "####......", "####......", "####......"];
        check(smooth, &rows, &rows);
        let rows = ["......", "######", "######", "......", "......"];
        check(smooth, &rows, &rows);
    }

    #[test]
    fn a_disc_keeps_its_area() {
        let size = Size { width: 300, height: 300 };
        let disc = |i: i32| (i % 300 - 150).pow(2) + (i / 300 - 150).pow(2) <= 100 * 100;
        let before = Mask::new(size, &(0..90_000).map(disc).collect::<Vec<_>>());
        let change = smooth(&before).area_px() as f64 / before.area_px() as f64 - 1.0;
        assert!(change.abs() < 0.002, "{change}");
    }

    #[test]
    fn nothing_stays_nothing() {
        for refine in [fill_holes, largest_part, smooth] {
            check(refine, &["...", "..."], &["...", "..."]);
        }
    }
}
