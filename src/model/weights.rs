//! Weights as a file stores them, small, made what they stand for before the engine sees them.

use std::collections::{BTreeMap, BTreeSet};

use half::f16;
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType};

/// Replaces weights that are stored small by what they stand for: `Cast` of a stored f16 or int8 tensor, `Mul` of the result
/// by stored scales, and columns of a stored table, `Gather`ed by stored positions and `Reshape`d (`training/export.py`). The
/// engine would do the same, node by node and much slower. What is of another form is left to it.
pub(super) fn unpack_weights(graph: &mut GraphProto) {
    let stored: BTreeMap<String, TensorProto> =
        graph.initializer.drain(..).map(|tensor| (tensor.name.clone(), tensor)).collect();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    let outputs = graph.output.iter().map(|output| &output.name);
    for name in graph.node.iter().flat_map(|node| &node.input).chain(outputs) {
        *uses.entry(name.clone()).or_default() += 1;
    }
    let mut weights: BTreeMap<String, Weights> = BTreeMap::new();
    let mut positions: BTreeMap<String, &[u8]> = BTreeMap::new();
    graph.node.retain(|node| {
        let unpacked = match (node.op_type.as_str(), node.input.as_slice()) {
            ("Cast", [packed]) if casts_to(node, DataType::Float) => stored.get(packed).and_then(Weights::widened),
            ("Cast", [packed]) if casts_to(node, DataType::Int64) => {
                let bytes = stored.get(packed).filter(|tensor| tensor.data_type == DataType::Uint8 as i32);
                let name = node.output.first().cloned();
                positions.extend(name.zip(bytes.map(|tensor| tensor.raw_data.as_slice())));
                None // others may ask for it
            }
            ("Gather", [table, at]) if attribute(node, "axis") == Some(1) => positions.get(at).and_then(|at| {
                weights.get(table).map_or_else(|| Weights::stored(stored.get(table)?)?.gathered(at), |w| w.gathered(at))
            }),
            ("Reshape", [packed, shape]) => {
                weights.get(packed).and_then(|weights| weights.reshaped(&whole_numbers(stored.get(shape)?)?))
            }
            ("Mul", [steps, scales]) => stored.get(scales).and_then(Weights::stored).and_then(|scales| {
                let run = weights.get(steps)?.run(&scales)?;
                // Mostly nobody else asks for the steps, and the largest weights are not copied.
                let steps = if uses[steps] == 1 { weights.remove(steps) } else { weights.get(steps).cloned() };
                Some(steps?.scaled(&scales, run))
            }),
            _ => None,
        };
        let (Some(unpacked), [name]) = (unpacked, node.output.as_slice()) else { return true };
        weights.insert(name.clone(), unpacked);
        false
    });
    let outputs: BTreeSet<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let asked: BTreeSet<String> = graph.node.iter().flat_map(|node| &node.input).chain(&outputs).cloned().collect();
    let is_asked = |name: &String| !positions.contains_key(name) || asked.contains(name);
    graph.node.retain(|node| node.output.first().is_none_or(is_asked));
    let asked: BTreeSet<&String> = graph.node.iter().flat_map(|node| &node.input).chain(&outputs).collect();
    let stored = stored.into_values().filter(|tensor| asked.contains(&tensor.name));
    let weights = weights.into_iter().filter(|(name, _)| asked.contains(name));
    graph.initializer = stored.chain(weights.map(|(name, weights)| weights.into_tensor(name))).collect();
}

fn attribute(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.i)
}

fn casts_to(node: &NodeProto, to: DataType) -> bool {
    attribute(node, "to") == Some(i64::from(to as i32))
}

/// The values of a stored int64 tensor.
fn whole_numbers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let values = tensor.raw_data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("eight bytes")));
    (tensor.data_type == DataType::Int64 as i32).then(|| values.collect())
}

/// A weight tensor, row by row, as a file holds it: f32, little-endian.
#[derive(Clone)]
struct Weights {
    dims: Vec<i64>,
    raw: Vec<u8>,
}

