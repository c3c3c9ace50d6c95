//! Files that the command line reads and writes, and its standard output.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf, absolute},
};

use medbox::formats::Limits;
use tempfile::NamedTempFile;

use crate::fail::CliError;

/// The bytes of a file; of one that is longer than medbox reads, one more than it reads, which is what its reader refuses.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
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
    let is_same = |a: &Path, b: &Path| {
        same_file::is_same_file(a, b).unwrap_or(false) || matches!((absolute(a), absolute(b)), (Ok(a), Ok(b)) if a == b)
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
    /// `None` for what is no plain file, as `/dev/stdout`, which cannot be replaced.
    file: Option<NamedTempFile>,
}

impl<'a> Part<'a> {
    fn of(path: &'a Path, bytes: &[u8]) -> Result<Self, CliError> {
        let at = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let make = || -> io::Result<Option<NamedTempFile>> {
            if at.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if at.exists() {
                // A file that may not be written is not replaced either, though its folder would allow it.
                let mut existing = File::options().append(true).open(&at)?;
                if !at.is_file() {
                    return existing.write_all(bytes).map(|()| None);
                }
            }
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = new_file(folder)?;
            file.write_all(bytes)?;
            Ok(Some(file))
        };
        let file = make().map_err(|e| CliError::io(path, &e))?;
        Ok(Self { path, at, file })
    }

    /// Gives the file its name.
    fn keep(self) -> Result<(), CliError> {
        let kept = self.file.map_or(Ok(()), |file| file.persist(&self.at).map(drop));
        kept.map_err(|e| CliError::io(self.path, &e.error))
    }
}

/// A file with a name that does not last, and the rights that any new file gets.
fn new_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".medbox-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
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
