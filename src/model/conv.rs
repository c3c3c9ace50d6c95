//! Convolutions in a page, computed from the picture's lines. The engine writes each pixel's neighbourhood into a column first,
//! nine times the picture, and multiplies matrices. What was measured stands in
//! `docs/decisions/0006-operations-of-our-own-in-a-page.md`.

use std::{array, sync::Arc};

use tract_onnx::{
    prelude::{Datum as _, DatumExt as _, TValue, TVec, Tensor, TractResult, TypedFact, TypedModel, TypedNode, tvec},
    tract_core::{
        internal::*,
        ops::{
            cnn::{Conv, KernelFormat, PaddingSpec},
            nn::DataFormat,
        },
    },
};
use wide::f32x8;

/// Output channels that are computed together …
const ROWS: usize = 4;
/// … and columns: their sums are eight vectors of four, which leaves half of an x86's registers for what is multiplied.
const COLUMNS: usize = 8;
/// Input channels from which on the engine's product of matrices is as fast as [`pointwise`].
const DEEP: usize = 64;
/// Neighbouring pixels of a line that [`around`] computes from the same sums …
const TILE: usize = 4;
/// … and how many sums of products that takes.
const TERMS: usize = 6;
/// Why a part of a line is never too short.
const WHOLE: &str = "a line is a whole number of what is computed together";

type Sums = [f32x8; ROWS];

/// A convolution with step 1 that keeps the picture's size: input (1, C, H, W) -> output (1, D, H, W), zeros around the input.
#[derive(Debug, Clone)]
struct DirectConv {
    /// 1 or 3.
    side: usize,
    /// In the order in which [`pointwise`] or [`around`] wants them.
    weights: Arc<[f32]>,
    /// (D).
    bias: Arc<[f32]>,
}

/// Puts [`DirectConv`] in the place of each convolution that it can do. It keeps the inputs of the one that was there,
/// of which it asks for the first alone.
pub(super) fn replace_convolutions(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        if let Some(conv) = DirectConv::of(model, model.node(id))? {
            model.node_mut(id).op = Box::new(conv);
        }
    }
    Ok(())
}

impl DirectConv {
    /// `None` when the node is not a convolution, or not one that this is faster at.
    fn of(model: &TypedModel, node: &TypedNode) -> TractResult<Option<Self>> {
        let (Some(conv), &[input, weights, bias]) = (node.op_as::<Conv>(), &*node.inputs) else { return Ok(None) };
        let (input, weights, bias) = (model.outlet_fact(input)?, model.outlet_fact(weights)?, model.outlet_fact(bias)?);
        let (Some(&[1, channels, _, width]), Some(weights), Some(bias)) =
            (input.shape.as_concrete(), &weights.konst, &bias.konst)
        else {
            return Ok(None);
        };
        let spec = &conv.pool_spec;
        let both = |axes: &[usize], length: usize| axes == [length, length];
        let padded_by = |n: usize| match &spec.padding {
            PaddingSpec::Explicit(before, after) => both(before, n) && both(after, n),
            PaddingSpec::Valid => n == 0,
            _ => false,
        };
        let side = match spec.kernel_shape.as_slice() {
            [1, 1] if padded_by(0) && channels < DEEP && width % COLUMNS == 0 => 1,
            [3, 3] if padded_by(1) && width % (TILE * COLUMNS) == 0 => 3,
            _ => return Ok(None),
        };
        if conv.group != 1
            || conv.q_params.is_some()
            || conv.kernel_fmt != KernelFormat::OIHW
            || spec.data_format != DataFormat::NCHW
            || input.datum_type != f32::datum_type()
            || spec.output_channels % ROWS != 0
            || !spec.strides.as_deref().is_none_or(|strides| both(strides, 1))
            || !spec.dilations.as_deref().is_none_or(|dilations| both(dilations, 1))
        {
            return Ok(None);
        }
        let (Some(weights), Some(bias)) = (weights.as_plain_ram(), bias.as_plain_ram()) else { return Ok(None) };
        let (weights, bias) = (weights.as_slice::<f32>()?, bias.as_slice::<f32>()?);
        // One value stands for all channels.
        let bias = bias.iter().cycle().take(spec.output_channels).copied().collect();
        let weights = if side == 1 { by_rows(weights, channels) } else { by_terms(weights, channels) };
        Ok(Some(Self { side, weights: weights.into(), bias }))
    }
}

// The same weights, not equal ones: nobody asks for more, and there are many of them.
impl PartialEq for DirectConv {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.weights, &other.weights) && Arc::ptr_eq(&self.bias, &other.bias)
    }
}

impl Eq for DirectConv {}

impl Op for DirectConv {
    fn name(&self) -> StaticName {
        "DirectConv".into()
    }

    op_as_typed_op!();
}

