//! `medbox segment`: the masks of boxes on one picture.

use std::path::{Path, PathBuf};

use clap::{
    ArgGroup, Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use medbox::{
    export::{self, ExportObject},
    formats::{self, Limits},
    image::Image,
    import,
    model::{Network as _, OnnxModel},
    pipeline::{Mode, Options, Pipeline, Segmentation},
    postprocess::LabelMap,
    prompt::{BoxPrompt, ClassPrompt, Modality, N_CLASSES},
};
use serde_json::{Value, json};

use crate::{clock_ms, fail::CliError, files, models};

/// Arguments of `medbox segment`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("prompt").required(true))]
pub(crate) struct SegmentArgs {
    /// The picture: PNG, JPEG, BMP, GIF, TIFF, WebP, or a 2D challenge file (.npz). Of several pages or frames the first is
    /// taken; a photograph is turned as its EXIF says, and boxes and masks are of the turned picture
    input: PathBuf,
    /// A box in image pixels, right and bottom side exclusive; may be given many times
    #[arg(long = "box", value_name = "x0,y0,x1,y1", value_parser = parse_box, allow_hyphen_values = true,
        group = "prompt")]
    box_sides: Vec<[f64; 4]>,
    /// A file with boxes: JSON as [[x0,y0,x1,y1], …], {"boxes": […]} or COCO, or a challenge file (.npz)
    #[arg(long, value_name = "FILE", group = "prompt")]
    boxes: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// Where to write; the ending says what: .png label map, .overlay.png picture with masks, .npz, .json (COCO)
    #[arg(short, long = "output", value_name = "OUT")]
    outputs: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What `segment` and `bench` choose alike.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// Which modality the decoder is told; auto is what the class head says
    #[arg(long, default_value = "auto", ignore_case = true,
        value_parser = classes(&["auto", "unknown"]).try_map(|text| ClassPrompt::parse(&text).map_err(usage)))]
    class: ClassPrompt,
    /// Name of a model, or its folder [default: the one that models/default names]
    #[arg(long, value_name = "NAME|DIR")]
    model: Option<String>,
    #[command(flatten)]
    looking: Looking,
}

impl Choice {
    pub(crate) fn options(&self) -> Options {
        self.looking.options(self.class)
    }

    pub(crate) fn load_model(&self) -> Result<OnnxModel, CliError> {
        models::load(self.model.as_deref())
    }
}

/// How boxes are looked at, for every command that looks at some.
#[derive(Debug, Args)]
pub(crate) struct Looking {
    /// `default` looks closer at small boxes, `challenge` is the published inference exactly
    #[arg(long, value_enum, default_value_t = CliMode::Default)]
    pub(crate) mode: CliMode,
    /// Of mode default: at most so many closer looks a request, or `all` that are asked for; without it 24, of more than 192
    /// boxes an eighth of their number, and never more than 96. More take longer and are better for hundreds of small
    /// structures
    #[arg(long, value_name = "N|all", value_parser = parse_max_tiles)]
    max_tiles: Option<usize>,
}

impl Looking {
    pub(crate) fn options(&self, class: ClassPrompt) -> Options {
        Options { mode: self.mode.into(), class, max_tiles: self.max_tiles }
    }
}

fn parse_max_tiles(text: &str) -> Result<usize, String> {
    let most = if text == "all" { Some(usize::MAX) } else { text.parse().ok().filter(|&n| n > 0) };
    most.ok_or_else(|| "closer looks are a number from 1 on, or all; --mode challenge takes none".to_owned())
}

/// What `--class` takes: `words`, and the modalities by name.
pub(crate) fn classes(words: &[&'static str]) -> PossibleValuesParser {
    PossibleValuesParser::new(words.iter().copied().chain(Modality::ALL.map(Modality::name)))
}

/// [`Mode`] as clap reads it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CliMode {
    Default,
    Challenge,
}

impl From<CliMode> for Mode {
    fn from(mode: CliMode) -> Self {
        match mode {
            CliMode::Default => Self::Default,
            CliMode::Challenge => Self::Challenge,
        }
    }
}

/// An error of the core as clap shows it.
pub(crate) fn usage(error: impl Into<medbox::Error>) -> String {
    let error = error.into();
    format!("{error}; {}", error.hint())
}

