//! The networks: encoder and decoder behind one small trait, and its ONNX form. This file and those in `model/` alone name
//! the engine.

mod conv;
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) mod kernels;
mod shuffle;
mod weights;

use std::{fmt::Write as _, io::Cursor, sync::Arc};

use sha2::{Digest as _, Sha256};
use tract_onnx::{
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
    let model = typed(file, bytes, inputs, outputs)?;
    optimised(model, IN_PAGE).and_then(TypedModel::into_runnable).map_err(|e| not_loaded(file, &e))
}

fn typed(file: &str, bytes: &[u8], inputs: &[(&str, &[usize])], outputs: &[&str]) -> Result<TypedModel, ModelError> {
    let onnx = tract_onnx::onnx();
    let read = || -> TractResult<_> {
        let mut file = onnx.proto_model_for_read(&mut Cursor::new(bytes))?;
        if let Some(graph) = &mut file.graph {
            weights::unpack_weights(graph);
        }
        onnx.model_for_proto_model(&file)
    };
    let mut model = read().map_err(|e| not_loaded(file, &e))?;
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
        model.into_typed()
    };
    ordered().map_err(|e| not_loaded(file, &e))
}

/// Whether the networks run in a page, where the engine has no assembly and some of its work is done by code of ours.
const IN_PAGE: bool = cfg!(target_arch = "wasm32");

fn optimised(mut model: TypedModel, in_page: bool) -> TractResult<TypedModel> {
    if in_page {
        // Weights are constants then, and the engine has not yet made products of matrices of any convolution.
        passes(&[CONSTANTS]).optimize(&mut model)?;
        conv::replace_convolutions(&mut model)?;
        shuffle::replace_shuffles(&mut model)?;
    }
    passes(&[CONSTANTS, SIMPLER]).optimize(&mut model)?;
    model.optimize()?;
    Ok(model)
}

/// The engine's names of the passes that these networks need: constants are folded …
const CONSTANTS: &str = "PropConst";
/// … and each operation puts itself more simply.
const SIMPLER: &str = "declutter";

/// Some of the engine's passes. The others look for what is not there (masks of language models, slices), or move
/// transpositions through the network, which takes longer than all others together; without them a box takes less time or
/// the same.
fn passes(names: &[&str]) -> Optimizer {
    let mut passes = Optimizer::declutter();
    passes.passes.retain(|pass| {
        let found = format!("{pass:?}");
        names.iter().any(|name| found.starts_with(name))
    });
    passes
}

fn floats(value: &TValue) -> TractResult<Vec<f32>> {
    let value = value.cast_to_dt(f32::datum_type())?;
    Ok(value.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

fn not_loaded(file: &str, error: &TractError) -> ModelError {
    ModelError::Load { file: file.to_owned(), reason: format!("{error:#}") }
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
pub(crate) mod tests {
    use tract_onnx::tract_core::ops::Op;

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

    #[test]
    fn two_of_the_engines_passes_are_run() {
        // The names are the engine's own: should they change, these would be left out too.
        let passes = passes(&[CONSTANTS, SIMPLER]).passes;
        let names: Vec<String> = passes.iter().map(|pass| format!("{pass:?}")).collect();
        assert_eq!(names, ["PropConst(0)", "declutter"]);
    }

    /// Whether `replace` puts an `O` into a network of one input; either way it gives what the engine gives, within `tolerance`.
    #[track_caller]
    pub(crate) fn check_replaced<O: Op>(
        model: TypedModel,
        replace: fn(&mut TypedModel) -> TractResult<()>,
        is_taken: bool,
        tolerance: f32,
    ) {
        let mut ours = model.clone();
        replace(&mut ours).expect("it reads the network");
        assert_eq!(ours.nodes().iter().any(|node| node.op_is::<O>()), is_taken);
        let input = model.input_outlets().expect("inputs")[0];
        let shape = model.outlet_fact(input).expect("a fact").shape.as_concrete().expect("a shape").to_vec();
        let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i * 37 % 101) as f32 / 101.0).collect();
        let input: TValue = Tensor::from_shape(&shape, &values).expect("values").into();
        let [ours, engine] = [ours, model].map(|model| {
            let outputs = model.into_optimized().and_then(|model| model.into_runnable()?.run(tvec!(input.clone())));
            outputs.expect("it runs").iter().map(|output| floats(output).expect("floats")).collect::<Vec<_>>().concat()
        });
        assert_eq!(ours.len(), engine.len());
        for (i, (ours, engine)) in ours.iter().zip(&engine).enumerate() {
            assert!((ours - engine).abs() <= tolerance, "value {i} is {ours}, not {engine}");
        }
    }

    /// The networks of the default model, with operations of ours in them and without.
    #[track_caller]
    fn check_same_in_page(file: &str, bytes: &[u8], inputs: &[(&str, &[usize])], outputs: &[&str], n_ours: [usize; 2]) {
        let [engine, ours] = [false, true].map(|in_page| {
            optimised(typed(file, bytes, inputs, outputs).expect("a network"), in_page).expect("optimised")
        });
        let count = |name: &str| ours.nodes().iter().filter(|node| node.op.name() == name).count();
        assert_eq!(["DirectConv", "Interleave"].map(count), n_ours, "operations of ours in {file}");

        let values = |i: usize, n: usize| (0..n).map(|j| ((i + j * 37) % 101) as f32 / 101.0).collect::<Vec<_>>();
        let given: TVec<TValue> = inputs
            .iter()
            .enumerate()
            .map(|(i, (_, shape))| {
                Tensor::from_shape(shape, &values(i, shape.iter().product())).expect("a tensor").into()
            })
            .collect();
        let run =
            |model: TypedModel| model.into_runnable().and_then(|model| model.run(given.clone())).expect("it runs");
        for ((ours, engine), name) in run(ours).iter().zip(run(engine)).zip(outputs) {
            let (ours, engine) = (floats(ours).expect("floats"), floats(&engine).expect("floats"));
            let size = engine.iter().fold(1.0, |size, value| value.abs().max(size));
            let worst = ours.iter().zip(&engine).fold(0.0, |worst, (a, b)| (a - b).abs().max(worst));
            assert!(worst <= 1e-5 * size, "{name} differs by {worst} of {size}");
        }
    }

    #[test]
    fn operations_of_ours_give_what_the_engine_gives() {
        let manifest = Manifest::parse(include_str!("../models/lite/manifest.json")).expect("a manifest");
        let side = manifest.input.side as usize;
        let (encoder, decoder) = (&manifest.encoder, &manifest.decoder);
        let features = || encoder.features.iter().map(|feature| (feature.name.as_str(), feature.shape.as_slice()));
        let outputs: Vec<&str> = features().map(|(name, _)| name).collect();
        let picture = [1, 3, side, side];
        let inputs = [(encoder.input.as_str(), picture.as_slice())];
        check_same_in_page("encoder", include_bytes!("../models/lite/encoder.onnx"), &inputs, &outputs, [4, 3]);

        let class = decoder.class_weights.as_deref().expect("a class prompt");
        let inputs: Vec<_> =
            features().chain([(decoder.boxes.as_str(), [1, 4].as_slice()), (class, &[1, N_CLASSES])]).collect();
        let outputs = [decoder.logits.as_str(), decoder.score.as_str()];
        check_same_in_page("decoder", include_bytes!("../models/lite/decoder.onnx"), &inputs, &outputs, [3, 4]);
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
