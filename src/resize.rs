//! OpenCV's `resize(…, INTER_AREA)` on 8-bit RGB, exact to its rounding.
//!
//! Models were trained on pictures made small by it, so its three branches are reproduced rather than replaced by a
//! library's area filter: whole-number factors average integers, other reductions average in f32 with its weights,
//! and enlarging is its own bilinear variant in 11-bit fixed point. `tests/golden.rs` holds them to OpenCV's output.

use crate::geometry::Size;

/// Resizes interleaved RGB bytes, (H, W, 3), from one size to another.
///
/// # Panics
/// When `rgb` is not three bytes a pixel of `from`, or `to` is larger than `from` along one axis and smaller along the
/// other (a letterbox has one scale).
pub(crate) fn area_rgb8(rgb: &[u8], from: Size, to: Size) -> Vec<u8> {
    assert_eq!(rgb.len(), from.area() * 3, "three bytes a pixel");
    if from == to {
        return rgb.to_vec();
    }
    let scale_x = f64::from(from.width) / f64::from(to.width);
    let scale_y = f64::from(from.height) / f64::from(to.height);
    if scale_x < 1.0 || scale_y < 1.0 {
        return enlarge(rgb, from, to);
    }
    let whole = |scale: f64| (scale - scale.round()).abs() < f64::EPSILON;
    if whole(scale_x) && whole(scale_y) {
        average_blocks(rgb, from, to, scale_x.round() as usize, scale_y.round() as usize)
    } else {
        average_cells(rgb, from, to, scale_x, scale_y)
    }
}

/// Whole-number factors: the sum of each block times 1/n in f32, rounded half to even; blocks of 2 × 2 round half up.
fn average_blocks(rgb: &[u8], from: Size, to: Size, factor_x: usize, factor_y: usize) -> Vec<u8> {
    let (from_row, to_width) = (from.width as usize * 3, to.width as usize);
    let share = 1.0 / (factor_x * factor_y) as f32;
    let mut out = Vec::with_capacity(to.area() * 3);
    let mut sums = vec![0u32; to_width * 3];
    for block_row in rgb.chunks_exact(from_row * factor_y).take(to.height as usize) {
        sums.fill(0);
        for row in block_row.chunks_exact(from_row) {
            for (sum, block) in sums.chunks_exact_mut(3).zip(row.chunks_exact(3 * factor_x)) {
                for pixel in block.chunks_exact(3) {
                    for (sum, &value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(value);
                    }
                }
            }
        }
        if (factor_x, factor_y) == (2, 2) {
            out.extend(sums.iter().map(|&sum| ((sum + 2) >> 2) as u8));
        } else {
            out.extend(sums.iter().map(|&sum| round_u8(sum as f32 * share)));
        }
    }
    out
}

/// One source pixel's share of one output pixel.
struct Share {
    out: usize,
    source: usize,
    weight: f32,
}

/// The shares along one axis, output pixel by output pixel; parts under a thousandth of a pixel are dropped.
fn shares(n_in: u32, n_out: u32, scale: f64) -> Vec<Share> {
    let mut shares = Vec::new();
    for out in 0..n_out as usize {
        let start = out as f64 * scale;
        let end = start + scale;
        let cell = scale.min(f64::from(n_in) - start);
        let last = (end.floor() as usize).min(n_in as usize - 1);
        let first = (start.ceil() as usize).min(last);
        if first as f64 - start > 1e-3 {
            shares.push(Share { out, source: first - 1, weight: ((first as f64 - start) / cell) as f32 });
        }
        shares.extend((first..last).map(|source| Share { out, source, weight: (1.0 / cell) as f32 }));
        if end - last as f64 > 1e-3 {
            let weight = ((end - last as f64).min(1.0).min(cell) / cell) as f32;
            shares.push(Share { out, source: last, weight });
        }
    }
    shares
}

/// Other reductions: each output pixel is the mean over its cell of source pixels, cut ones by their share.
fn average_cells(rgb: &[u8], from: Size, to: Size, scale_x: f64, scale_y: f64) -> Vec<u8> {
    let columns = shares(from.width, to.width, scale_x);
    let row_bytes = from.width as usize * 3;
    let mut out = vec![0; to.area() * 3];
    let mut line = vec![0.0f32; to.width as usize * 3];
    for (y, shares) in shares(from.height, to.height, scale_y).chunk_by(|a, b| a.out == b.out).enumerate() {
        let mut sums = vec![0.0f32; line.len()];
        for (k, share) in shares.iter().enumerate() {
            line.fill(0.0);
            let row = &rgb[share.source * row_bytes..][..row_bytes];
            for column in &columns {
                let pixel = &row[column.source * 3..][..3];
                for (sum, &value) in line[column.out * 3..][..3].iter_mut().zip(pixel) {
                    *sum += f32::from(value) * column.weight;
                }
            }
            for (sum, &value) in sums.iter_mut().zip(&line) {
                *sum = if k == 0 { share.weight * value } else { *sum + share.weight * value };
            }
        }
        let out_row = &mut out[y * line.len()..][..line.len()];
        for (pixel, &sum) in out_row.iter_mut().zip(&sums) {
            *pixel = round_u8(sum);
        }
    }
    out
}