fn parse_box(text: &str) -> Result<[f64; 4], String> {
    let sides: Result<Vec<f64>, _> = text.split(',').map(|side| side.trim().parse::<f64>()).collect();
    sides.ok().and_then(|sides| sides.try_into().ok()).ok_or_else(|| "a box is four numbers: x0,y0,x1,y1".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &SegmentArgs) -> Result<(), CliError> {
    let paths: Vec<&Path> = args.outputs.iter().map(PathBuf::as_path).collect();
    files::refuse_dash(&paths)?;
    let kinds: Vec<OutputKind> = paths.iter().map(|path| OutputKind::from_path(path)).collect::<Result<_, _>>()?;
    let inputs: Vec<&Path> = [Some(args.input.as_path()), args.boxes.as_deref()].into_iter().flatten().collect();
    files::check_outputs(&paths, &inputs)?;
    let bytes = files::read(&args.input)?;
    let study = formats::open(&bytes, &Limits::default()).map_err(|e| CliError::from(e).at(&args.input))?;
    let size = study.image.size();
    let file_name = args.input.file_name().map(|name| name.to_string_lossy().into_owned());
    let input = args.input.display();
    if study.source.turned {
        files::note(format_args!("{input} is turned as its EXIF says; boxes and masks are of the turned picture"));
    }
    if study.source.has_more {
        files::note(format_args!("{input} holds more than one picture; the first is taken"));
    }
    let boxes: Vec<BoxPrompt> = match &args.boxes {
        Some(path) => {
            let (list, name) = (files::read(path)?, args.input.to_string_lossy());
            let found = import::boxes(&list, size, Some(&name), &Limits::default());
            let import::Boxes { boxes, taken_from } = found.map_err(|e| CliError::from(e).at(path))?;
            if let Some(other) = taken_from {
                let list = path.display();
                files::note(format_args!("the boxes are those of {other}, the only picture of this size in {list}"));
            }
            boxes
        }
        None => {
            let sides = args.box_sides.iter();
            sides.map(|&[x0, y0, x1, y1]| BoxPrompt::new(x0, y0, x1, y1, size)).collect::<Result<_, _>>()?
        }
    };

    let loading_at = clock_ms();
    let model = args.choice.load_model()?;
    let load_ms = clock_ms() - loading_at;
    let options = args.choice.options();
    let mut pipeline = Pipeline::new(model, clock_ms);
    pipeline.open(study.image);
    let doing = format!("encoding, drawing the masks of {}", counted(boxes.len(), "box", "es"));
    let answer = files::showing(&doing, || pipeline.segment(&boxes, &options))?;

    // All of them or none.
    let image = pipeline.image()?;
    let rendered =
        paths.iter().zip(&kinds).map(|(&path, kind)| Ok((path, kind.render(image, file_name.as_deref(), &answer)?)));
    files::write(&rendered.collect::<Result<Vec<_>, CliError>>()?)?;
    if kinds.iter().any(|kind| matches!(kind, OutputKind::LabelMap | OutputKind::Npz))
        && let Some(note) = covered(&answer)
    {
        files::note(note);
    }
    let model = pipeline.network().manifest().name.as_str();
    if args.json {
        files::tell(format_args!("{:#}", as_json(model, pipeline.image()?, &options, &answer, load_ms)))
    } else {
        files::tell(as_text(&answer))
    }
}

/// Which objects a label map hardly shows, because later ones cover more than half of them.
fn covered(answer: &Segmentation) -> Option<String> {
    const MOST_TOLD: usize = 10;
    let size = answer.objects.first()?.mask.image_size();
    let map = LabelMap::from_masks(size, answer.objects.iter().map(|object| &object.mask));
    let mut shown_px = vec![0; answer.objects.len() + 1];
    map.labels().iter().for_each(|&label| shown_px[usize::from(label)] += 1);
    let ids = answer.objects.iter().zip(1..).filter(|(object, id)| shown_px[*id] * 2 < object.mask.area_px());
    let ids: Vec<String> = ids.map(|(_, id)| id.to_string()).collect();
    let told = ids[..ids.len().min(MOST_TOLD)].join(", ");
    let others = ids.len().checked_sub(MOST_TOLD).filter(|&n| n > 0).map(|n| format!(" and {n} others"));
    let others = others.unwrap_or_default();
    (!ids.is_empty()).then(|| {
        format!(
            "later objects cover most of {told}{others}, which a label map cannot show; .json (COCO) keeps every mask"
        )
    })
}

/// What one output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputKind {
    LabelMap,
    Overlay,
    Npz,
    Coco,
}

