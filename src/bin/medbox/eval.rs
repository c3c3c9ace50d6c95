//! `medbox eval`: how well a model draws what experts drew.

mod challenge;
mod data;
mod report;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use clap::{Args, builder::TypedValueParser as _};
use indicatif::{ProgressBar, ProgressStyle};
use medbox::{
    formats::{self, Limits},
    geometry::{PixelBox, Size},
    import,
    metrics::{self, Comparison, TOLERANCE_PX},
    model::{Network as _, OnnxModel},
    pipeline::{Pipeline, Segmentation},
    postprocess::Mask,
    prompt::{BoxPrompt, ClassPrompt, Modality, PromptError},
};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use sha2::{Digest as _, Sha256};

use crate::{
    clock_ms,
    fail::CliError,
    files, models,
    segment::{Looking, classes, most_likely, usage},
};
use data::spread;
pub(crate) use report::median;
use report::{Item, Picture, Report, Row, Scores};

/// Smaller objects are specks of the reference and are not scored.
const MIN_AREA_PX: usize = 16;

/// Arguments of `medbox eval`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvalArgs {
    /// Folders with data sets: every folder below them that holds meta.json and images/ is one, with its label maps in masks/
    #[arg(value_name = "DIR", required_unless_present = "npz")]
    folders: Vec<PathBuf>,
    /// Score the challenge's 2D files (2D*.npz) of a folder instead, by case
    #[arg(long, value_name = "DIR", conflicts_with_all = ["folders", "only", "max_objects", "box_jitter"])]
    npz: Option<PathBuf>,
    /// Name of a model, or its folder [default: the one that models/default names]
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    #[command(flatten)]
    looking: Looking,
    /// Which modality the decoder is told; auto is what the class head says, true the data set's, wrong the next in the list
    #[arg(long, default_value = "auto", ignore_case = true,
        value_parser = classes(&CLASS_WORDS).try_map(|text| ClassChoice::parse(&text).map_err(usage)))]
    class: ClassChoice,
    /// A JSON file that names the images to take: {data set: [stems]}
    #[arg(long, value_name = "FILE.json")]
    only: Option<PathBuf>,
    /// At most so many images a data set, evenly spread; 0: all
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_images: usize,
    /// At most so many objects a label map, evenly spread; 0: all
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_objects: usize,
    /// Move each side of a box by a random share, up to ±F, of its width or height (0 to 0.5)
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = parse_jitter)]
    box_jitter: f64,
    /// What the random shares depend on, beside the object's name
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write one line per object to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    rows: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  medbox eval data/images --model litemedsam --mode challenge
  medbox eval data/images/US --max-images 10 --max-objects 4 --rows rows.csv
  medbox eval data/images --box-jitter 0.08 --seed 1 --json
  medbox eval --npz challenge/validation --mode challenge";

/// What `--class` takes beside the modalities.
const CLASS_WORDS: [&str; 4] = ["auto", "true", "wrong", "unknown"];

/// What `--class` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClassChoice {
    Prompt(ClassPrompt),
    True,
    Wrong,
}

impl ClassChoice {
    fn parse(text: &str) -> Result<Self, PromptError> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Self::True),
            "wrong" => Ok(Self::Wrong),
            _ => ClassPrompt::parse(text).map(Self::Prompt),
        }
    }

    /// Refuses, before anything is measured, what is to be told and is none of the classes.
    fn check(self, class: Option<Modality>, spelled: &str, at: &Path) -> Result<(), CliError> {
        self.prompt(class, spelled).map(drop).map_err(|_| {
            let message = format!("the modality “{spelled}” is none that a model can be told");
            CliError::new("eval.unknown-modality", message, "use --class auto or unknown, or name one of the 11").at(at)
        })
    }

    /// What the decoder is told about a picture of the modality `spelled`.
    fn prompt(self, class: Option<Modality>, spelled: &str) -> Result<ClassPrompt, PromptError> {
        let class = || class.ok_or_else(|| PromptError::UnknownClass { found: spelled.to_owned() });
        match self {
            Self::Prompt(prompt) => Ok(prompt),
            Self::True => class().map(ClassPrompt::Chosen),
            Self::Wrong => class().map(|class| ClassPrompt::Chosen(class.next())),
        }
    }
}

