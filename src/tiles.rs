//! Looking closer: which square parts of a picture are encoded on their own, and which boxes share them.
//!
//! A letterbox of 256 pixels leaves three pixels of a nucleus that is 30 wide in a picture of 2560. A box that is small
//! in its picture is therefore looked at through a tile, a crop around it. How the numbers below were chosen is
//! recorded in `docs/decisions/0002-looking-closer.md`.

use crate::geometry::{PixelBox, Rect, Size};

/// Boxes whose longer side is under this share of the picture's longer side get a tile.
const SMALL_SHARE: f64 = 1.0 / 3.0;
/// A tile serves a box while it is at most this many times the side of the box's own tile …
const LARGEST: f64 = 1.2;
/// … and at least this many times.
const SMALLEST: f64 = 0.85;
/// No tile is smaller than this many image pixels: less holds too little to recognise.
const TILE_MIN_PX: f64 = 48.0;
/// Room that a tile leaves on each side of a box it serves, as a share of what it would leave in its middle; except at the
/// picture's edge.
const MARGIN: f64 = 0.7;
/// When the plan asks for too many tiles they grow by this factor, so that more boxes share one.
const GROWTH: f64 = 1.1;

/// How many tiles one request for `n_boxes` encodes at most: a tile costs what thirty boxes do, so a long list, which takes its
/// time anyway, may have more of them.
pub fn most_tiles(n_boxes: usize) -> usize {
    (n_boxes / 8).clamp(24, 96)
}

/// Through which views a list of boxes is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Indices of the boxes that the whole picture serves.
    pub whole: Vec<usize>,
    /// The tiles, each with the indices of the boxes that it serves.
    pub tiles: Vec<Tile>,
}

/// A part of the picture and the boxes that are looked at through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// The part, in image pixels: square, or cut where the picture is shorter than the square.
    pub rect: Rect,
    /// Indices of the boxes.
    pub boxes: Vec<usize>,
}

impl Plan {
    /// Every box through the whole picture.
    pub fn whole(n_boxes: usize) -> Self {
        Self { whole: (0..n_boxes).collect(), tiles: Vec::new() }
    }

    /// Small boxes through tiles, at most `most` new ones (see [`most_tiles`]), each `tile_per_box` times the longer side of the box it is
    /// made for (see [`Manifest::tile_per_box`](crate::manifest::Manifest::tile_per_box)). Tiles in `known` cost nothing and
    /// are used first.
    ///
    /// Greedy: the largest box that is not served yet places a tile where it serves most of the others.
    pub fn closer(image: Size, boxes_image: &[PixelBox], known: &[Rect], tile_per_box: f64, most: usize) -> Self {
        let mut rule = Rule { image, tile_per_box, growth: 1.0 };
        loop {
            if let Some(plan) = Self::under(rule, boxes_image, known, most) {
                return plan;
            }
            rule.growth *= GROWTH;
        }
    }

    /// `None` once it takes more than `most` new ones: with thousands of boxes all of it would take minutes.
    fn under(rule: Rule, boxes: &[PixelBox], known: &[Rect], most: usize) -> Option<Self> {
        let (small, whole): (Vec<usize>, Vec<usize>) = (0..boxes.len()).partition(|&i| rule.is_small(boxes[i]));
        let mut plan = Self { whole, tiles: Vec::new() };

        let mut open = small;
        open.sort_by(|&a, &b| boxes[b].longest().total_cmp(&boxes[a].longest()).then(a.cmp(&b)));
        for &rect in known {
            let ungrown = Rule { growth: 1.0, ..rule };
            if open.iter().any(|&i| ungrown.serves(rect, boxes[i])) {
                let boxes = take(&mut open, |i| ungrown.serves(rect, boxes[i]));
                plan.tiles.push(Tile { rect, boxes });
            }
        }
        let mut n_new = 0;
        while let Some(&seed) = open.first() {
            let best = rule
                .placements(boxes[seed])
                .max_by_key(|&rect| {
                    // The last of equals wins, and the placement around the seed's centre comes last.
                    open.iter().filter(|&&i| rule.serves(rect, boxes[i])).count()
                })
                .expect("there are placements");
            // A box at the limit of rounding may miss its own tile; it must leave the list all the same.
            let boxes = take(&mut open, |i| i == seed || rule.serves(best, boxes[i]));
            n_new += usize::from(!known.contains(&best));
            if n_new > most {
                return None;
            }
            plan.tiles.push(Tile { rect: best, boxes });
        }
        for tile in &mut plan.tiles {
            tile.boxes.sort_unstable();
        }
        Some(plan)
    }
}