impl EvalOp for DirectConv {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = &inputs[0];
        let &[_, channels, height, width] = input.shape() else { bail!("{:?} is no picture's shape", input.shape()) };
        let mut output = Tensor::zero::<f32>(&[1, self.bias.len(), height, width])?;
        {
            let (input, mut output) = (input.try_as_plain_ram()?, output.try_as_plain_ram_mut()?);
            let convolve = if self.side == 1 { pointwise } else { around };
            let size = [channels, height, width];
            convolve(input.as_slice()?, size, &self.weights, &self.bias, output.as_slice_mut()?);
        }
        Ok(tvec!(output.into()))
    }
}

impl TypedOp for DirectConv {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.clone();
        shape.set(1, self.bias.len().to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}

/// Weights (D, N) -> (D / 4, N, 4).
fn by_rows(weights: &[f32], n: usize) -> Vec<f32> {
    let blocks = weights.chunks_exact(ROWS * n);
    blocks.flat_map(|block| (0..n).flat_map(move |i| (0..ROWS).map(move |row| block[row * n + i]))).collect()
}

/// `input` (C, H, W), `weights` (D / 4, C, 4), `bias` (D) -> `output` (D, H, W). W is a multiple of [`COLUMNS`].
#[inline(never)]
fn pointwise(input: &[f32], [channels, height, width]: [usize; 3], weights: &[f32], bias: &[f32], output: &mut [f32]) {
    let mut lines = vec![0.0; channels * width];
    for y in 0..height {
        for (channel, line) in lines.chunks_exact_mut(width).enumerate() {
            line.copy_from_slice(&input[(channel * height + y) * width..][..width]);
        }
        for (block, weights) in weights.chunks_exact(channels * ROWS).enumerate() {
            for x in (0..width).step_by(COLUMNS) {
                let sums = products(weights, &lines, width, x);
                for (row, sums) in (block * ROWS..).zip(sums) {
                    let pixels = &mut output[(row * height + y) * width + x..][..COLUMNS];
                    pixels.copy_from_slice((sums + f32x8::splat(bias[row])).as_array());
                }
            }
        }
    }
}

/// The product of `weights` (N, 4) and the columns from `x` on of `lines` (N, `line`).
#[inline(always)]
fn products(weights: &[f32], lines: &[f32], line: usize, x: usize) -> Sums {
    let mut sums = Sums::default();
    let (weights, _) = weights.as_chunks::<ROWS>();
    for (line, weights) in lines.chunks_exact(line).zip(weights) {
        let Some(&values) = line[x..].first_chunk() else { unreachable!("{WHOLE}") };
        let values = f32x8::new(values);
        for (sums, &weight) in sums.iter_mut().zip(weights) {
            *sums += values * f32x8::splat(weight);
        }
    }
    sums
}

/// Weights (D, C, 3, 3) -> (D / 4, 6, 3, C, 4): the lines of each 3 × 3 in [`around`]'s terms.
fn by_terms(weights: &[f32], channels: usize) -> Vec<f32> {
    let mut terms = vec![0.0; weights.len() * TERMS / 3];
    for (i, line) in weights.chunks_exact(3).enumerate() {
        let (row, channel, dy) = (i / 3 / channels, i / 3 % channels, i % 3);
        let (sides, middle) = (line[0] + line[2], line[1]);
        let (steps, double) = (line[0] + 4.0 * line[2], 2.0 * middle);
        let of_line = [
            line[0] / 4.0,
            -(sides + middle) / 6.0,
            -(sides - middle) / 6.0,
            (steps + double) / 24.0,
            (steps - double) / 24.0,
            line[2],
        ];
        for (term, weight) in of_line.into_iter().enumerate() {
            terms[(((row / ROWS * TERMS + term) * 3 + dy) * channels + channel) * ROWS + row % ROWS] = weight;
        }
    }
    terms
}

/// `input` (C, H, W), `weights` (D / 4, 6, 3, C, 4), `bias` (D) -> `output` (D, H, W). W is a multiple of [`TILE`] ·
/// [`COLUMNS`].
///
/// Along a line, four neighbouring pixels are computed with six multiplications in place of twelve: F(4, 3) of Lavin and
/// Gray, “Fast Algorithms for Convolutional Neural Networks”, 2015, section 4.3, in one dimension. It is exact; what floats
/// lose by rounding is up to twice as much, four times at worst.
#[inline(never)]
fn around(input: &[f32], [channels, height, width]: [usize; 3], weights: &[f32], bias: &[f32], output: &mut [f32]) {
    let tiles = width / TILE;
    let (line, n_lines) = (channels * tiles, height + 2);
    // The input in terms (6, H + 2, C, tiles): the three lines around a pixel lie one after the other, zeros above and below.
    let mut terms = vec![0.0; TERMS * n_lines * line];
    let mut padded = vec![0.0; width + 2];
    for (i, pixels) in input.chunks_exact(width).enumerate() {
        let (channel, y) = (i / height, i % height);
        padded[1..=width].copy_from_slice(pixels);
        for tile in (0..tiles).step_by(COLUMNS) {
            let Some(pixels) = padded[tile * TILE..].first_chunk::<{ TILE * COLUMNS + 2 }>() else {
                unreachable!("{WHOLE}")
            };
            let columns = array::from_fn(|i| f32x8::new(array::from_fn(|column| pixels[column * TILE + i])));
            for (term, values) in terms_of(columns).iter().enumerate() {
                let start = (term * n_lines + y + 1) * line + channel * tiles + tile;
                terms[start..][..COLUMNS].copy_from_slice(values.as_array());
            }
        }
    }
    for y in 0..height {
        for (block, weights) in weights.chunks_exact(TERMS * 3 * channels * ROWS).enumerate() {
            for tile in (0..tiles).step_by(COLUMNS) {
                let mut sums = [Sums::default(); TERMS];
                for (term, (sums, weights)) in
                    sums.iter_mut().zip(weights.chunks_exact(3 * channels * ROWS)).enumerate()
                {
                    let lines = &terms[(term * n_lines + y) * line..][..3 * line];
                    *sums = products(weights, lines, tiles, tile);
                }
                for row in 0..ROWS {
                    let channel = block * ROWS + row;
                    let bias = f32x8::splat(bias[channel]);
                    let columns = pixels_of(sums.map(|sums| sums[row])).map(|sums| (sums + bias).to_array());
                    let pixels = &mut output[(channel * height + y) * width + tile * TILE..];
                    let Some(pixels) = pixels.first_chunk_mut::<{ TILE * COLUMNS }>() else { unreachable!("{WHOLE}") };
                    for (i, pixel) in pixels.iter_mut().enumerate() {
                        *pixel = columns[i % TILE][i / TILE];
                    }
                }
            }
        }
    }
}

/// Six neighbouring pixels of a line, the middle four and one on each side -> what is multiplied by the weights' terms.
#[inline(always)]
fn terms_of([a, b, c, d, e, f]: [f32x8; TERMS]) -> [f32x8; TERMS] {
    let (even, odd) = (e - c * 4.0, d - b * 4.0);
    let (near, far) = (e - c, (d - b) * 2.0);
    [a * 4.0 - c * 5.0 + e, even + odd, even - odd, near + far, near - far, b * 4.0 - d * 5.0 + f]
}

/// The sums of products of each term -> the middle four pixels.
#[inline(always)]
fn pixels_of([a, b, c, d, e, f]: [f32x8; TERMS]) -> [f32x8; TILE] {
    let (near, near_step, far, far_step) = (b + c, b - c, d + e, d - e);
    [a + near + far, near_step + far_step * 2.0, near + far * 4.0, near_step + far_step * 8.0 + f]
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::ops::{cnn::PoolSpec, konst::Const};

    use super::*;
    use crate::model::tests::check_replaced;

    /// As the definition says: each output pixel by itself.
    fn plain(
        input: &[f32],
        [channels, height, width]: [usize; 3],
        weights: &[f32],
        bias: &[f32],
        side: usize,
    ) -> Vec<f32> {
        let mut output = Vec::new();
        for (channel, bias) in bias.iter().enumerate() {
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let mut sum = *bias;
                for (from, dy, dx) in
                    (0..channels).flat_map(|from| (0..side * side).map(move |tap| (from, tap / side, tap % side)))
                {
                    let (y, x) = ((y + dy).wrapping_sub(side / 2), (x + dx).wrapping_sub(side / 2));
                    if y < height && x < width {
                        let weight = weights[((channel * channels + from) * side + dy) * side + dx];
                        sum += weight * input[(from * height + y) * width + x];
                    }
                }
                output.push(sum);
            }
        }
        output
    }

