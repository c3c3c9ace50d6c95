//! medbox on the command line: the native twin of the page. Decides nothing about pixels.

mod bench;
mod eval;
mod fail;
mod files;
mod models;
mod segment;

use std::{process::ExitCode, sync::OnceLock, time::Instant};

use clap::{CommandFactory as _, Parser, Subcommand};

/// Draws the masks of structures in boxes on medical images.
///
/// Not a medical device: for research and teaching.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  medbox segment scan.png --box 120,80,260,210 -o mask.png -o look.overlay.png
  medbox segment scan.png --boxes boxes.json --class us --json
  medbox eval data/images --model litemedsam --mode challenge --max-images 5
  medbox models

Models are looked for in $MEDBOX_MODELS, ./models, and beside the executable.

Exit codes: 0 done, 1 it could not be done (the message says what, why and what to do), 2 usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw the masks of boxes on one picture
    Segment(segment::SegmentArgs),
    /// Measure a model on pictures with reference masks
    Eval(eval::EvalArgs),
    /// Time the sizes and numbers of boxes of the paper's table 4, on demo pictures
    Bench(bench::BenchArgs),
    /// List the models that are there, with licence and intended use
    Models,
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    clock_ms(); // Time counts from here.
    let outcome = match Cli::parse().command {
        Command::Segment(args) => segment::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Models => models::run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "medbox", &mut script);
            files::tell(String::from_utf8_lossy(&script).trim_end())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            files::complain(error);
            ExitCode::from(1)
        }
    }
}

/// Milliseconds since the program started: the clock that the core is lent.
fn clock_ms() -> f64 {
    static STARTED: OnceLock<Instant> = OnceLock::new();
    STARTED.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}