/// Moves those that `is_served` out of `open`.
fn take(open: &mut Vec<usize>, is_served: impl Fn(usize) -> bool) -> Vec<usize> {
    let (served, left) = open.iter().partition(|&&i| is_served(i));
    *open = left;
    served
}

/// What makes a tile right for a box.
#[derive(Debug, Clone, Copy)]
struct Rule {
    image: Size,
    tile_per_box: f64,
    /// How much larger than they should be tiles are, so that there are fewer of them.
    growth: f64,
}

impl Rule {
    /// Whether a box is looked at through a tile at all.
    fn is_small(self, box_image: PixelBox) -> bool {
        let longest = f64::from(self.image.longest());
        box_image.longest() < SMALL_SHARE * longest && self.side_for(box_image) < longest
    }

    /// Side of a tile made for one box.
    fn side_for(self, box_image: PixelBox) -> f64 {
        ((box_image.longest() * self.tile_per_box).max(TILE_MIN_PX) * self.growth).round()
    }

    /// Room on each side of a box that a tile serves.
    fn margin(self, box_image: PixelBox) -> f64 {
        MARGIN * box_image.longest() * (self.tile_per_box - 1.0) / 2.0
    }

    /// Places for a box's tile: the box in each corner and at each edge as far as the margin allows, and in the middle.
    fn placements(self, box_image: PixelBox) -> impl Iterator<Item = Rect> {
        const STEPS: [f64; 5] = [0.0, 1.0, 0.25, 0.75, 0.5];
        let (side, margin) = (self.side_for(box_image), self.margin(box_image) + 1.0);
        let start = move |low: f64, high: f64, step: f64| {
            let (first, last) = (high + margin - side, low - margin);
            first + (last - first) * step
        };
        STEPS.into_iter().flat_map(move |step_y| {
            STEPS.into_iter().map(move |step_x| {
                let x = start(box_image.x0, box_image.x1, step_x);
                let y = start(box_image.y0, box_image.y1, step_y);
                self.inside(x, y, side)
            })
        })
    }

    /// The square at (x, y) moved into the picture, and cut where the picture is shorter.
    fn inside(self, x: f64, y: f64, side: f64) -> Rect {
        let axis = |start: f64, length: u32| {
            let extent = (side as u32).clamp(1, length);
            let start = start.round().clamp(0.0, f64::from(length - extent)) as u32;
            (start, extent)
        };
        let ((x, width), (y, height)) = (axis(x, self.image.width), axis(y, self.image.height));
        Rect { x, y, width, height }
    }

