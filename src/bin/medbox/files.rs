//! Files that the command line reads and writes, and its standard output.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
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

/// Refuses outputs that are inputs, which would be lost, or one another.
pub(crate) fn check_outputs(outputs: &[&Path], inputs: &[&Path]) -> Result<(), CliError> {
    let is_same = |a: &Path, b: &Path| a == b || same_file::is_same_file(a, b).unwrap_or(false);
    for (i, output) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| is_same(output, input)) {
            let message = "the output is a file that is read, which would be lost";
            return Err(CliError::new("output.is-input", message, "give the output another name").at(output));
        }
        if outputs[..i].iter().any(|other| is_same(output, other)) {
            let message = "two outputs are one file, and the second would replace the first";
            return Err(CliError::new("output.twice", message, "give each output a name of its own").at(output));
        }
    }
    Ok(())
}

/// A file that is to be written, under another name until it is whole: what it replaces stays until then, and that it cannot be
/// written is known before hours of work.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// `None` for what is no plain file, as `/dev/stdout`, which cannot be replaced.
    part: Option<NamedTempFile>,
}

impl Output {
    /// Prepares to write `path`. Nothing stands there, and nothing is lost, before [`Output::keep`].
    pub(crate) fn create(path: &Path) -> Result<Self, CliError> {
        let fail = |e: &io::Error| CliError::io(path, e);
        // Of a link the file that it leads to is replaced.
        let at = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if at.is_dir() {
            return Err(fail(&io::ErrorKind::IsADirectory.into()));
        }
        let part = if at.exists() && !at.is_file() {
            None
        } else {
            if at.is_file() {
                // A file that may not be written is not replaced either, though its folder would allow it.
                File::options().append(true).open(&at).map_err(|e| fail(&e))?;
            }
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(new_part(folder).map_err(|e| fail(&e))?)
        };
        Ok(Self { path: at, part })
    }

    /// Writes all that the file is to hold.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        let written = match &mut self.part {
            Some(part) => part.write_all(bytes).and_then(|()| part.flush()),
            None => fs::write(&self.path, bytes),
        };
        written.map_err(|e| CliError::io(&self.path, &e))
    }

    /// Gives the file its name.
    pub(crate) fn keep(self) -> Result<(), CliError> {
        match self.part {
            Some(part) => part.persist(&self.path).map(drop).map_err(|e| CliError::io(&self.path, &e.error)),
            None => Ok(()),
        }
    }
}

/// A file without a name that lasts, with the rights that any new file gets.
fn new_part(folder: &Path) -> io::Result<NamedTempFile> {
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
