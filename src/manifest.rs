//! What a model says of itself: the file `manifest.json` that `training/export.py` writes beside the networks.
//! The runtime knows no model by name; whatever differs between models stands here.

use serde::{Deserialize, Serialize};

use crate::{
    model::ModelError,
    prompt::{Modality, N_CLASSES},
};

/// The version of the manifest's form that this crate reads.
pub const SCHEMA: u32 = 1;

/// A model's manifest. Field names are those of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this form, [`SCHEMA`].
    pub schema: u32,
    /// Name of the model's folder, and of the model on the command line.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// The encoder's input.
    pub input: Input,
    /// The network that is run once a view.
    pub encoder: Encoder,
    /// The network that is run once a box.
    pub decoder: Decoder,
    /// Side of a tile made for one small box, in longer sides of the box: how closely the model looks best, 1.5 to 6.
    #[serde(default = "tile_per_box")]
    pub tile_per_box: f64,
    /// Names of the classes by index, or none when the model has no class head.
    pub classes: Option<Vec<String>>,
    /// How weights are stored: `f32`, `f16` or `int8`.
    pub weights: String,
    /// Number of trained parameters.
    pub parameters: u64,
    /// Cost in 10⁹ multiply-adds.
    pub gmac: Gmac,
    /// SPDX expression, or the words that stand for it.
    pub licence: String,
    /// Whom to name.
    pub attribution: String,
    /// What the model may be used for.
    pub intended_use: String,
    /// The run that made the weights, and the hash of its data.
    #[serde(default)]
    pub training: serde_json::Value,
    /// DSC and NSD as measured, with the split that they were measured on.
    #[serde(default)]
    pub measured: serde_json::Value,
}

/// That of a manifest which does not say.
const fn tile_per_box() -> f64 {
    3.0
}

/// The encoder's input: (1, 3, side, side).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Side of the square in model pixels.
    pub side: u32,
    /// Channel order; `rgb` is the one there is.
    pub channels: String,
    /// Intensity normalisation; `minmax` is the one there is.
    pub normalisation: String,
}

/// The encoder's file and tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// File name in the model's folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Name of the input tensor.
    pub input: String,
    /// The feature tensors that make up the embedding.
    pub features: Vec<Feature>,
    /// Name of the class head's output, (1, 11), when there is one.
    pub class_logits: Option<String>,
}

/// One feature tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Name, the same in both networks.
    pub name: String,
    /// Shape, (1, C, H, W).
    pub shape: Vec<usize>,
}

/// The decoder's file and tensors; the feature tensors are inputs under their own names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// File name in the model's folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Name of the boxes' input, (n, 4) in model pixels.
    pub boxes: String,
    /// Name of the class prompt's input, (n, 11), when the model takes one.
    pub class_weights: Option<String>,
    /// Name of the logits' output, (n, 1, side, side).
    pub logits: String,
    /// Name of the score's output, (n, 1).
    pub score: String,
}

