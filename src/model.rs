//! The networks: encoder and decoder behind one small trait, and its ONNX form. The only file that names the engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Cursor,
    sync::Arc,
};

use half::f16;
use sha2::{Digest as _, Sha256};
use tract_onnx::{
    pb::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType},
    prelude::{
        Datum as _, DatumExt as _, Framework as _, InferenceModelExt as _, IntoRunnable as _, TValue, TVec, Tensor,
        TractError, TractResult, TypedModel, TypedRunnableModel, tvec,
    },
    tract_core::optim::Optimizer,
};

use crate::{geometry::PixelBox, manifest::Manifest, postprocess::Logits, preprocess::EncoderInput, prompt::N_CLASSES};

/// What the pipeline needs of a model; tests stand a small fake in its place.
pub trait Network {
    /// What the model says of itself.
    fn manifest(&self) -> &Manifest;

    /// Runs the encoder on one view.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails, [`ModelError::NotFinite`] when it gives NaN.
    fn encode(&self, input: &EncoderInput) -> Result<Encoding, ModelError>;

    /// Runs the decoder on some boxes (model pixels) of one view, one after the other. All logits are given at once: whoever has
    /// many boxes asks for a part of them at a time.
    /// `class_weights` is ignored by models without a class prompt.
    ///
    /// # Errors
    /// [`ModelError::Run`] when the network fails.
    fn decode(
        &self,
        embedding: &Embedding,
        boxes_model: &[PixelBox],
        class_weights: &[f32; N_CLASSES],
    ) -> Result<Vec<Decoded>, ModelError>;
}

impl<N: Network + ?Sized> Network for Arc<N> {
    fn manifest(&self) -> &Manifest {
        (**self).manifest()
    }

    fn encode(&self, input: &EncoderInput) -> Result<Encoding, ModelError> {
        (**self).encode(input)
    }

    fn decode(
        &self,
        embedding: &Embedding,
        boxes_model: &[PixelBox],
        class_weights: &[f32; N_CLASSES],
    ) -> Result<Vec<Decoded>, ModelError> {
        (**self).decode(embedding, boxes_model, class_weights)
    }
}

/// What the encoder gives for one view.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// What the decoder needs.
    pub embedding: Embedding,
    /// The class head's probabilities (softmax), when the model has one.
    pub probabilities: Option<[f32; N_CLASSES]>,
}

/// The encoder's feature tensors, in the manifest's order; cheap to clone.
#[derive(Debug, Clone)]
pub struct Embedding {
    features: Vec<Arc<FeatureTensor>>,
}

/// One feature tensor: shape and values.
#[derive(Debug, Clone)]
struct FeatureTensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Embedding {
    /// An embedding from its tensors as (shape, values), in the manifest's order.
    ///
    /// # Panics
    /// When a shape and the number of its values disagree.
    pub fn new(features: impl IntoIterator<Item = (Vec<usize>, Vec<f32>)>) -> Self {
        let features = features
            .into_iter()
            .map(|(shape, values)| {
                assert_eq!(shape.iter().product::<usize>(), values.len(), "one value an element");
                Arc::new(FeatureTensor { shape, values })
            })
            .collect();
        Self { features }
    }

    /// The tensors as (shape, values), in the manifest's order.
    pub fn features(&self) -> impl Iterator<Item = (&[usize], &[f32])> {
        self.features.iter().map(|feature| (feature.shape.as_slice(), feature.values.as_slice()))
    }

    /// Memory that it holds.
    pub fn bytes(&self) -> usize {
        self.features.iter().map(|feature| size_of_val(feature.values.as_slice())).sum()
    }
}

/// What the decoder gives for one box.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// (side, side) in model pixels.
    pub logits: Logits,
    /// The model's own estimate of the mask's overlap with the truth, 0 to 1.
    pub score: f32,
}