    /// Whether a tile shows a box well: not too small in it, not too large, with room around it.
    fn serves(self, tile: Rect, box_image: PixelBox) -> bool {
        let (side, own) = (f64::from(tile.size().longest()), box_image.longest() * self.tile_per_box);
        if side > (own * LARGEST).max(TILE_MIN_PX * 1.5) * self.growth || side < own * SMALLEST {
            return false;
        }
        let margin = self.margin(box_image);
        let room = |low: f64, high: f64, start: u32, end: u32, length: u32| {
            low - (if start == 0 { 0.0 } else { margin }) >= f64::from(start)
                && high + (if end == length { 0.0 } else { margin }) <= f64::from(end)
        };
        room(box_image.x0, box_image.x1, tile.x, tile.right(), self.image.width)
            && room(box_image.y0, box_image.y1, tile.y, tile.bottom(), self.image.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Size = Size { width: 1000, height: 800 };

    fn square(x: f64, y: f64, side: f64) -> PixelBox {
        PixelBox::new(x, y, x + side, y + side)
    }

    fn closer(image: Size, boxes: &[PixelBox], known: &[Rect], tile_per_box: f64) -> Plan {
        Plan::closer(image, boxes, known, tile_per_box, most_tiles(boxes.len()))
    }

    #[track_caller]
    fn check_complete(plan: &Plan, image: Size, boxes: &[PixelBox]) {
        let mut served: Vec<usize> = plan.whole.clone();
        served.extend(plan.tiles.iter().flat_map(|tile| tile.boxes.iter().copied()));
        served.sort_unstable();
        assert_eq!(served, (0..boxes.len()).collect::<Vec<_>>(), "each box once");
        for tile in &plan.tiles {
            assert!(tile.rect.right() <= image.width && tile.rect.bottom() <= image.height, "{:?}", tile.rect);
            for &i in &tile.boxes {
                assert!(tile.rect.covers(boxes[i]), "{:?} holds {:?}", tile.rect, boxes[i]);
            }
        }
    }

    #[test]
    fn a_large_box_is_looked_at_through_the_whole_picture() {
        let plan = closer(IMAGE, &[square(100.0, 100.0, 340.0)], &[], 3.0);
        assert_eq!(plan, Plan::whole(1));
    }

    #[test]
    fn a_small_box_gets_a_tile_of_three_times_its_side_around_it() {
        let boxes = [square(500.0, 400.0, 100.0)];
        let plan = closer(IMAGE, &boxes, &[], 3.0);
        check_complete(&plan, IMAGE, &boxes);
        assert_eq!(plan.tiles[0].rect, Rect { x: 400, y: 300, width: 300, height: 300 });
    }

    #[test]
    fn a_tile_at_the_edge_stays_inside() {
        let boxes = [square(0.0, 790.0, 10.0)];
        let plan = closer(IMAGE, &boxes, &[], 3.0);
        check_complete(&plan, IMAGE, &boxes);
        assert_eq!(plan.tiles[0].rect, Rect { x: 0, y: 752, width: 48, height: 48 });
    }

    #[test]
    fn neighbours_of_like_size_share_a_tile() {
        let boxes = [square(500.0, 400.0, 50.0), square(515.0, 400.0, 45.0), square(100.0, 100.0, 50.0)];
        let plan = closer(IMAGE, &boxes, &[], 3.0);
        check_complete(&plan, IMAGE, &boxes);
        assert_eq!(plan.tiles.len(), 2);
    }

    #[test]
    fn a_known_tile_is_used_again() {
        let boxes = [square(500.0, 400.0, 50.0)];
        let known = Rect { x: 460, y: 340, width: 150, height: 150 };
        assert_eq!(closer(IMAGE, &boxes, &[known], 3.0).tiles, [Tile { rect: known, boxes: vec![0] }]);
    }

    #[test]
    fn a_tile_that_shows_a_box_off_its_middle_is_not_shared() {
        let boxes = [square(500.0, 400.0, 50.0), square(545.0, 400.0, 50.0)];
        let plan = closer(IMAGE, &boxes, &[], 3.0);
        check_complete(&plan, IMAGE, &boxes);
        assert_eq!(plan.tiles.len(), 2);
    }

    #[test]
    fn a_model_says_how_closely_it_looks() {
        let boxes = [square(500.0, 400.0, 100.0)];
        let plan = closer(IMAGE, &boxes, &[], 2.5);
        assert_eq!(plan.tiles[0].rect, Rect { x: 425, y: 325, width: 250, height: 250 });
    }

    #[test]
    fn hundreds_of_boxes_ask_for_a_bounded_number_of_tiles() {
        // A seeded grid of sizes and places, from crowded to sparse.
        let mut state = 1u32;
        let mut random = |below: f64| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24) * below
        };
        for n in [1, 10, 241, 1000] {
            let boxes: Vec<PixelBox> = (0..n)
                .map(|_| {
                    let side = 1.0 + random(60.0);
                    square(random(1000.0 - side), random(800.0 - side), side)
                })
                .collect();
            let plan = closer(IMAGE, &boxes, &[], 3.0);
            check_complete(&plan, IMAGE, &boxes);
            assert!(plan.tiles.len() <= most_tiles(n as usize), "{n} boxes, {} tiles", plan.tiles.len());
        }
    }

    #[test]
    fn fewer_tiles_are_larger_and_none_is_the_whole_picture() {
        let boxes: Vec<PixelBox> =
            (0..60).map(|i| square(f64::from(i % 10 * 100), f64::from(i / 10 * 120), 20.0)).collect();
        let plan = |most| Plan::closer(IMAGE, &boxes, &[], 3.0, most);
        let sides = |plan: &Plan| plan.tiles.iter().map(|tile| tile.rect.size().longest()).max();
        for most in [1, 7, 24, usize::MAX] {
            check_complete(&plan(most), IMAGE, &boxes);
            assert!(plan(most).tiles.len() <= most);
        }
        assert_eq!((plan(usize::MAX).tiles.len(), sides(&plan(usize::MAX))), (60, Some(60)), "one each");
        assert!(sides(&plan(7)) > sides(&plan(24)));
        assert_eq!(plan(0), Plan::whole(60));
    }

    #[test]
    fn tens_of_thousands_of_specks_are_planned() {
        // Each far from all others in tiles of its own: a plan that looked at each of them for each of them would take minutes.
        let image = Size { width: 12_000, height: 12_000 };
        let boxes: Vec<PixelBox> =
            (0..30_000).map(|i| square(f64::from(i % 173 * 69), f64::from(i / 173 * 69), 1.0)).collect();
        let plan = closer(image, &boxes, &[], 3.0);
        check_complete(&plan, image, &boxes);
        assert!(plan.tiles.len() <= most_tiles(boxes.len()));
    }
}