fn parse_jitter(text: &str) -> Result<f64, String> {
    // Past one half the left side could end up right of the right one.
    let share: Option<f64> = text.parse().ok().filter(|share| (0.0..=0.5).contains(share));
    share.ok_or_else(|| "the share is a number from 0 to 0.5".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &EvalArgs) -> Result<(), CliError> {
    let rows: Vec<&Path> = args.rows.as_deref().into_iter().collect();
    let check = |inputs: &[&Path]| files::check_outputs(&rows, inputs);
    check(&args.only.as_deref().into_iter().collect::<Vec<_>>())?;
    let (unit, measured, model) = match &args.npz {
        Some(folder) => {
            let cases = challenge::find(folder, args.max_images)?;
            for case in &cases {
                args.class.check(case.class(), &case.modality, &case.path)?;
            }
            check(&cases.iter().map(|case| case.path.as_path()).collect::<Vec<_>>())?;
            let model = Arc::new(models::load(args.model.as_deref())?);
            ("cases", measure_all(&cases, |case| &case.path, |case| challenge::measure(case, &model, args))?, model)
        }
        None => {
            let data_sets = data::find(&args.folders)?;
            let samples = data::samples(&data_sets, args.only.as_deref(), args.max_images)?;
            for data_set in samples.iter().map(|sample| sample.data_set) {
                args.class.check(data_set.class, &data_set.modality, &data_set.folder)?;
            }
            let inputs: Vec<PathBuf> = samples.iter().flat_map(data::Sample::files).collect();
            check(&inputs.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
            let model = Arc::new(models::load(args.model.as_deref())?);
            ("objects", measure_all(&samples, |sample| &sample.image, |sample| measure(sample, &model, args))?, model)
        }
    };
    let Measured { pictures, not_scored } = measured;
    if pictures.is_empty() {
        let found = not_scored.len();
        return Err(CliError::new(
            "eval.no-objects",
            format!(
                "there is nothing to score: of {found} pictures that were chosen none has a mask with an object that counts"
            ),
            "masks lie in masks/ as PNG under the picture's name, and objects have 16 pixels or more",
        ));
    }
    if let Some(first) = not_scored.first() {
        files::note(format_args!(
            "not scored, because they have no mask or no object that counts: {} of {} pictures, the first {}",
            not_scored.len(),
            not_scored.len() + pictures.len(),
            first.display()
        ));
    }
    let with_empty_boxes: Vec<&Picture> = pictures.iter().filter(|picture| picture.n_empty_boxes > 0).collect();
    if let Some(first) = with_empty_boxes.first() {
        files::note(format_args!(
            "boxes without area or outside of their picture, which are scored as empty masks: {} in {} of {} cases, the first \
             {}",
            with_empty_boxes.iter().map(|picture| picture.n_empty_boxes).sum::<usize>(),
            with_empty_boxes.len(),
            pictures.len(),
            first.stem
        ));
    }
    let report = Report::new(unit, &model.manifest().name, args.looking.mode.into(), &pictures, not_scored.len());
    if args.json {
        files::tell(format_args!("{:#}", report.json()))?;
    } else {
        files::tell(report.to_string().trim_end())?;
    }
    files::write(&rows.into_iter().map(|path| (path, report::rows(&pictures))).collect::<Vec<_>>())
}

/// What came of the pictures that were chosen.
#[derive(Debug)]
struct Measured {
    pictures: Vec<Picture>,
    /// Those without anything to score.
    not_scored: Vec<PathBuf>,
}

/// Measures pictures on all cores; those without objects, for which `measure` gives none, are listed by their `path`. The
/// order is that of `tasks`, and so is the error's: of several that fail it is the first that is told, whichever core was faster.
fn measure_all<T: Sync>(
    tasks: &[T],
    path: impl Fn(&T) -> &Path,
    measure: impl Fn(&T) -> Result<Option<Picture>, CliError> + Send + Sync,
) -> Result<Measured, CliError> {
    // Nothing is drawn when stderr is no terminal.
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {eta} left").expect("a valid template");
    let progress = ProgressBar::new(tasks.len() as u64).with_style(style);
    let first_failed = AtomicUsize::new(usize::MAX);
    // One picture at a time: their costs differ by a factor of hundreds.
    let each = tasks.par_iter().with_max_len(1).enumerate().map(|(k, task)| {
        if k > first_failed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        measure(task).inspect(|_| progress.inc(1)).inspect_err(|_| {
            first_failed.fetch_min(k, Ordering::Relaxed);
        })
    });
    let pictures: Vec<Result<Option<Picture>, CliError>> = each.collect();
    progress.finish_and_clear();
    let mut measured = Measured { pictures: Vec::new(), not_scored: Vec::new() };
    for (task, picture) in tasks.iter().zip(pictures) {
        match picture? {
            Some(picture) => measured.pictures.push(picture),
            None => measured.not_scored.push(path(task).to_owned()),
        }
    }
    Ok(measured)
}

/// An object that an expert drew.
struct Reference<'a> {
    /// The label map's suffix; label maps of one picture may share ids.
    suffix: &'a str,
    id: u16,
    mask: Mask,
}

/// Scores each object of a data set's picture alone; `None` when it has none.
fn measure(sample: &data::Sample<'_>, model: &Arc<OnnxModel>, args: &EvalArgs) -> Result<Option<Picture>, CliError> {
    let data_set = sample.data_set;
    let references = read_references(sample, args.max_objects)?;
    if references.is_empty() {
        return Ok(None);
    }
    let study = formats::open(&files::read(&sample.image)?, &Limits::default())
        .map_err(|e| CliError::from(e).at(&sample.image))?;
    let size = study.image.size();
    let boxes = references
        .iter()
        .map(|reference| {
            let found = reference.mask.image_size();
            if found != size {
                let (Size { width, height }, path) = (found, sample.mask(reference.suffix));
                let message =
                    format!("the mask is {width} × {height} pixels, its picture {} × {}", size.width, size.height);
                return Err(CliError::new("eval.mask-size", message, "draw masks at the size of the picture").at(&path));
            }
            let tight = reference.mask.bounding_box().expect("an object has pixels");
            let b = jitter(tight, size, args.box_jitter, &jitter_name(args.seed, sample, reference));
            Ok(BoxPrompt::new(b.x0, b.y0, b.x1, b.y1, size)?)
        })
        .collect::<Result<Vec<_>, _>>()?;

    let class = args.class.prompt(data_set.class, &data_set.modality)?;
    let mut pipeline = Pipeline::new(Arc::clone(model), clock_ms);
    pipeline.open(study.image);
    let answer =
        pipeline.segment(&boxes, &args.looking.options(class)).map_err(|e| CliError::from(e).at(&sample.image))?;

    let mut rows = Vec::with_capacity(references.len());
    for (reference, object) in references.iter().zip(&answer.objects) {
        let area_px = reference.mask.area_px();
        rows.push(Row {
            id: reference.id,
            mask_suffix: reference.suffix.to_owned(),
            box_image: object.prompt.box_image(),
            area_px,
            share: area_px as f64 / size.area() as f64,
            scores: Scores::of(&reference.mask, &object.mask)?.expect("an object has pixels"),
        });
    }
    Ok(Some(Picture {
        data_set: data_set.name.clone(),
        // However meta.json spells it, a modality is one.
        modality: data_set.class.map_or_else(|| data_set.modality.clone(), |class| class.title().to_owned()),
        class: data_set.class,
        patient: data_set.patient(&sample.stem).map(str::to_owned),
        items: rows.iter().map(|row| Item { share: row.share, scores: row.scores }).collect(),
        rows,
        ..Picture::from_answer(&sample.stem, &answer)
    }))
}

fn read_references<'a>(sample: &data::Sample<'a>, max_objects: usize) -> Result<Vec<Reference<'a>>, CliError> {
    let mut references = Vec::new();
    for suffix in &sample.data_set.mask_suffixes {
        let path = sample.mask(suffix);
        if !path.exists() {
            continue;
        }
        let map = formats::labels::read_grey_label_map(&files::read(&path)?, &Limits::default())
            .map_err(|e| CliError::from(e).at(&path))?;
        let objects =
            import::objects(&map, MIN_AREA_PX, &Limits::default()).map_err(|e| CliError::from(e).at(&path))?;
        let objects = spread(objects, max_objects);
        references.extend(objects.into_iter().map(|(id, mask)| Reference { suffix, id, mask }));
    }
    Ok(references)
}

