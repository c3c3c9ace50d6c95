//! Files that the command line reads and writes, and its standard output.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use medbox::formats::Limits;

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

/// Refuses, before hours of work, an output that cannot be written.
pub(crate) fn check_output(path: &Path) -> Result<(), CliError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() && !path.is_dir() {
        return Ok(());
    }
    let kind = if folder.is_dir() { io::ErrorKind::IsADirectory } else { io::ErrorKind::NotFound };
    Err(CliError::io(path, &kind.into()))
}

/// Refuses an output that is the input, which would be lost.
pub(crate) fn check_not_input(output: &Path, input: &Path) -> Result<(), CliError> {
    match (fs::canonicalize(output), fs::canonicalize(input)) {
        (Ok(output_at), Ok(input_at)) if output_at == input_at => Err(CliError::new(
            "output.is-input",
            "the output is the picture itself, which would be lost",
            "give the output another name",
        )
        .at(output)),
        _ => Ok(()),
    }
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
