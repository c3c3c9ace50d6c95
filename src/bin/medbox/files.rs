//! Files that the command line reads and writes, and its standard output.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf, absolute},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use indicatif::ProgressBar;
use medbox::formats::Limits;
use tempfile::NamedTempFile;

use crate::fail::CliError;

/// The bytes of a file; of one that is longer than medbox reads, one more than it reads, which is what its reader refuses.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    if path == Path::new("-") {
        let message = "“-” does not stand for standard input";
        return Err(CliError::new("file.dash", message, "give the name of a file, or /dev/stdin"));
    }
    let most = Limits::default().max_bytes + 1;
    let read = || -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let mut bytes = Vec::with_capacity(file.metadata()?.len().min(most) as usize);
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| CliError::io(path, &e))
}

/// Refuses, before hours of work, outputs that cannot be written, and those that are inputs, which would be lost, or one another.
pub(crate) fn check_outputs(outputs: &[&Path], inputs: &[&Path]) -> Result<(), CliError> {
    refuse_dash(outputs)?;
    let is_plain = |path: &Path| fs::metadata(path).is_ok_and(|file| file.is_file());
    // What is not there yet has a folder that is.
    let place = |path: &Path| {
        let path = absolute(path).ok()?;
        Some((fs::canonicalize(path.parent()?).ok()?, path.file_name()?.to_owned()))
    };
    let is_same = |a: &Path, b: &Path| {
        is_plain(a) && is_plain(b) && same_file::is_same_file(a, b).unwrap_or(false)
            || matches!((place(a), place(b)), (Some(a), Some(b)) if a == b)
    };
    for (i, output) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| is_same(output, input)) {
            let message = "the output is a file that is read, which would be lost";
            return Err(CliError::new("output.is-input", message, "give the output another name").at(output));
        }
        if outputs[..i].iter().any(|other| is_same(output, other)) {
            let message = "two outputs are one file, and the second would replace the first";
            return Err(CliError::new("output.twice", message, "give each output a name of its own").at(output));
        }
        Part::of(output, b"")?; // It is gone again at once: nothing stays if the work is broken off.
    }
    Ok(())
}

/// Refuses what other programs take for standard output, before its ending is asked for.
pub(crate) fn refuse_dash(outputs: &[&Path]) -> Result<(), CliError> {
    if outputs.contains(&Path::new("-")) {
        let message = "“-” does not stand for standard output";
        return Err(CliError::new("output.dash", message, "give the name of a file, or of a link to /dev/stdout"));
    }
    Ok(())
}

/// Writes all of the files or, where one of them cannot be written, none. What they replace stays until they are whole.
pub(crate) fn write(files: &[(&Path, Vec<u8>)]) -> Result<(), CliError> {
    let parts: Vec<Part<'_>> = files.iter().map(|(path, bytes)| Part::of(path, bytes)).collect::<Result<_, _>>()?;
    parts.into_iter().try_for_each(Part::keep)
}

/// What a file is to hold, beside it under another name, which goes unless it is kept.
struct Part<'a> {
    path: &'a Path,
    /// Of a link the file that it leads to.
    at: PathBuf,
    held: Held,
}

enum Held {
    /// It went where it cannot be taken back: to standard output, a pipe or a device.
    Gone,
    /// Takes the place of what is there.
    Whole(NamedTempFile),
    /// Goes into the file that is there, as nothing can be put beside it.
    Bytes(Vec<u8>),
}