/// What a box's random shares are drawn from. File names hold no NUL, so that no two objects share a name.
fn jitter_name(seed: u64, sample: &data::Sample<'_>, reference: &Reference<'_>) -> String {
    [&seed.to_string(), &sample.data_set.name, &sample.stem, reference.suffix, &reference.id.to_string()].join("\0")
}

/// Moves each side by a uniform share, from −`share` to +`share`, of the box's width or height, and keeps it in the
/// picture.
///
/// The four random numbers are the four words of SHA-256 of `name`: each object has its own, whatever else is measured
/// and in which order.
fn jitter(tight: PixelBox, size: Size, share: f64, name: &str) -> PixelBox {
    let digest = Sha256::digest(name.as_bytes());
    let mut words = digest.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
    let mut moved = |side: f64, length: f64, end: u32| {
        let word = words.next().expect("SHA-256 has four words");
        // The upper 53 bits, as many as a float holds exactly: from -1 up to 1.
        let uniform = (word >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
        (side + uniform * share * length).clamp(0.0, f64::from(end))
    };
    let (width, height) = (tight.width(), tight.height());
    PixelBox {
        x0: moved(tight.x0, width, size.width),
        y0: moved(tight.y0, height, size.height),
        x1: moved(tight.x1, width, size.width),
        y1: moved(tight.y1, height, size.height),
    }
}

impl Scores {
    /// All three metrics of one object; `None` when both masks are empty.
    fn of(reference: &Mask, prediction: &Mask) -> Result<Option<Self>, CliError> {
        let Comparison { dsc, nsd, nsd_contour, .. } = metrics::compare(reference, prediction, TOLERANCE_PX)?;
        // The three share one rule for empty masks.
        Ok(dsc.zip(nsd).zip(nsd_contour).map(|((dsc, nsd), nsd_contour)| Self { dsc, nsd, nsd_contour }))
    }
}

impl Picture {
    /// What the answer alone says; names, items and rows are the caller's.
    fn from_answer(stem: &str, answer: &Segmentation) -> Self {
        Self {
            data_set: String::new(),
            modality: String::new(),
            stem: stem.to_owned(),
            patient: None,
            class: None,
            predicted: answer.probabilities.as_ref().map(most_likely),
            items: Vec::new(),
            rows: Vec::new(),
            n_empty_boxes: 0,
            encodes: answer.encodes,
            encode_ms: answer.timings.encode_ms / answer.encodes as f64,
            decode_ms_per_box: answer.timings.decode_ms / answer.objects.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 100, height: 60 };

    #[test]
    fn a_jittered_box_stays_near_and_inside() {
        let tight = PixelBox::new(0.0, 20.0, 40.0, 60.0);
        let mut extremes = (f64::INFINITY, f64::NEG_INFINITY);
        for id in 0..1000 {
            let b = jitter(tight, SIZE, 0.1, &id.to_string());
            for (side, tight_side) in [(b.x0, tight.x0), (b.y0, tight.y0), (b.x1, tight.x1), (b.y1, tight.y1)] {
                assert!((side - tight_side).abs() <= 4.0, "{b:?}");
            }
            assert!(b.x0 >= 0.0 && b.y1 <= 60.0, "{b:?}");
            extremes = (extremes.0.min(b.x1), extremes.1.max(b.x1));
        }
        assert!(extremes.0 < 36.2 && extremes.1 > 43.8, "shares reach both ends: {extremes:?}");
    }

    #[test]
    fn of_several_failures_the_first_is_told() {
        let tasks: Vec<usize> = (0..64).collect();
        let slow_then_fast = |&task: &usize| {
            if task == 1 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let failed = || CliError::new("eval.unreadable", task.to_string(), "");
            if task % 8 == 1 { Err(failed()) } else { Ok(None) }
        };
        let told = measure_all(&tasks, |_| Path::new("task"), slow_then_fast).expect_err("eight fail").to_string();
        assert!(told.contains(": 1\n"), "{told}");
    }

    #[test]
    fn jitter_depends_on_the_name_alone() {
        let tight = PixelBox::new(10.0, 20.0, 40.0, 50.0);
        assert_eq!(jitter(tight, SIZE, 0.2, "a"), jitter(tight, SIZE, 0.2, "a"));
        assert_ne!(jitter(tight, SIZE, 0.2, "a"), jitter(tight, SIZE, 0.2, "b"));
        assert_eq!(jitter(tight, SIZE, 0.0, "a"), tight);
    }

    #[test]
    fn a_wrong_class_is_the_next_one() {
        let wrong = ClassChoice::parse("wrong").expect("a choice");
        assert_eq!(wrong.prompt(Some(Modality::Mammography), "Mammography"), Ok(ClassPrompt::Chosen(Modality::Ct)));
        assert_eq!(ClassChoice::True.prompt(Some(Modality::Us), "US"), Ok(ClassPrompt::Chosen(Modality::Us)));
        let err = ClassChoice::True.prompt(None, "Thermography").unwrap_err();
        assert_eq!(err.to_string(), "there is no class “Thermography”");
    }
}