impl OutputKind {
    fn from_path(path: &Path) -> Result<Self, CliError> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        Ok(match name.rsplit_once('.').map(|(stem, ending)| (stem.ends_with(".overlay"), ending)) {
            Some((true, "png")) => Self::Overlay,
            Some((false, "png")) => Self::LabelMap,
            Some((_, "npz")) => Self::Npz,
            Some((_, "json")) => Self::Coco,
            _ => {
                return Err(CliError::new(
                    "output.ending",
                    "the ending of the output says nothing that medbox writes",
                    "end it with .png, .overlay.png, .npz or .json",
                )
                .at(path));
            }
        })
    }

    fn render(self, image: &Image, file_name: Option<&str>, answer: &Segmentation) -> Result<Vec<u8>, CliError> {
        let label_map = || LabelMap::from_masks(image.size(), answer.objects.iter().map(|object| &object.mask));
        let objects: Vec<ExportObject<'_>> = answer.objects.iter().enumerate().map(ExportObject::from_answer).collect();
        Ok(match self {
            Self::LabelMap => export::png::label_map(&label_map())?,
            Self::Overlay => export::overlay::png(image, &objects)?,
            Self::Npz => export::npz::segs(&label_map())?,
            Self::Coco => export::json::coco(image.size(), file_name, &objects)?,
        })
    }
}

/// The JSON that `--json` prints.
fn as_json(model: &str, image: &Image, options: &Options, answer: &Segmentation, load_ms: f64) -> Value {
    let size = image.size();
    let pixel_mm2 = image.spacing().map(|spacing| spacing.x_mm * spacing.y_mm);
    let objects: Vec<Value> = answer
        .objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            let b = object.prompt.box_image();
            let area_px = object.mask.area_px();
            json!({
                "id": index + 1, "box": [b.x0, b.y0, b.x1, b.y1], "score": object.score,
                "area_px": area_px, "area_mm2": pixel_mm2.map(|pixel| area_px as f64 * pixel),
            })
        })
        .collect();
    let by_name = |values: &[f32; N_CLASSES]| -> Value {
        Modality::ALL.iter().map(|class| (class.name().to_owned(), json!(values[class.index()]))).collect()
    };
    json!({
        "model": model,
        "mode": options.mode.name(),
        "size": {"width": size.width, "height": size.height},
        "class": answer.probabilities.as_ref().map(|p| most_likely(p).name()),
        "told": options.class.name(),
        "probabilities": answer.probabilities.as_ref().map(by_name),
        "ms": {
            "load": load_ms,
            "preprocess": answer.timings.preprocess_ms,
            "encode": answer.timings.encode_ms,
            "decode": answer.timings.decode_ms,
            "postprocess": answer.timings.postprocess_ms,
        },
        "encodes": answer.encodes,
        "tiles": answer.tiles,
        "objects": objects,
    })
}

/// The class of the greatest probability.
pub(crate) fn most_likely(probabilities: &[f32; N_CLASSES]) -> Modality {
    Modality::ALL
        .into_iter()
        .max_by(|a, b| probabilities[a.index()].total_cmp(&probabilities[b.index()]))
        .expect("there are 11 classes")
}

fn counted(n: usize, thing: &str, plural: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { plural })
}

fn as_text(answer: &Segmentation) -> String {
    let mut lines = Vec::new();
    if let Some(probabilities) = &answer.probabilities {
        let class = most_likely(probabilities);
        lines.push(format!("class {class} ({:.0} %)", probabilities[class.index()] * 100.0));
    }
    for (index, object) in answer.objects.iter().enumerate() {
        let b = object.prompt.box_image();
        lines.push(format!(
            "{:>4}  box {},{},{},{}  {} px  score {:.2}",
            index + 1,
            b.x0,
            b.y0,
            b.x1,
            b.y1,
            object.mask.area_px(),
            object.score
        ));
    }
    let Segmentation { timings, encodes, tiles, .. } = answer;
    let (encodes, tiles) = (counted(*encodes, "encode", "s"), counted(*tiles, "tile", "s"));
    lines.push(format!("{encodes} ({tiles}) in {:.0} ms, decoding {:.0} ms", timings.encode_ms, timings.decode_ms));
    lines.join("\n")
}