impl Weights {
    fn new(dims: &[i64], raw: Vec<u8>) -> Option<Self> {
        (bytes_of(dims)? == raw.len()).then(|| Self { dims: dims.to_vec(), raw })
    }

    fn values(&self) -> impl Iterator<Item = f32> {
        self.raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    /// What is stored as f32.
    fn stored(tensor: &TensorProto) -> Option<Self> {
        if tensor.data_type == DataType::Float as i32 { Self::new(&tensor.dims, tensor.raw_data.clone()) } else { None }
    }

    /// What is stored as f16 or int8, in f32.
    fn widened(tensor: &TensorProto) -> Option<Self> {
        let packed = &tensor.raw_data;
        let raw = match DataType::try_from(tensor.data_type).ok()? {
            DataType::Int8 => to_bytes(packed.len(), packed.iter().map(|&step| f32::from(step as i8))),
            DataType::Float16 => {
                to_bytes(packed.len() / 2, packed.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()))
            }
            _ => return None,
        };
        Self::new(&tensor.dims, raw)
    }

    /// How many values in a row share one of these scales, and how many scales there are; for scales of the same rank that
    /// go along one axis at most.
    fn run(&self, scales: &Self) -> Option<(usize, usize)> {
        let along: Vec<usize> = (0..scales.dims.len()).filter(|&axis| scales.dims[axis] != 1).collect();
        match along[..] {
            _ if scales.dims.len() != self.dims.len() => None,
            [] => Some((1, 1)),
            [axis] if scales.dims[axis] == self.dims[axis] => {
                Some((self.dims[axis + 1..].iter().product::<i64>() as usize, self.dims[axis] as usize))
            }
            _ => None,
        }
    }

    /// The product with scales, of which [`Self::run`] says how they go along.
    fn scaled(mut self, scales: &Self, (repeat, n): (usize, usize)) -> Self {
        let scales: Vec<f32> = scales.values().take(n).collect();
        for (run, scale) in self.raw.chunks_mut(4 * repeat.max(1)).zip(scales.iter().cycle()) {
            for bytes in run.chunks_exact_mut(4) {
                let value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                bytes.copy_from_slice(&(value * scale).to_le_bytes());
            }
        }
        self
    }

    /// The columns at these positions of a table, in their order.
    fn gathered(&self, at: &[u8]) -> Option<Self> {
        let &[n_rows, n_columns] = self.dims.as_slice() else { return None };
        if at.is_empty() || at.iter().any(|&column| i64::from(column) >= n_columns) {
            return None;
        }
        let mut raw = vec![0; 4 * n_rows as usize * at.len()];
        let rows = self.raw.chunks_exact(4 * n_columns as usize);
        for (gathered, row) in raw.chunks_exact_mut(4 * at.len()).zip(rows) {
            let (values, _) = row.as_chunks::<4>();
            for (value, &column) in gathered.as_chunks_mut::<4>().0.iter_mut().zip(at) {
                *value = values[usize::from(column)];
            }
        }
        Self::new(&[n_rows, at.len() as i64], raw)
    }

    /// The same values in another shape, if it holds as many.
    fn reshaped(&self, dims: &[i64]) -> Option<Self> {
        Self::new(dims, self.raw.clone())
    }

    fn into_tensor(self, name: String) -> TensorProto {
        let Self { dims, raw } = self;
        TensorProto { dims, data_type: DataType::Float as i32, name, raw_data: raw, ..Default::default() }
    }
}

/// What a tensor of f32 takes; `None` where a side is not positive or the whole is more than any memory has.
fn bytes_of(dims: &[i64]) -> Option<usize> {
    let sides = dims.iter().map(|&side| usize::try_from(side).ok().filter(|&side| side > 0));
    sides.into_iter().try_fold(size_of::<f32>(), |bytes, side| bytes.checked_mul(side?))
}

