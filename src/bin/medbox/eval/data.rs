//! Data sets on disk: folders with `meta.json`, `images/` and `masks/`.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use medbox::prompt::Modality;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{fail::CliError, files};

/// A folder with pictures of one kind.
#[derive(Debug)]
pub(super) struct DataSet {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    /// As meta.json spells it.
    pub(super) modality: String,
    /// `None` when the modality is none of the 11.
    pub(super) class: Option<Modality>,
    /// One label map each; a single empty one when a picture has one label map.
    pub(super) mask_suffixes: Vec<String>,
    patients: HashMap<String, Option<String>>,
}

/// The part of meta.json that matters here.
#[derive(Deserialize)]
struct Meta {
    name: String,
    modality: String,
    mask_suffixes: Option<Vec<String>>,
    patients: Option<HashMap<String, Option<String>>>,
}

impl DataSet {
    fn read(folder: PathBuf) -> Result<Self, CliError> {
        let Meta { name, modality, mask_suffixes, patients } = read_json(&folder.join("meta.json"))?;
        Ok(Self {
            folder,
            name,
            class: Modality::parse(&modality).ok(),
            modality,
            mask_suffixes: mask_suffixes.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![String::new()]),
            patients: patients.unwrap_or_default(),
        })
    }

    /// Whom the picture shows, where that is known.
    pub(super) fn patient(&self, stem: &str) -> Option<&str> {
        self.patients.get(stem)?.as_deref()
    }

    /// The pictures, sorted by file name with its ending, byte by byte.
    fn images(&self) -> Result<Vec<PathBuf>, CliError> {
        let mut names: Vec<OsString> = list(&self.folder.join("images"))?
            .into_iter()
            .filter(|path| path.is_file())
            .filter_map(|path| path.file_name().map(OsString::from))
            .filter(|name| !name.as_encoded_bytes().starts_with(b".")) // What file managers leave behind.
            .collect();
        names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
        Ok(names.into_iter().map(|name| self.folder.join("images").join(name)).collect())
    }
}

/// One picture of a data set.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) data_set: &'a DataSet,
    pub(super) image: PathBuf,
    /// File name without its ending.
    pub(super) stem: String,
}

impl Sample<'_> {
    /// Where the label map of a suffix lies, if there is one.
    pub(super) fn mask(&self, suffix: &str) -> PathBuf {
        self.data_set.folder.join("masks").join(format!("{}{suffix}.png", self.stem))
    }

    /// Every file that may be read for it.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let masks = self.data_set.mask_suffixes.iter().map(|suffix| self.mask(suffix));
        [self.image.clone(), self.data_set.folder.join("meta.json")].into_iter().chain(masks).collect()
    }
}

/// Every data set in `folders` and below.
///
/// # Errors
/// When there is none, or a folder or meta.json cannot be read.
pub(super) fn find(folders: &[PathBuf]) -> Result<Vec<DataSet>, CliError> {
    let (mut data_sets, mut seen) = (Vec::new(), HashSet::new());
    let mut waiting: Vec<PathBuf> = folders.iter().rev().cloned().collect();
    while let Some(folder) = waiting.pop() {
        let real = folder.canonicalize().map_err(|e| CliError::io(&folder, &e))?;
        // Folders given twice count once, and links that lead back end here.
        if !seen.insert(real) {
            continue;
        }
        let mut inner: Vec<PathBuf> = list(&folder)?.into_iter().filter(|path| path.is_dir()).collect();
        inner.sort_unstable_by(|a, b| b.cmp(a));
        waiting.append(&mut inner);
        if folder.join("meta.json").is_file() && folder.join("images").is_dir() {
            data_sets.push(DataSet::read(folder)?);
        }
    }
    if data_sets.is_empty() {
        let folder = folders.first().expect("clap asks for one");
        return Err(CliError::new(
            "eval.no-data-sets",
            "no folder in it holds meta.json and images/",
            "give the folder of a data set, or one above it",
        )
        .at(folder));
    }
    Ok(data_sets)
}

/// The pictures to measure: of each data set those that `only` names, and of these at most `max_images`.
///
/// # Errors
/// When a folder or `only` cannot be read, or `only` names a picture that a data set lacks.
pub(super) fn samples<'a>(
    data_sets: &'a [DataSet],
    only: Option<&Path>,
    max_images: usize,
) -> Result<Vec<Sample<'a>>, CliError> {
    let only: Option<HashMap<String, HashSet<String>>> = only.map(read_json).transpose()?;
    let mut samples = Vec::new();
    for data_set in data_sets {
        let stem = |image: &Path| image.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let mut chosen: Vec<Sample<'_>> =
            data_set.images()?.into_iter().map(|image| Sample { data_set, stem: stem(&image), image }).collect();
        if let Some(only) = &only {
            let stems = only.get(&data_set.name);
            chosen.retain(|sample| stems.is_some_and(|stems| stems.contains(&sample.stem)));
            let there: HashSet<&str> = chosen.iter().map(|sample| sample.stem.as_str()).collect();
            if let Some(stem) = stems.into_iter().flatten().filter(|stem| !there.contains(stem.as_str())).min() {
                return Err(CliError::new(
                    "eval.unknown-picture",
                    format!("--only names a picture that is not there: {stem}"),
                    "name pictures of images/ without their ending",
                )
                .at(&data_set.folder));
            }
        }
        samples.append(&mut spread(chosen, max_images));
    }
    if samples.is_empty() && only.is_some() {
        let names: Vec<&str> = data_sets.iter().map(|data_set| data_set.name.as_str()).collect();
        let message = format!("--only names no picture of the data sets that were found: {}", names.join(", "));
        return Err(CliError::new("eval.nothing-chosen", message, "name data sets as their meta.json does"));
    }
    let is_there = |name: &&String| data_sets.iter().any(|data_set| data_set.name == **name);
    let mut missing: Vec<&str> =
        only.iter().flat_map(HashMap::keys).filter(|name| !is_there(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        missing.sort_unstable();
        files::note(format_args!("--only names data sets that were not found: {}", missing.join(", ")));
    }
    Ok(samples)
}

/// At most `max` of the items, at the positions floor(k·n/max); all when `max` is 0.
pub(super) fn spread<T>(items: Vec<T>, max: usize) -> Vec<T> {
    let n = items.len();
    if max == 0 || n <= max {
        return items;
    }
    let mut wanted = (0..max).map(|k| k * n / max).peekable();
    items.into_iter().enumerate().filter(|(i, _)| wanted.next_if_eq(i).is_some()).map(|(_, item)| item).collect()
}

/// What a folder holds, in no order.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|e| CliError::io(folder, &e))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, CliError> {
    let text = fs::read_to_string(path).map_err(|e| CliError::io(path, &e))?;
    // Editors on Windows put a byte order mark before it.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| {
        let hint = "meta.json holds name and modality; --only takes {data set: [stems]}";
        CliError::new("eval.unreadable", format!("the JSON cannot be read: {e}"), hint).at(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_evenly_spread_positions() {
        assert_eq!(spread((0..10).collect(), 4), [0, 2, 5, 7]); // floor(k · 10 / 4)
        assert_eq!(spread((0..7).collect(), 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(spread((0..3).collect(), 3), [0, 1, 2]);
        assert_eq!(spread((0..3).collect(), 0), [0, 1, 2]);
    }
}