impl<'a> Part<'a> {
    /// With no bytes it is tried whether there could be some. A pipe is left alone then: who reads it would take that for all.
    fn of(path: &'a Path, bytes: &[u8]) -> Result<Self, CliError> {
        let at = followed(path);
        let make = || -> io::Result<Held> {
            if at.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            // By whatever name: what they are redirected to is not replaced but written to, behind what is there.
            if let Some(stream) = standard_stream(&at) {
                return stream(bytes).map(|()| Held::Gone);
            }
            let existing = fs::metadata(&at).ok();
            if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
                if !bytes.is_empty() {
                    File::options().append(true).open(&at)?.write_all(bytes)?;
                }
                return Ok(Held::Gone);
            }
            if existing.is_some() {
                // A file that may not be written is not replaced either, though its folder would allow it.
                File::options().append(true).open(&at)?;
            }
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = match new_file(folder) {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied && existing.is_some() => {
                    return Ok(Held::Bytes(bytes.to_vec()));
                }
                file => file?,
            };
            file.write_all(bytes)?;
            if let Some(existing) = existing {
                keep_rights(file.as_file(), &existing)?;
            }
            Ok(Held::Whole(file))
        };
        let held = make().map_err(|e| CliError::io(path, &e))?;
        Ok(Self { path, at, held })
    }

    /// Gives the file its name.
    fn keep(self) -> Result<(), CliError> {
        let kept = match self.held {
            Held::Gone => Ok(()),
            Held::Whole(file) => file.persist(&self.at).map(drop).map_err(|e| e.error),
            Held::Bytes(bytes) => fs::write(&self.at, bytes),
        };
        kept.map_err(|e| CliError::io(self.path, &e))
    }
}

/// Where a link leads, also to what is not there yet.
fn followed(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 40; // as Linux does
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(real) = fs::canonicalize(&at) {
            return real;
        }
        let Ok(target) = fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("")).join(target);
    }
    at
}

/// Writes bytes to one place.
type Write = fn(&[u8]) -> io::Result<()>;

/// How to write to standard output or error, if the path is what one of them goes to.
#[cfg(unix)]
fn standard_stream(at: &Path) -> Option<Write> {
    use std::os::{fd::AsFd, unix::fs::MetadataExt as _};
    let place = |file: &fs::Metadata| (file.dev(), file.ino());
    let own = place(&fs::metadata(at).ok()?); // Opening a pipe to ask it would wait for its other end.
    let goes_there = |stream: &dyn AsFd| -> io::Result<bool> {
        Ok(place(&File::from(stream.as_fd().try_clone_to_owned()?).metadata()?) == own)
    };
    if goes_there(&io::stdout()).is_ok_and(|goes| goes) {
        return Some(|bytes| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        });
    }
    goes_there(&io::stderr()).is_ok_and(|goes| goes).then_some(|bytes| io::stderr().lock().write_all(bytes))
}

#[cfg(not(unix))]
fn standard_stream(_: &Path) -> Option<Write> {
    None
}

/// A file with a name that does not last, and the rights that any new file gets.
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".medbox-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// What takes a file's place is read and written by whom the file was, as far as the system allows that.
fn keep_rights(file: &File, existing: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let _ = fchown(file, Some(existing.uid()), Some(existing.gid()));
    }
    file.set_permissions(existing.permissions())
}

/// Does some work. What is being done is shown on a terminal, once it takes longer than a second, for as long as it takes.
pub(crate) fn showing<T>(doing: &str, work: impl FnOnce() -> T) -> T {
    const PATIENCE: Duration = Duration::from_secs(1);
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>(); // Nothing is sent: it ends with the work.
        scope.spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let spinner = ProgressBar::new_spinner().with_message(doing.to_owned());
                spinner.enable_steady_tick(PATIENCE / 10);
                let _ = is_done.recv();
                spinner.finish_and_clear();
            }
        });
        let made = work();
        drop(done);
        made
    })
}

/// Says, beside what is printed, what one would want to know of it.
pub(crate) fn note(text: impl fmt::Display) {
    complain(format_args!("note: {text}"));
}

/// Says something on stderr. Where nobody reads it, nobody misses it.
pub(crate) fn complain(text: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints a line, or several. That nobody listens any more is no failure.
pub(crate) fn tell(text: impl fmt::Display) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new("file.io", e.to_string(), "check the disk, or where the output goes")
                .at(Path::new("stdout")))
        }
        _ => Ok(()),
    }
}
