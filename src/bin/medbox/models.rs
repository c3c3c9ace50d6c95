//! Where models are found, and `medbox models`.

use std::{
    env, fs,
    path::{self, Path, PathBuf},
};

use medbox::{
    manifest::Manifest,
    model::{ModelError, OnnxModel},
};

use crate::{fail::CliError, files};

/// The file beside the models that names the one to use when none is asked for.
const DEFAULT_FILE: &str = "default";

/// Folders that may hold models, the first that has what is asked for wins.
///
/// # Errors
/// When `MEDBOX_MODELS` names no folder with models: another one would give masks of other models without a word.
fn roots() -> Result<Vec<PathBuf>, CliError> {
    let beside_executable = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("models")));
    // `cargo build` leaves the executable in target/release: the checkout's models are two folders up.
    let checkout = beside_executable.as_deref().and_then(|models| Some(models.ancestors().nth(3)?.join("models")));
    let named = env::var_os("MEDBOX_MODELS").filter(|name| !name.is_empty()).map(PathBuf::from);
    if let Some(folder) = &named {
        let wrong = |message: &str, hint| Err(CliError::new("model.no-folder", message, hint).at(folder));
        if !folder.is_dir() {
            return wrong("MEDBOX_MODELS names no folder that is there", "correct it, or unset it");
        }
        if is_model(folder) {
            return wrong("MEDBOX_MODELS names a model, not the folder that holds it", "give the folder above it");
        }
        if models_in(folder).is_empty() {
            return wrong("MEDBOX_MODELS names a folder that holds no model", "correct it, or unset it");
        }
    }
    let roots = [named, Some(PathBuf::from("models")), beside_executable, checkout]
        .into_iter()
        .flatten()
        .filter(|root| root.is_dir())
        .collect();
    Ok(roots)
}

/// Loads a model by name or folder; the default when none is named.
pub(crate) fn load(name_or_folder: Option<&str>) -> Result<OnnxModel, CliError> {
    let folder = find(name_or_folder)?;
    let manifest = read_manifest(&folder)?;
    let read = |file: &str| {
        let path = folder.join(file);
        fs::read(&path).map_err(|e| CliError::io(&path, &e))
    };
    let (encoder, decoder) = (read(&manifest.encoder.file)?, read(&manifest.decoder.file)?);
    OnnxModel::load(manifest, &encoder, &decoder).map_err(|e| CliError::from(e).at(&folder))
}

fn find(name_or_folder: Option<&str>) -> Result<PathBuf, CliError> {
    let mut roots = roots()?;
    let name = match name_or_folder {
        Some(name) => name.to_owned(),
        None => default_name(&roots)?,
    };
    // What is spelled as a path means that folder, and no model of the same name elsewhere.
    if name.starts_with('.') || name.contains(path::is_separator) {
        roots.clear();
    }
    let mut candidates = roots.iter().map(|root| root.join(&name)).chain([PathBuf::from(&name)]);
    candidates.find(|folder| is_model(folder)).ok_or_else(|| {
        CliError::new(
            "model.not-found",
            format!("there is no model “{name}”"),
            "see `medbox models`, or give a folder that holds a manifest.json",
        )
    })
}

fn is_model(folder: &Path) -> bool {
    folder.join("manifest.json").is_file()
}

/// The folders of the models in a folder, by name.
fn models_in(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.retain(|folder| is_model(folder));
    folders.sort();
    folders
}

fn default_name(roots: &[PathBuf]) -> Result<String, CliError> {
    let named = roots.iter().find_map(|root| fs::read_to_string(root.join(DEFAULT_FILE)).ok());
    named.map(|text| text.trim().to_owned()).ok_or_else(|| {
        if roots.is_empty() {
            no_models()
        } else {
            CliError::new(
                "model.no-default",
                format!("the folder of the models has no file “{DEFAULT_FILE}” that names the one to take"),
                "name a model with --model",
            )
            .at(&roots[0])
        }
    })
}

fn no_models() -> CliError {
    CliError::new(
        "model.no-models",
        "no folder with models was found",
        "set MEDBOX_MODELS to the folder, or run medbox where ./models is",
    )
}

fn read_manifest(folder: &Path) -> Result<Manifest, CliError> {
    let path = folder.join("manifest.json");
    let json = fs::read_to_string(&path).map_err(|e| CliError::io(&path, &e))?;
    Manifest::parse(&json).map_err(|e: ModelError| CliError::from(e).at(&path))
}

/// `medbox models`: one block a model.
pub(crate) fn run() -> Result<(), CliError> {
    let roots = roots()?;
    if roots.is_empty() {
        return Err(no_models());
    }
    let default = default_name(&roots).ok();
    let mut seen = Vec::new();
    for folder in roots.iter().flat_map(|root| models_in(root)) {
        // What `--model` takes, whatever the manifest calls the model.
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if seen.contains(&name) {
            continue;
        }
        match read_manifest(&folder) {
            Ok(manifest) => files::tell(described(&name, &manifest, default.as_ref() == Some(&name)))?,
            Err(error) => files::note(error), // The others are there all the same.
        }
        seen.push(name);
    }
    if seen.is_empty() {
        return Err(no_models());
    }
    Ok(())
}

fn described(name: &str, manifest: &Manifest, is_default: bool) -> String {
    let mark = if is_default { " (default)" } else { "" };
    let megabytes = manifest.bytes() as f64 / 1e6;
    let (parameters, gmac) = (manifest.parameters as f64 / 1e6, manifest.gmac);
    [
        format!("{name}{mark}: {}", manifest.title),
        format!(
            "  {parameters:.2} M parameters, {megabytes:.1} MB; {:.2} GMAC to encode, {:.3} a box",
            gmac.encode, gmac.decode_per_box
        ),
        format!("  class prompt: {}", if manifest.takes_class() { "yes" } else { "no" }),
        format!("  licence: {}", manifest.licence),
        format!("  intended use: {}", manifest.intended_use),
        format!("  attribution: {}", manifest.attribution),
    ]
    .join("\n")
}