/// Why a model cannot be loaded or run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are named in the messages.
pub enum ModelError {
    /// The manifest is not JSON of the known form.
    #[error("the model's manifest cannot be read: {reason}")]
    Manifest { reason: String },
    /// The manifest is of another version.
    #[error("the model's manifest is of version {found}, this medbox reads version {}", crate::manifest::SCHEMA)]
    Schema { found: u32 },
    /// The model needs what the runtime does not have.
    #[error("the model “{model}” asks for {what}, which this medbox does not have")]
    Contract { model: String, what: String },
    /// A file is shorter or longer than the manifest says.
    #[error("the manifest promises {expected_bytes} bytes of {file}, there are {found_bytes}")]
    Size { file: String, expected_bytes: u64, found_bytes: u64 },
    /// A file is not the one that the manifest describes.
    #[error("the SHA-256 of {file} is {found}, the manifest promises {expected}")]
    Hash { file: String, expected: String, found: String },
    /// The engine does not take the network.
    #[error("{file} cannot be loaded: {reason}")]
    Load { file: String, reason: String },
    /// A tensor that the manifest names is missing.
    #[error("{file} has no tensor “{tensor}”, which the manifest names")]
    Tensor { file: String, tensor: String },
    /// The engine failed.
    #[error("the {network} failed: {reason}")]
    Run { network: &'static str, reason: String },
    /// The network gave NaN or infinity.
    #[error("the {network} gave values that are no numbers")]
    NotFinite { network: &'static str },
    /// There is none yet.
    #[error("no model is loaded")]
    NotLoaded,
}

impl ModelError {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest { .. } => "model.manifest",
            Self::Schema { .. } => "model.schema",
            Self::Contract { .. } => "model.contract",
            Self::Size { .. } => "model.size",
            Self::Hash { .. } => "model.hash",
            Self::Load { .. } => "model.load",
            Self::Tensor { .. } => "model.tensor",
            Self::Run { .. } => "model.run",
            Self::NotFinite { .. } => "model.not-finite",
            Self::NotLoaded => "model.not-loaded",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Manifest { .. } | Self::Tensor { .. } => "export the model again",
            Self::Schema { .. } | Self::Contract { .. } => "use the medbox that came with the model, or a newer one",
            Self::Size { .. } | Self::Hash { .. } | Self::Load { .. } => "copy or download the model's files again",
            Self::Run { .. } => "try a smaller number of boxes, or report the picture's size and the model's name",
            Self::NotFinite { .. } => "try another model, or report the picture's kind and the model's name",
            Self::NotLoaded => "load a model first",
        }
    }
}

/// SHA-256 sums of a model's files, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSums {
    /// Of the encoder's file.
    pub encoder: String,
    /// Of the decoder's file.
    pub decoder: String,
}

impl FileSums {
    /// The sums of these bytes.
    pub fn of(encoder: &[u8], decoder: &[u8]) -> Self {
        Self { encoder: sha256(encoder), decoder: sha256(decoder) }
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut sum = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(sum, "{byte:02x}").expect("writing to a string does not fail");
    }
    sum
}

/// A model as `training/export.py` writes it: manifest, `encoder.onnx`, `decoder.onnx`, run by tract on one thread.
#[derive(Debug)]
pub struct OnnxModel {
    manifest: Manifest,
    encoder: Arc<TypedRunnableModel>,
    decoder: Arc<TypedRunnableModel>,
}

impl OnnxModel {
    /// Checks the files against the manifest and prepares both networks.
    ///
    /// # Errors
    /// [`ModelError`] when the manifest is not of the known form, a file's size or SHA-256 differs from the manifest's,
    /// or the engine does not take a network.
    pub fn load(manifest: Manifest, encoder: &[u8], decoder: &[u8]) -> Result<Self, ModelError> {
        Self::load_summed(manifest, encoder, decoder, &FileSums::of(encoder, decoder))
    }

