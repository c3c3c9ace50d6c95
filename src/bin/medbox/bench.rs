//! `medbox bench`: the 2D rows of the paper's table 4 on this machine, beside the paper's figures.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use medbox::{
    formats::{self, Limits},
    geometry::Size,
    image::Image,
    model::{Network as _, OnnxModel},
    pipeline::Pipeline,
    postprocess::LabelMap,
    prompt::BoxPrompt,
};
use serde_json::json;

use crate::{clock_ms, eval, fail::CliError, files, segment::Choice};

/// Arguments of `medbox bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    choice: Choice,
    /// A folder of pictures; each case takes one in turn and scales it to the case's size
    #[arg(long, value_name = "DIR", default_value = "www/demos")]
    pictures: PathBuf,
    /// How often each case is run; the median is reported
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// A row of table 4: sizes and numbers of boxes, and the paper's seconds on a 10-core workstation, for LiteMedSAM and
/// for the paper's model.
struct Case {
    name: &'static str,
    width: u32,
    height: u32,
    n_boxes: u32,
    baseline_s: f64,
    proposed_s: f64,
}

#[rustfmt::skip]
const CASES: [Case; 7] = [
    Case { name: "US_0525", width: 256, height: 256, n_boxes: 1, baseline_s: 0.6, proposed_s: 0.7 },
    Case { name: "X-Ray_0053", width: 640, height: 320, n_boxes: 34, baseline_s: 1.9, proposed_s: 2.1 },
    Case { name: "Dermoscopy_0003", width: 4032, height: 3024, n_boxes: 1, baseline_s: 0.8, proposed_s: 1.1 },
    Case { name: "Endoscopy_0086", width: 560, height: 480, n_boxes: 1, baseline_s: 0.6, proposed_s: 0.7 },
    Case { name: "Fundus_0003", width: 2048, height: 2048, n_boxes: 1, baseline_s: 0.8, proposed_s: 0.8 },
    Case { name: "Microscope_0008", width: 2040, height: 1536, n_boxes: 19, baseline_s: 1.7, proposed_s: 1.8 },
    Case { name: "Microscope_0016", width: 2560, height: 1920, n_boxes: 241, baseline_s: 12.9, proposed_s: 14.1 },
];

/// Runs the command.
pub(crate) fn run(args: &BenchArgs) -> Result<(), CliError> {
    let pictures = read_pictures(&args.pictures)?;
    let loading_at = clock_ms();
    let model = args.choice.load_model()?;
    let load_ms = clock_ms() - loading_at;
    let mut pipeline = Pipeline::new(model, clock_ms);
    let name = pipeline.network().manifest().name.clone();
    if !args.json {
        files::tell(format_args!(
            "{name}, loaded in {load_ms:.0} ms, one thread; seconds from the open picture to the label map"
        ))?;
        files::tell(format_args!(
            "{:<16} {:>11} {:>6} {:>8} {:>8} | paper: LiteMedSAM, proposed",
            "case", "size", "boxes", "encodes", "s"
        ))?;
    }
    let mut rows = Vec::new();
    for (case, picture) in CASES.iter().zip(pictures.iter().cycle()) {
        let image = picture.resized(Size { width: case.width, height: case.height });
        let Case { name, width, height, n_boxes, baseline_s, proposed_s } = case;
        let mut time = || time_case(&mut pipeline, image.clone(), case, args);
        let runs = files::showing(&format!("{name}, {n_boxes} boxes, {} runs", args.runs), || {
            (0..args.runs).map(|_| time()).collect::<Result<Vec<_>, _>>()
        })?;
        let encodes = runs[0].1; // as many in each run
        let seconds = eval::median(runs.iter().map(|run| run.0)).expect("at least one run");
        if !args.json {
            let size = format!("{width}×{height}");
            files::tell(format_args!(
                "{name:<16} {size:>11} {n_boxes:>6} {encodes:>8} {seconds:>8.2} | {baseline_s:>6.1} {proposed_s:>6.1}"
            ))?;
        }
        rows.push(
            json!({"case": name, "size": [width, height], "boxes": n_boxes, "encodes": encodes, "seconds": seconds,
            "paper": {"litemedsam": baseline_s, "proposed": proposed_s}}),
        );
    }
    if args.json {
        files::tell(format_args!("{:#}", json!({"model": name, "load_ms": load_ms, "cases": rows})))?;
    }
    Ok(())
}

/// Seconds from the open picture to the label map, and the number of encodes.
fn time_case(
    pipeline: &mut Pipeline<OnnxModel>,
    image: Image,
    case: &Case,
    args: &BenchArgs,
) -> Result<(f64, usize), CliError> {
    let boxes = spread_boxes(image.size(), case.n_boxes)?;
    let size = image.size();
    let started = clock_ms();
    pipeline.open(image);
    let answer = pipeline.segment(&boxes, &args.choice.options())?;
    let map = LabelMap::from_masks(size, answer.objects.iter().map(|object| &object.mask));
    std::hint::black_box(map); // It is part of what is timed, though nobody looks at it.
    let seconds = (clock_ms() - started) / 1e3;
    Ok((seconds, answer.encodes))
}

/// `n` boxes on a grid over the whole picture, each filling a third of its cell: one box is a third of the picture,
/// 241 are the size of nuclei.
fn spread_boxes(size: Size, n: u32) -> Result<Vec<BoxPrompt>, CliError> {
    let columns = f64::from(n).sqrt().ceil();
    let rows = (f64::from(n) / columns).ceil();
    let (width, height) = (f64::from(size.width) / columns, f64::from(size.height) / rows);
    (0..n)
        .map(|i| {
            let (x, y) = (f64::from(i) % columns * width, (f64::from(i) / columns).floor() * height);
            BoxPrompt::new(x + width / 3.0, y + height / 3.0, x + width * 2.0 / 3.0, y + height * 2.0 / 3.0, size)
        })
        .collect::<Result<_, _>>()
        .map_err(CliError::from)
}

fn read_pictures(folder: &Path) -> Result<Vec<Image>, CliError> {
    const HINT: &str = "name a folder of pictures with --pictures";
    let entries = fs::read_dir(folder).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            CliError::new("bench.no-pictures", "the folder of pictures does not exist", HINT).at(folder)
        }
        _ => CliError::io(folder, &e),
    })?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let pictures: Vec<Image> = files
        .iter()
        .filter_map(|path| Some(formats::open(&fs::read(path).ok()?, &Limits::default()).ok()?.image))
        .take(CASES.len()) // No more are decoded.
        .collect();
    if pictures.is_empty() {
        let message = "the folder holds no picture that medbox reads";
        return Err(CliError::new("bench.no-pictures", message, HINT).at(folder));
    }
    Ok(pictures)
}