    /// Numbers between -1 and 1, the same each time.
    fn noise(n: usize, mut seed: u32) -> Vec<f32> {
        let next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(n).collect()
    }

    #[track_caller]
    fn check_near(found: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() <= tolerance, "value {i} is {found}, not {expected}");
        }
    }

    /// A network of one convolution of 3 × 3, or of what `change` makes of it, on an input of this shape.
    fn network(shape: [usize; 4], outputs: usize, n_bias: usize, change: impl Fn(&mut Conv)) -> TypedModel {
        let tensor =
            |shape: &[usize], seed| Tensor::from_shape(shape, &noise(shape.iter().product(), seed)).expect("values");
        let both = |length: usize| TVec::from_slice(&[length; 2]);
        let pool_spec = PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: both(3),
            padding: PaddingSpec::Explicit(both(1), both(1)),
            dilations: None,
            strides: None,
            input_channels: shape[1],
            output_channels: outputs,
        };
        let mut conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
        change(&mut conv);
        let spec = &conv.pool_spec;
        let weights = [outputs, shape[1] / conv.group, spec.kernel_shape[0], spec.kernel_shape[1]];
        let mut model = TypedModel::default();
        let inputs = [
            model.add_source("input", f32::fact(shape)).expect("a source"),
            model.add_const("weights", tensor(&weights, 2)).expect("a constant"),
            model.add_const("bias", tensor(&[n_bias], 3)).expect("a constant"),
        ];
        let output = model.wire_node("conv", conv, &inputs).expect("a convolution");
        model.select_output_outlets(&output).expect("an output");
        model
    }

    #[track_caller]
    fn check_taken(model: TypedModel, is_taken: bool) {
        check_replaced::<DirectConv>(model, replace_convolutions, is_taken, 1e-4);
    }

    #[test]
    fn convolutions_that_are_not_done_here_are_left_to_the_engine() {
        const SHAPE: [usize; 4] = [1, 4, 6, 32];
        let two = || Some(TVec::from_slice(&[2, 2]));
        let padded = |before: [usize; 2], after: [usize; 2]| {
            move |conv: &mut Conv| {
                conv.pool_spec.padding = PaddingSpec::Explicit(TVec::from_slice(&before), TVec::from_slice(&after));
            }
        };
        check_taken(network(SHAPE, 8, 8, |_| ()), true);
        check_taken(network([2, 4, 6, 32], 8, 8, |_| ()), false);
        check_taken(network([1, 4, 6, 40], 8, 8, |_| ()), false);
        check_taken(network(SHAPE, 6, 6, |_| ()), false);
        check_taken(network(SHAPE, 8, 8, |conv| conv.group = 2), false);
        check_taken(network(SHAPE, 8, 8, |conv| conv.pool_spec.strides = two()), false);
        check_taken(network(SHAPE, 8, 8, |conv| conv.pool_spec.dilations = two()), false);
        check_taken(network(SHAPE, 8, 8, |conv| conv.pool_spec.padding = PaddingSpec::Valid), false);
        check_taken(network(SHAPE, 8, 8, |conv| conv.pool_spec.padding = PaddingSpec::SameUpper), false);
        check_taken(network(SHAPE, 8, 8, padded([1, 1], [1, 0])), false);
        check_taken(network(SHAPE, 8, 8, padded([0, 1], [1, 1])), false);
        check_taken(network(SHAPE, 8, 8, padded([0, 0], [0, 0])), false);

        let pointwise = |conv: &mut Conv| {
            conv.pool_spec.kernel_shape = TVec::from_slice(&[1, 1]);
            conv.pool_spec.padding = PaddingSpec::Valid;
        };
        check_taken(network([1, 4, 6, 8], 8, 8, pointwise), true);
        check_taken(network([1, 4, 6, 12], 8, 8, pointwise), false);
        check_taken(network([1, 64, 6, 8], 8, 8, pointwise), false);
    }

    #[test]
    fn one_bias_stands_for_all_channels() {
        let mut model = network([1, 4, 6, 32], 8, 8, |_| ());
        let bias = model.node_by_name("bias").expect("a constant").id;
        let one = Arc::new(Tensor::from_shape::<f32>(&[], &[0.5]).expect("a value"));
        let node = model.node_mut(bias);
        node.outputs[0].fact = TypedFact::try_from(&one).expect("a fact");
        node.op = Box::new(Const::new(one).expect("a constant"));
        check_taken(model, true);
    }

    #[test]
    fn pointwise_is_what_the_definition_says() {
        for (channels, outputs, height, width) in [(1, 4, 1, 8), (3, 8, 5, 24), (33, 4, 2, 16)] {
            let size = [channels, height, width];
            let (input, weights, bias) =
                (noise(channels * height * width, 1), noise(outputs * channels, 2), noise(outputs, 3));
            let mut output = vec![f32::NAN; outputs * height * width];
            pointwise(&input, size, &by_rows(&weights, channels), &bias, &mut output);
            check_near(&output, &plain(&input, size, &weights, &bias, 1), 1e-5);
        }
    }

    #[test]
    fn around_is_what_the_definition_says() {
        for (channels, outputs, height, width) in [(1, 4, 1, 32), (3, 8, 5, 64), (33, 4, 2, 32), (2, 12, 7, 96)] {
            let size = [channels, height, width];
            let (input, weights, bias) =
                (noise(channels * height * width, 1), noise(outputs * channels * 9, 2), noise(outputs, 3));
            let mut output = vec![f32::NAN; outputs * height * width];
            around(&input, size, &by_terms(&weights, channels), &bias, &mut output);
            check_near(&output, &plain(&input, size, &weights, &bias, 3), 1e-4);
        }
    }
}