    /// As [`OnnxModel::load`], with the files' sums from one who has them already: a browser computes them much faster than
    /// a wasm module does.
    ///
    /// # Errors
    /// Those of [`OnnxModel::load`].
    pub fn load_summed(
        manifest: Manifest,
        encoder: &[u8],
        decoder: &[u8],
        sums: &FileSums,
    ) -> Result<Self, ModelError> {
        let size = |bytes: &[u8]| bytes.len() as u64;
        verify(&manifest.encoder.file, size(encoder), &sums.encoder, manifest.encoder.bytes, &manifest.encoder.sha256)?;
        verify(&manifest.decoder.file, size(decoder), &sums.decoder, manifest.decoder.bytes, &manifest.decoder.sha256)?;
        let Manifest { input, encoder: encoder_entry, decoder: decoder_entry, .. } = &manifest;
        let features = encoder_entry.features.iter();

        let side = input.side as usize;
        let outputs: Vec<&str> = features
            .clone()
            .map(|feature| feature.name.as_str())
            .chain(encoder_entry.class_logits.as_deref())
            .collect();
        let encoder = prepare(&encoder_entry.file, encoder, &[(&encoder_entry.input, &[1, 3, side, side])], &outputs)?;

        let mut inputs: Vec<(&str, &[usize])> =
            features.map(|feature| (feature.name.as_str(), feature.shape.as_slice())).collect();
        inputs.push((&decoder_entry.boxes, &[1, 4]));
        inputs.extend(decoder_entry.class_weights.as_deref().map(|name| (name, [1, N_CLASSES].as_slice())));
        let outputs = [decoder_entry.logits.as_str(), decoder_entry.score.as_str()];
        let decoder = prepare(&decoder_entry.file, decoder, &inputs, &outputs)?;
        Ok(Self { manifest, encoder, decoder })
    }

    /// The decoder's inputs that do not change from box to box are made once; they are cheap to clone.
    fn decode_box(&self, features: &[TValue], box_model: PixelBox, class: Option<&TValue>) -> TractResult<Decoded> {
        let mut inputs: TVec<TValue> = features.iter().cloned().collect();
        let PixelBox { x0, y0, x1, y1 } = box_model;
        inputs.push(Tensor::from_shape(&[1, 4], &[x0, y0, x1, y1].map(|side| side as f32))?.into());
        inputs.extend(class.cloned());
        let outputs = self.decoder.run(inputs)?;
        let (logits, scores) = (floats(&outputs[0])?, floats(&outputs[1])?);
        let side = self.manifest.input.side;
        let (expected, found) = (side as usize * side as usize, logits.len());
        let (&[score], true) = (scores.as_slice(), found == expected) else {
            let scores = scores.len();
            return Err(TractError::msg(format!("{found} logits and {scores} scores for a box, not {expected} and 1")));
        };
        Ok(Decoded { logits: Logits::new(side, logits), score: score.clamp(0.0, 1.0) })
    }
}

impl Network for OnnxModel {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn encode(&self, input: &EncoderInput) -> Result<Encoding, ModelError> {
        const NETWORK: &str = "encoder";
        let side = input.side() as usize;
        let run = || -> TractResult<(Embedding, Option<Vec<f32>>)> {
            let image = Tensor::from_shape(&[1, 3, side, side], input.values())?;
            let outputs = self.encoder.run(tvec!(image.into()))?;
            let n_features = self.manifest.encoder.features.len();
            let features: TractResult<Vec<_>> =
                outputs[..n_features].iter().map(|output| Ok((output.shape().to_vec(), floats(output)?))).collect();
            let class_logits = outputs.get(n_features).map(floats).transpose()?;
            Ok((Embedding::new(features?), class_logits))
        };
        let (embedding, class_logits) = run().map_err(|e| failed(NETWORK, &e))?;
        if embedding.features().any(|(_, values)| values.iter().any(|v| !v.is_finite())) {
            return Err(ModelError::NotFinite { network: NETWORK });
        }
        let probabilities = match class_logits {
            None => None,
            Some(logits) => Some(softmax(&logits).ok_or(ModelError::NotFinite { network: NETWORK })?),
        };
        Ok(Encoding { embedding, probabilities })
    }

    fn decode(
        &self,
        embedding: &Embedding,
        boxes_model: &[PixelBox],
        class_weights: &[f32; N_CLASSES],
    ) -> Result<Vec<Decoded>, ModelError> {
        let tensor = |shape: &[usize], values: &[f32]| Ok(TValue::from(Tensor::from_shape(shape, values)?));
        let run = || -> TractResult<Vec<Decoded>> {
            let features: Vec<TValue> =
                embedding.features().map(|(shape, values)| tensor(shape, values)).collect::<TractResult<_>>()?;
            let class = self.manifest.takes_class().then(|| tensor(&[1, N_CLASSES], class_weights)).transpose()?;
            boxes_model.iter().map(|&box_model| self.decode_box(&features, box_model, class.as_ref())).collect()
        };
        run().map_err(|e| failed("decoder", &e))
    }
}

