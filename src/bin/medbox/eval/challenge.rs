//! The challenge's own 2D files, scored by case as its evaluation script does.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use medbox::{
    formats::{Limits, OpenError, npz},
    geometry::{PixelBox, Rect, Size},
    import,
    model::OnnxModel,
    pipeline::Pipeline,
    postprocess::{LabelMap, Mask},
    prompt::{BoxPrompt, Modality, PromptError},
};

use super::{
    EvalArgs,
    data::{list, spread},
    report::{Item, Picture, Row, Scores},
};
use crate::{clock_ms, fail::CliError, files};

/// At this mean DSC and below, the challenge does not measure surfaces and takes 0.
const LEAST_DSC_FOR_NSD: f64 = 0.2;

/// One file.
#[derive(Debug)]
pub(super) struct CaseFile {
    pub(super) path: PathBuf,
    stem: String,
    /// The second word of the file name.
    pub(super) modality: String,
}

impl CaseFile {
    fn new(path: PathBuf) -> Result<Self, CliError> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(modality) = stem.split('_').nth(1).map(str::to_owned) else {
            return Err(CliError::new(
                "eval.file-name",
                "the file name has no second word, which would name the modality",
                "name challenge files like 2DBox_US_0525.npz",
            )
            .at(&path));
        };
        Ok(Self { path, stem, modality })
    }

    /// The class that the modality names; the challenge spells two in its own way.
    pub(super) fn class(&self) -> Option<Modality> {
        match self.modality.as_str() {
            "X-Ray" => Some(Modality::Xray),
            "Microscope" => Some(Modality::Microscopy),
            word => Modality::parse(word).ok(),
        }
    }
}

/// The 2D files of a folder by name, at most `max_files`. Volumes are named on stderr and left out.
///
/// # Errors
/// When the folder cannot be read or holds no 2D file.
pub(super) fn find(folder: &Path, max_files: usize) -> Result<Vec<CaseFile>, CliError> {
    let mut paths = list(folder)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "npz"));
    paths.sort();
    let starts_with =
        |path: &Path, start: &str| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start));
    let (flat, other): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| starts_with(path, "2D"));
    let volumes = other.iter().filter(|path| starts_with(path, "3D")).count();
    let told = format!("{volumes} files hold volumes (3D*.npz), which medbox cannot score yet");
    if flat.is_empty() {
        let nothing = CliError::new("eval.no-cases", "the folder holds no 2D*.npz", "give a folder of challenge files");
        let refusal = CliError::new("eval.volumes", told, "score the 2D files");
        return Err(if volumes > 0 { refusal } else { nothing }.at(folder));
    }
    if volumes > 0 {
        files::note(format_args!("{told}; they are left out"));
    }
    spread(flat, max_files).into_iter().map(CaseFile::new).collect()
}

/// Scores one file: the mean over the labels 1, 2, … of its reference, on label maps in which later boxes overwrite
/// earlier ones. A label that neither map has is left out of the mean (the challenge's own mean would become NaN). A box
/// without area, or outside the picture, counts as an empty mask.
pub(super) fn measure(file: &CaseFile, model: &Arc<OnnxModel>, args: &EvalArgs) -> Result<Option<Picture>, CliError> {
    let case =
        npz::read_case(&files::read(&file.path)?, &Limits::default()).map_err(|e| CliError::from(e).at(&file.path))?;
    let labels = case.labels.ok_or_else(|| CliError::from(OpenError::MissingArray { name: "gts" }).at(&file.path))?;
    let size = case.image.size();
    let asked: Vec<Option<BoxPrompt>> = case
        .boxes
        .iter()
        .map(|&[x0, y0, x1, y1]| match BoxPrompt::new(x0, y0, x1, y1, size) {
            Ok(prompt) => Ok(Some(prompt)),
            Err(PromptError::EmptyBox { .. } | PromptError::Outside { .. }) => Ok(None),
            Err(e) => Err(CliError::from(e).at(&file.path)),
        })
        .collect::<Result<_, _>>()?;
    let prompts: Vec<BoxPrompt> = asked.iter().flatten().copied().collect();
    let class = args.class.prompt(file.class(), &file.modality)?;
    let mut pipeline = Pipeline::new(Arc::clone(model), clock_ms);
    pipeline.open(case.image);
    let answer =
        pipeline.segment(&prompts, &args.looking.options(class)).map_err(|e| CliError::from(e).at(&file.path))?;
    let nothing = no_mask(size);
    let mut drawn = answer.objects.iter().map(|object| &object.mask);
    let masks = asked.iter().map(|prompt| prompt.and_then(|_| drawn.next()).unwrap_or(&nothing));
    let predicted = LabelMap::from_masks(size, masks);
    let stored = case.boxes.iter().map(|&[x0, y0, x1, y1]| PixelBox::new(x0, y0, x1, y1));
    let boxes: Vec<PixelBox> =
        asked.iter().zip(stored).map(|(prompt, stored)| prompt.map_or(stored, BoxPrompt::box_image)).collect();

    let reference = import::objects(&labels, 1, &Limits::default()).map_err(|e| CliError::from(e).at(&file.path))?;
    let rows = score_labels(labels.max_label(), reference, &predicted, &boxes)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let (data_set, modality) = (file.folder_name(), file.modality.clone());
    Ok(Some(Picture {
        data_set,
        modality,
        class: file.class(),
        items: vec![case_item(&rows)],
        rows,
        n_empty_boxes: boxes.len() - prompts.len(),
        ..Picture::from_answer(&file.stem, &answer)
    }))
}

