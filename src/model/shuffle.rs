//! Enlargement by two in a page: four channels become the four pixels of one. The engine moves one axis after another, each
//! time all values.

use tract_onnx::{
    prelude::{Datum as _, DatumExt as _, TValue, TVec, Tensor, TractResult, TypedFact, TypedModel, tvec},
    tract_core::{
        internal::*,
        ops::{change_axes::AxisOp, identity::Identity},
    },
};

/// Input (1, C, 2, 2, H, W) -> output (1, C, H, 2, W, 2).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interleave;

/// Puts [`Interleave`] in the place of the two moves of axes that a pixel shuffle is made of.
pub(super) fn replace_shuffles(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        if let Some(second) = pixel_shuffle(model, id)? {
            let fact = model.outlet_fact(second.into())?.clone();
            let first = model.node_mut(id);
            first.op = Box::new(Interleave);
            first.outputs[0].fact = fact;
            model.node_mut(second).op = Box::new(Identity);
        }
    }
    Ok(())
}

/// The second move of a pixel shuffle by two whose first is node `id`, and nobody else asks for what is between them.
fn pixel_shuffle(model: &TypedModel, id: usize) -> TractResult<Option<usize>> {
    let node = model.node(id);
    let (&[input], [output]) = (&*node.inputs, &*node.outputs) else { return Ok(None) };
    let &[second] = &*output.successors else { return Ok(None) };
    let input = model.outlet_fact(input)?;
    let moves = |id: usize, from, to| model.node(id).op_as::<AxisOp>() == Some(&AxisOp::Move(from, to));
    let is_shuffle = matches!(input.shape.as_concrete(), Some(&[1, _, 2, 2, _, _]))
        && input.datum_type == f32::datum_type()
        && moves(id, 4, 2)
        && moves(second.node, 4, 5)
        && !model.output_outlets()?.contains(&id.into());
    Ok(is_shuffle.then_some(second.node))
}

impl Op for Interleave {
    fn name(&self) -> StaticName {
        "Interleave".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Interleave {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = &inputs[0];
        let &[_, channels, _, _, height, width] = input.shape() else { bail!("{:?} has not six axes", input.shape()) };
        let mut output = Tensor::zero::<f32>(&[1, channels, height, 2, width, 2])?;
        interleave(
            input.try_as_plain_ram()?.as_slice()?,
            [height, width],
            output.try_as_plain_ram_mut()?.as_slice_mut()?,
        );
        Ok(tvec!(output.into()))
    }
}

impl TypedOp for Interleave {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [batch, channels, two, _, height, width] = &*inputs[0].shape.to_tvec() else {
            bail!("{:?} has not six axes", inputs[0])
        };
        Ok(tvec!(f32::fact([batch, channels, height, two, width, two])))
    }

    as_op!();
}

/// `input` (…, 2, 2, H, W) -> `output` (…, H, 2, W, 2).
fn interleave(input: &[f32], [height, width]: [usize; 2], output: &mut [f32]) {
    let area = height * width;
    for (four, output) in input.chunks_exact(4 * area).zip(output.chunks_exact_mut(4 * area)) {
        for (line, output) in output.chunks_exact_mut(2 * width).enumerate() {
            let (y, odd) = (line / 2, line % 2);
            let start = odd * 2 * area + y * width;
            let (left, right) = (&four[start..][..width], &four[start + area..][..width]);
            for (pair, (left, right)) in output.as_chunks_mut::<2>().0.iter_mut().zip(left.iter().zip(right)) {
                *pair = [*left, *right];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::OutletId;

    use super::*;
    use crate::model::tests::check_replaced;

    /// A network of two moves of axes; `middle` is what lies between them.
    fn network(
        shape: [usize; 6],
        moves: [(usize, usize); 2],
        outputs: impl Fn(OutletId, OutletId) -> Vec<OutletId>,
    ) -> TypedModel {
        let mut model = TypedModel::default();
        let input = model.add_source("input", f32::fact(shape)).expect("a source");
        let [(from, to), (then_from, then_to)] = moves;
        let middle = model.wire_node("first", AxisOp::Move(from, to), &[input]).expect("a move")[0];
        let end = model.wire_node("second", AxisOp::Move(then_from, then_to), &[middle]).expect("a move")[0];
        model.select_output_outlets(&outputs(middle, end)).expect("outputs");
        model
    }

    #[track_caller]
    fn check_taken(model: TypedModel, is_taken: bool) {
        check_replaced::<Interleave>(model, replace_shuffles, is_taken, 0.0);
    }

    #[test]
    fn moves_that_are_no_pixel_shuffle_are_left_to_the_engine() {
        const SHAPE: [usize; 6] = [1, 3, 2, 2, 4, 5];
        const SHUFFLE: [(usize, usize); 2] = [(4, 2), (4, 5)];
        let end = |_, end| vec![end];
        check_taken(network(SHAPE, SHUFFLE, end), true);
        check_taken(network(SHAPE, SHUFFLE, |middle, end| vec![end, middle]), false);
        check_taken(network(SHAPE, [(4, 2), (4, 3)], end), false);
        check_taken(network(SHAPE, [(4, 3), (4, 5)], end), false);
        check_taken(network([2, 3, 2, 2, 4, 5], SHUFFLE, end), false);
        check_taken(network([1, 3, 3, 2, 4, 5], SHUFFLE, end), false);
        check_taken(network([1, 3, 2, 3, 4, 5], SHUFFLE, end), false);
    }

    #[test]
    fn four_channels_become_the_pixels_of_one() {
        // Two pictures of one line of three, in four parts: upper left, upper right, lower left, lower right.
        let input: Vec<f32> = (0..24u8).map(f32::from).collect();
        let mut output = [f32::NAN; 24];
        interleave(&input, [1, 3], &mut output);
        assert_eq!(output[..6], [0., 3., 1., 4., 2., 5.]);
        assert_eq!(output[6..12], [6., 9., 7., 10., 8., 11.]);
        assert_eq!(output[12..18], [12., 15., 13., 16., 14., 17.]);
    }
}