fn verify(file: &str, found_bytes: u64, found: &str, expected_bytes: u64, expected: &str) -> Result<(), ModelError> {
    if found_bytes != expected_bytes {
        return Err(ModelError::Size { file: file.to_owned(), expected_bytes, found_bytes });
    }
    if !found.eq_ignore_ascii_case(expected) {
        let (found, expected) = (found.to_owned(), expected.to_owned());
        return Err(ModelError::Hash { file: file.to_owned(), expected, found });
    }
    Ok(())
}

/// Parses a network, orders its inputs and outputs as named, fixes the inputs' shapes, and optimises it.
///
/// The decoder's number of boxes is open in the file and fixed to one here: with an open number the engine has no code
/// but its slowest for sums and activations, and a box took four times as long.
fn prepare(
    file: &str,
    bytes: &[u8],
    inputs: &[(&str, &[usize])],
    outputs: &[&str],
) -> Result<Arc<TypedRunnableModel>, ModelError> {
    let load = |e: &TractError| ModelError::Load { file: file.to_owned(), reason: format!("{e:#}") };
    let onnx = tract_onnx::onnx();
    let read = || -> TractResult<_> {
        let mut file = onnx.proto_model_for_read(&mut Cursor::new(bytes))?;
        if let Some(graph) = &mut file.graph {
            unpack_weights(graph);
        }
        onnx.model_for_proto_model(&file)
    };
    let mut model = read().map_err(|e| load(&e))?;
    let names: Vec<&str> = inputs.iter().map(|&(name, _)| name).collect();
    for tensor in names.iter().chain(outputs) {
        if model.find_outlet_label(tensor).is_none() && !model.nodes().iter().any(|node| node.name == **tensor) {
            return Err(ModelError::Tensor { file: file.to_owned(), tensor: (*tensor).to_owned() });
        }
    }
    let ordered = || -> TractResult<TypedModel> {
        model.set_input_names(&names)?;
        model.select_outputs_by_name(outputs)?;
        for (index, (_, shape)) in inputs.iter().enumerate() {
            model.set_input_fact(index, f32::fact(*shape).into())?;
        }
        let mut model = model.into_typed()?;
        declutter().optimize(&mut model)?;
        model.optimize()?;
        Ok(model)
    };
    ordered().and_then(TypedModel::into_runnable).map_err(|e| load(&e))
}

/// Of the engine's passes those that these networks need: constants are folded and each operation puts itself more simply.
/// The others look for what is not there (masks of language models, slices), or move transpositions through the network,
/// which takes longer than all others together; without them a box takes less time or the same.
fn declutter() -> Optimizer {
    let mut passes = Optimizer::declutter();
    passes.passes.retain(|pass| {
        let name = format!("{pass:?}");
        name.starts_with("PropConst") || name == "declutter"
    });
    passes
}

/// Which of the engine's kernels multiplies matrices in a page; `docs/decisions/0005-a-kernel-for-sixteen-registers.md` has
/// what was measured.
#[cfg(target_arch = "wasm32")]
pub(crate) mod kernels {
    use std::hint::black_box;

    use tract_onnx::{
        prelude::DatumType,
        tract_core::tract_linalg::{
            MmmDispatch,
            isa::{Arch, IsaSet},
            mmm::{Query, Suitable},
            mmm_tiers::MmmTier,
        },
    };

    /// Eight accumulators, 32 rows by one column.
    const TALL: &str = "wasm_f32_32x1";

    tract_onnx::tract_core::internal::inventory::submit! {
        MmmTier {
            arch: Some(Arch::Wasm32Simd128),
            precedence: 2, // above the engine's own, which is 1
            name: "medbox-sixteen-registers",
            applies: |_| has_sixteen_registers(),
            preferred,
        }
    }