/// Two neighbours and the weights, in 2048ths, that they enter with.
struct Mix {
    low: usize,
    high: usize,
    weights: [i32; 2],
}

/// The mixes along one axis when enlarging: an output pixel inside one source pixel takes it whole, one across a
/// border takes both by the length on each side.
fn mixes(n_in: u32, n_out: u32) -> Vec<Mix> {
    let scale = f64::from(n_in) / f64::from(n_out);
    let inverse = f64::from(n_out) / f64::from(n_in);
    let last = n_in as usize - 1;
    (0..n_out)
        .map(|out| {
            let low = (f64::from(out) * scale).floor();
            let beyond = (f64::from(out + 1) - (low + 1.0) * inverse) as f32;
            let beyond = if beyond <= 0.0 { 0.0 } else { beyond - beyond.floor() };
            let fixed = |weight: f32| (weight * 2048.0).round_ties_even() as i32;
            let low = low as usize;
            if low >= last {
                return Mix { low: last, high: last, weights: [2048, 0] };
            }
            Mix { low, high: low + 1, weights: [fixed(1.0 - beyond), fixed(beyond)] }
        })
        .collect()
}

/// Enlarging: bilinear in fixed point, with OpenCV's shifts.
fn enlarge(rgb: &[u8], from: Size, to: Size) -> Vec<u8> {
    let columns = mixes(from.width, to.width);
    let row_bytes = from.width as usize * 3;
    let horizontal = |y: usize| -> Vec<i32> {
        let row = &rgb[y * row_bytes..][..row_bytes];
        columns
            .iter()
            .flat_map(|mix| {
                let (low, high) = (&row[mix.low * 3..][..3], &row[mix.high * 3..][..3]);
                [0, 1, 2].map(|c| i32::from(low[c]) * mix.weights[0] + i32::from(high[c]) * mix.weights[1])
            })
            .collect()
    };
    let mut out = Vec::with_capacity(to.area() * 3);
    for mix in mixes(from.height, to.height) {
        let (low, high) = (horizontal(mix.low), horizontal(mix.high));
        out.extend(low.iter().zip(&high).map(|(&low, &high)| {
            let weighted = |value: i32, weight: i32| (weight * (value >> 4)) >> 16;
            ((weighted(low, mix.weights[0]) + weighted(high, mix.weights[1]) + 2) >> 2).clamp(0, 255) as u8
        }));
    }
    out
}

fn round_u8(value: f32) -> u8 {
    value.round_ties_even() as u8 // `as` saturates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> (Vec<u8>, Size) {
        let rgb =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| [value(x, y); 3]).collect();
        (rgb, Size { width, height })
    }

    fn first_channel(rgb: &[u8]) -> Vec<u8> {
        rgb.iter().copied().step_by(3).collect()
    }

    #[test]
    fn halves_round_up_in_blocks_of_two_by_two() {
        let (rgb, from) = grey(2, 2, |x, y| if (x, y) == (0, 0) { 2 } else { 0 });
        assert_eq!(first_channel(&area_rgb8(&rgb, from, Size { width: 1, height: 1 })), [1]); // (2 + 2) >> 2
    }

    #[test]
    fn thirds_of_pixels_are_shared() {
        let (rgb, from) = grey(3, 3, |x, _| [0, 90, 180][x as usize]);
        // Cells of 1.5 pixels: (0 + 90/2) / 1.5 = 30 and (90/2 + 180) / 1.5 = 150.
        assert_eq!(first_channel(&area_rgb8(&rgb, from, Size { width: 2, height: 2 })), [30, 150, 30, 150]);
    }

    #[test]
    fn enlarging_by_a_whole_factor_repeats_pixels() {
        let (rgb, from) = grey(2, 1, |x, _| [10, 250][x as usize]);
        let enlarged = first_channel(&area_rgb8(&rgb, from, Size { width: 4, height: 2 }));
        assert_eq!(enlarged, [10, 10, 250, 250, 10, 10, 250, 250]);
    }
}