impl CaseFile {
    /// The name of the folder that it lies in stands for the data set.
    fn folder_name(&self) -> String {
        let folder = self.path.canonicalize().ok().and_then(|path| Some(path.parent()?.file_name()?.to_owned()));
        folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// One row for each label up to the reference's greatest, `max_label`, that either map has.
fn score_labels(
    max_label: u16,
    reference: Vec<(u16, Mask)>,
    predicted: &LabelMap,
    boxes: &[PixelBox],
) -> Result<Vec<Row>, CliError> {
    let size = predicted.size();
    let nothing = no_mask(size);
    let by_label = |objects: Vec<(u16, Mask)>| objects.into_iter().collect::<BTreeMap<u16, Mask>>();
    let (reference_masks, predicted_masks) = (by_label(reference), by_label(predicted.objects(1)));
    let mut rows = Vec::new();
    for label in 1..=max_label {
        let drawn = reference_masks.get(&label).unwrap_or(&nothing);
        let found = predicted_masks.get(&label).unwrap_or(&nothing);
        let Some(scores) = Scores::of(drawn, found)? else { continue };
        let asked = boxes.get(usize::from(label) - 1).copied();
        rows.push(Row {
            id: label,
            mask_suffix: String::new(),
            box_image: asked.or_else(|| drawn.bounding_box()).expect("what has no box was drawn"),
            area_px: drawn.area_px(),
            share: drawn.area_px() as f64 / size.area() as f64,
            scores,
        });
    }
    Ok(rows)
}

fn no_mask(size: Size) -> Mask {
    Mask::from_region(size, Rect { x: 0, y: 0, width: 0, height: 0 }, Vec::new())
}

/// The case as a whole: means over its labels.
fn case_item(rows: &[Row]) -> Item {
    let mean = |value: fn(&Row) -> f64| rows.iter().map(value).sum::<f64>() / rows.len() as f64;
    let mut scores = Scores {
        dsc: mean(|row| row.scores.dsc),
        nsd: mean(|row| row.scores.nsd),
        nsd_contour: mean(|row| row.scores.nsd_contour),
    };
    if scores.dsc <= LEAST_DSC_FOR_NSD {
        (scores.nsd, scores.nsd_contour) = (0.0, 0.0);
    }
    Item { share: mean(|row| row.share), scores }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(dsc: f64, nsd: f64) -> Row {
        Row {
            id: 1,
            mask_suffix: String::new(),
            box_image: PixelBox::new(0.0, 0.0, 9.0, 9.0),
            area_px: 50,
            share: 0.5,
            scores: Scores { dsc, nsd, nsd_contour: nsd },
        }
    }

    #[test]
    fn a_case_is_the_mean_over_its_labels() {
        let item = case_item(&[row(0.8, 0.6), row(0.4, 0.2)]);
        assert!((item.scores.dsc - 0.6).abs() < 1e-12 && (item.scores.nsd - 0.4).abs() < 1e-12);
    }

    #[test]
    fn surfaces_count_nothing_when_the_overlap_is_poor() {
        let item = case_item(&[row(0.125, 0.6), row(0.25, 0.2)]);
        assert_eq!((item.scores.dsc, item.scores.nsd, item.scores.nsd_contour), (0.1875, 0.0, 0.0));
    }

    #[test]
    fn the_modality_is_the_second_word() {
        let file = CaseFile::new(PathBuf::from("a/2DBox_X-Ray_0053.npz")).expect("a name with two words");
        assert_eq!((file.modality.as_str(), file.class()), ("X-Ray", Some(Modality::Xray)));
        let err = CaseFile::new(PathBuf::from("a/2Dimage.npz")).unwrap_err();
        assert!(err.to_string().starts_with("error[eval.file-name]: the file name has no second word"), "{err}");
    }
}