    /// The engine takes its tile of 8 × 8 for every product. Its sixteen accumulators leave no vector register of an x86
    /// processor for anything else, and a browser's code then moves them to memory and back. Where [`TALL`] wastes
    /// nothing it is faster there; elsewhere the choice stays the engine's.
    fn preferred(_: &IsaSet, accumulator: DatumType, query: &Query, _: &[Suitable]) -> Option<&'static str> {
        let (m, k, n) = (query.m?, query.k?, query.n?);
        (accumulator == DatumType::F32 && m >= 64 && m % 32 == 0 && k >= 64 && n >= 8).then_some(TALL)
    }

    /// Whether the processor below is an x86: it makes of 0 / 0 a NaN whose sign bit is set, an ARM one whose sign bit is
    /// not. WebAssembly leaves that bit to the processor, and has no other way to ask.
    fn has_sixteen_registers() -> bool {
        (black_box(0.0_f32) / black_box(0.0_f32)).is_sign_negative()
    }

    /// The name of the kernel that multiplies a matrix of `m` × `k` by one of `k` × `n`.
    pub(crate) fn name(m: usize, k: usize, n: usize) -> String {
        let kernel = MmmDispatch::native().preferred_kernel(DatumType::F32, Some(m), Some(k), Some(n));
        kernel.map_or_else(String::new, |kernel| kernel.name().to_owned())
    }
}

/// Replaces weights that are stored small by what they stand for: `Cast` of a stored f16 or int8 tensor, `Mul` of the result
/// by stored scales, and columns of a stored table, `Gather`ed by stored positions and `Reshape`d (`training/export.py`). The
/// engine would do the same, node by node and much slower. What is of another form is left to it.
fn unpack_weights(graph: &mut GraphProto) {
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

fn floats(value: &TValue) -> TractResult<Vec<f32>> {
    let value = value.cast_to_dt(f32::datum_type())?;
    Ok(value.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn failed(network: &'static str, error: &TractError) -> ModelError {
    ModelError::Run { network, reason: format!("{error:#}") }
}

/// Probabilities from the class head's logits; `None` when they are not 11 numbers.
fn softmax(logits: &[f32]) -> Option<[f32; N_CLASSES]> {
    let logits: [f32; N_CLASSES] = logits.try_into().ok()?;
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|logit| (logit - greatest).exp());
    let sum: f32 = powers.iter().sum();
    sum.is_finite().then(|| powers.map(|power| power / sum))
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, ValueInfoProto};

    use super::*;
    use crate::manifest::tests::json;

    fn manifest(change: impl Fn(&mut serde_json::Value)) -> Manifest {
        let mut json = json(false);
        change(&mut json);
        Manifest::parse(&json.to_string()).expect("a valid manifest")
    }

    #[track_caller]
    fn check_refused(manifest: Manifest, encoder: &[u8], code: &str, message: &str, hint: &str) {
        let err = OnnxModel::load(manifest, encoder, b"abcd").expect_err("damaged");
        assert_eq!((err.code(), err.to_string().as_str(), err.hint()), (code, message, hint));
    }

    #[test]
    fn damaged_files_are_refused() {
        let hint = "copy or download the model's files again";
        let message = "the manifest promises 3 bytes of encoder.onnx, there are 2";
        check_refused(manifest(|_| ()), b"ab", "model.size", message, hint);
        let message = "the SHA-256 of encoder.onnx is \
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, the manifest promises 00";
        check_refused(manifest(|_| ()), b"abc", "model.hash", message, hint);
    }

    #[test]
    fn bytes_that_are_no_network_are_refused() {
        let manifest = manifest(|json| {
            json["encoder"]["sha256"] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into();
            json["decoder"]["sha256"] = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589".into();
        });
        let err = OnnxModel::load(manifest, b"abc", b"abcd").expect_err("no protobuf");
        assert_eq!(err.code(), "model.load");
        assert!(err.to_string().starts_with("encoder.onnx cannot be loaded: "), "{err}");
    }

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
    fn two_of_the_engines_passes_are_run() {
        // The names are the engine's own: should they change, these would be left out too.
        let names: Vec<String> = declutter().passes.iter().map(|pass| format!("{pass:?}")).collect();
        assert_eq!(names, ["PropConst(0)", "declutter"]);
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

    #[test]
    fn softmax_sums_to_one_and_refuses_nan() {
        let mut logits = [0.0; N_CLASSES];
        logits[3] = 1000.0;
        assert_eq!(softmax(&logits).map(|p| p[3]), Some(1.0));
        logits[4] = f32::NAN;
        assert_eq!(softmax(&logits), None);
        assert_eq!(softmax(&[1.0; 3]), None);
    }
}