/// The bytes of `n` values.
fn to_bytes(n: usize, values: impl Iterator<Item = f32>) -> Vec<u8> {
    let mut raw = vec![0; 4 * n];
    for (bytes, value) in raw.chunks_exact_mut(4).zip(values) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    raw
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    use super::*;

    fn tensor(name: &str, data_type: DataType, dims: &[i64], raw: Vec<u8>) -> TensorProto {
        let name = name.to_owned();
        TensorProto { name, data_type: data_type as i32, dims: dims.to_vec(), raw_data: raw, ..Default::default() }
    }

    fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
        let to = AttributeProto { name: "to".into(), i: DataType::Float as i64, ..Default::default() };
        NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: if op_type == "Cast" { vec![to] } else { vec![] },
            ..Default::default()
        }
    }

    fn floats_of(graph: &GraphProto, name: &str) -> Vec<f32> {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).expect("there is such a tensor");
        Weights::stored(tensor).expect("of f32").values().collect()
    }

    #[test]
    fn small_weights_are_unpacked() {
        let steps: Vec<u8> = [1i8, -2, 3, 4, 5, -6].map(|step| step as u8).to_vec();
        let scales = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let mut graph = GraphProto {
            initializer: vec![
                tensor("i8", DataType::Int8, &[2, 3], steps),
                tensor("rows", DataType::Float, &[2, 1], scales(&[0.5, 2.0])),
                tensor("columns", DataType::Float, &[1, 3], scales(&[1.0, 10.0, 100.0])),
                tensor("one", DataType::Float, &[1, 1], scales(&[3.0])),
                tensor("f16", DataType::Float16, &[2], [f16::ONE, f16::NEG_ONE].map(f16::to_le_bytes).concat()),
                tensor("two", DataType::Float, &[2, 3], scales(&[1.0; 6])),
            ],
            node: vec![
                node("Cast", &["i8"], "steps"),
                node("Mul", &["steps", "rows"], "by_row"),
                node("Mul", &["steps", "columns"], "by_column"),
                node("Mul", &["steps", "one"], "by_one"),
                node("Cast", &["f16"], "halves"),
                node("Mul", &["steps", "two"], "left"), // scales of another form: the engine's to do
                node("Sum", &["by_row", "by_column", "by_one", "halves", "left"], "out"),
            ],
            ..Default::default()
        };
        unpack_weights(&mut graph);
        let left: Vec<&str> = graph.node.iter().map(|node| node.output[0].as_str()).collect();
        assert_eq!(left, ["left", "out"]);
        assert_eq!(floats_of(&graph, "by_row"), [0.5, -1.0, 1.5, 8.0, 10.0, -12.0]);
        assert_eq!(floats_of(&graph, "by_column"), [1.0, -20.0, 300.0, 4.0, 50.0, -600.0]);
        assert_eq!(floats_of(&graph, "by_one"), [3.0, -6.0, 9.0, 12.0, 15.0, -18.0]);
        assert_eq!(floats_of(&graph, "halves"), [1.0, -1.0]);
        let names: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["two", "by_column", "by_one", "by_row", "halves", "steps"], "what nobody asks for is gone");
    }

    #[test]
    fn files_that_promise_nonsense_are_left_to_the_engine() {
        let with = |mut node: NodeProto, to: DataType| {
            node.attribute = vec![AttributeProto { name: "to".into(), i: to as i64, ..Default::default() }];
            node
        };
        let mut blind = with(node("Cast", &["at"], "unused"), DataType::Int64);
        blind.output.clear();
        let mut graph = GraphProto {
            initializer: vec![
                tensor("endless", DataType::Int8, &[4, 1 << 62], Vec::new()), // 2^64 values are 0 where nobody looks
                tensor("square", DataType::Int8, &[1 << 31, 1 << 31], Vec::new()),
                tensor("negative", DataType::Int8, &[-2, -3], vec![0; 6]),
                tensor("at", DataType::Uint8, &[1], vec![0]),
                tensor("scales", DataType::Float, &[4, 1], vec![0; 16]),
            ],
            node: vec![
                with(node("Cast", &["endless"], "steps"), DataType::Float),
                node("Mul", &["steps", "scales"], "out"),
                with(node("Cast", &["square"], "table"), DataType::Float),
                with(node("Cast", &["negative"], "below"), DataType::Float),
                blind,
            ],
            ..Default::default()
        };
        unpack_weights(&mut graph);
        assert_eq!(graph.node.len(), 5, "nothing was unpacked");
    }

    #[test]
    fn columns_of_a_stored_table_are_gathered() {
        let whole = |values: &[i64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let with = |mut node: NodeProto, name: &str, i: i64| {
            node.attribute = vec![AttributeProto { name: name.into(), i, ..Default::default() }];
            node
        };
        let cast = |packed: &str, output: &str| with(node("Cast", &[packed], output), "to", DataType::Int64 as i64);
        let gather = |at: &str, output: &str, axis: i64| with(node("Gather", &["table", at], output), "axis", axis);
        let mut graph = GraphProto {
            initializer: vec![
                tensor("table_i8", DataType::Int8, &[2, 3], vec![1, 2, 3, 4, 5, 6]),
                tensor("at_u8", DataType::Uint8, &[4], vec![2, 0, 0, 1]),
                tensor("beyond_u8", DataType::Uint8, &[1], vec![3]),
                tensor("shape", DataType::Int64, &[3], whole(&[2, 2, 2])),
                tensor("other", DataType::Int64, &[2], whole(&[-1, 2])),
            ],
            node: vec![
                node("Cast", &["table_i8"], "table"),
                cast("at_u8", "at"),
                cast("beyond_u8", "beyond"),
                gather("at", "columns", 1),
                node("Reshape", &["columns", "shape"], "block"),
                node("Reshape", &["columns", "other"], "open"), // a side that is not said: the engine's to do
                gather("at", "rows", 0),
                gather("beyond", "nothing", 1),
                node("Sum", &["block", "open", "rows", "nothing"], "out"),
            ],
            ..Default::default()
        };
        unpack_weights(&mut graph);
        let left: Vec<&str> = graph.node.iter().map(|node| node.output[0].as_str()).collect();
        assert_eq!(left, ["at", "beyond", "open", "rows", "nothing", "out"]);
        assert_eq!(floats_of(&graph, "block"), [3.0, 1.0, 1.0, 2.0, 6.0, 4.0, 4.0, 5.0]);
        let block = graph.initializer.iter().find(|tensor| tensor.name == "block").expect("it was made");
        assert_eq!(block.dims, [2, 2, 2]);

        graph.node.retain(|node| node.op_type == "Sum");
        graph.node.insert(0, cast("at_u8", "at"));
        unpack_weights(&mut graph);
        assert_eq!(graph.node.len(), 1, "positions that nobody asks for any more are gone");
    }

    #[test]
    fn weights_that_are_outputs_themselves_stay() {
        let mut graph = GraphProto {
            initializer: vec![tensor("i8", DataType::Int8, &[2], vec![1, 2])],
            node: vec![node("Cast", &["i8"], "steps")],
            output: vec![ValueInfoProto { name: "steps".into(), ..Default::default() }],
            ..Default::default()
        };
        unpack_weights(&mut graph);
        assert_eq!((graph.node.len(), floats_of(&graph, "steps")), (0, vec![1.0, 2.0]));
    }

    #[test]
    fn weights_of_the_wrong_length_are_left_to_the_engine() {
        let mut graph = GraphProto {
            initializer: vec![tensor("i8", DataType::Int8, &[3], vec![1, 2])],
            node: vec![node("Cast", &["i8"], "steps"), node("Sum", &["steps"], "out")],
            ..Default::default()
        };
        unpack_weights(&mut graph);
        assert_eq!((graph.node.len(), graph.initializer.len()), (2, 1));
    }
}