/// Cost in 10⁹ multiply-adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gmac {
    /// Of one view.
    pub encode: f64,
    /// Of one box, in a batch.
    pub decode_per_box: f64,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`ModelError::Manifest`] when it is not JSON of this form, [`ModelError::Schema`] when it is of another version,
    /// [`ModelError::Contract`] when it promises what the runtime does not have.
    pub fn parse(json: &str) -> Result<Self, ModelError> {
        /// Read first, so that another version is named as such rather than by the field that differs.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version =
            serde_json::from_str(json).map_err(|e| ModelError::Manifest { reason: e.to_string() })?;
        if version.schema != SCHEMA {
            return Err(ModelError::Schema { found: version.schema });
        }
        let manifest: Self = serde_json::from_str(json).map_err(|e| ModelError::Manifest { reason: e.to_string() })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether the model says which modality it looks at.
    pub fn has_class_head(&self) -> bool {
        self.encoder.class_logits.is_some()
    }

    /// Whether its decoder can be told.
    pub fn takes_class(&self) -> bool {
        self.decoder.class_weights.is_some()
    }

    /// What a person downloads to use it.
    pub fn bytes(&self) -> u64 {
        self.encoder.bytes + self.decoder.bytes
    }

    fn check(&self) -> Result<(), ModelError> {
        let refuse = |what: String| Err(ModelError::Contract { model: self.name.clone(), what });
        if self.input.channels != "rgb" {
            return refuse(format!("channels “{}” (known: rgb)", self.input.channels));
        }
        if self.input.normalisation != "minmax" {
            return refuse(format!("normalisation “{}” (known: minmax)", self.input.normalisation));
        }
        if !(16..=4096).contains(&self.input.side) {
            return refuse(format!("an input of {0} × {0} pixels (16 to 4096 are possible)", self.input.side));
        }
        if !(1.5..=6.0).contains(&self.tile_per_box) {
            return refuse(format!("tiles of {} times the box (1.5 to 6 are possible)", self.tile_per_box));
        }
        if self.encoder.features.is_empty() {
            return refuse("an encoder without feature tensors".to_owned());
        }
        let names: Vec<&str> = Modality::ALL.iter().map(|modality| modality.name()).collect();
        match &self.classes {
            Some(classes) if *classes != names => {
                refuse(format!("the classes {} (known, in this order: {})", classes.join(" "), names.join(" ")))
            }
            None if self.has_class_head() || self.takes_class() => {
                refuse(format!("a class head or class prompt without the names of its {N_CLASSES} classes"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small valid manifest, for this file's tests and for those with a fake network.
    pub(crate) fn json(takes_class: bool) -> serde_json::Value {
        let names: Vec<&str> = Modality::ALL.iter().map(|modality| modality.name()).collect();
        let or_null = |name: &str| takes_class.then(|| name.to_owned());
        serde_json::json!({
            "schema": 1, "name": "fake", "title": "Fake",
            "input": {"side": 16, "channels": "rgb", "normalisation": "minmax"},
            "encoder": {"file": "encoder.onnx", "bytes": 3, "sha256": "00", "input": "image",
                "features": [{"name": "embedding", "shape": [1, 1, 4, 4]}], "class_logits": or_null("class_logits")},
            "decoder": {"file": "decoder.onnx", "bytes": 4, "sha256": "00", "boxes": "boxes",
                "class_weights": or_null("class_weights"), "logits": "logits", "score": "score"},
            "classes": takes_class.then_some(names), "weights": "f32", "parameters": 1,
            "gmac": {"encode": 0.1, "decode_per_box": 0.01},
            "licence": "Apache-2.0", "attribution": "nobody", "intended_use": "tests",
        })
    }

    #[track_caller]
    fn check_refused(change: impl Fn(&mut serde_json::Value), code: &str, message: &str) {
        let mut json = json(true);
        change(&mut json);
        let err = Manifest::parse(&json.to_string()).unwrap_err();
        assert_eq!((err.code(), err.to_string().as_str()), (code, message));
    }

    #[test]
    fn a_manifest_that_promises_something_unknown_is_refused() {
        check_refused(
            |json| json["schema"] = 2.into(),
            "model.schema",
            "the model's manifest is of version 2, this medbox reads version 1",
        );
        check_refused(
            |json| json["input"]["normalisation"] = "zscore".into(),
            "model.contract",
            "the model “fake” asks for normalisation “zscore” (known: minmax), which this medbox does not have",
        );
        check_refused(
            |json| json["input"]["side"] = 8.into(),
            "model.contract",
            "the model “fake” asks for an input of 8 × 8 pixels (16 to 4096 are possible), which this medbox does not have",
        );
        check_refused(
            |json| json["tile_per_box"] = 1.0.into(),
            "model.contract",
            "the model “fake” asks for tiles of 1 times the box (1.5 to 6 are possible), which this medbox does not have",
        );
        check_refused(
            |json| json["classes"] = serde_json::Value::Null,
            "model.contract",
            "the model “fake” asks for a class head or class prompt without the names of its 11 classes, \
             which this medbox does not have",
        );
    }

    #[test]
    fn tiles_are_three_times_the_box_unless_the_model_says_otherwise() {
        let mut json = json(false);
        assert_eq!(Manifest::parse(&json.to_string()).expect("valid").tile_per_box, 3.0);
        json["tile_per_box"] = 2.5.into();
        assert_eq!(Manifest::parse(&json.to_string()).expect("valid").tile_per_box, 2.5);
    }

    #[test]
    fn a_manifest_without_a_field_names_it() {
        let mut json = json(false);
        json.as_object_mut().expect("an object").remove("title");
        let err = Manifest::parse(&json.to_string()).unwrap_err();
        assert!(err.to_string().starts_with("the model's manifest cannot be read: missing field `title`"), "{err}");
    }
}
