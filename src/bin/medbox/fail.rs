//! How the command line fails: one line that says what and why, one that says what to do, and an exit code.

use std::{fmt, io, path::Path};

/// Why a command did not do what was asked. Exit code 1 (usage errors are clap's, exit code 2).
#[derive(Debug)]
pub(crate) struct CliError {
    code: &'static str,
    message: String,
    hint: &'static str,
    /// File names come last, so that the message reads the same for every file.
    file: Option<String>,
}

impl CliError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, hint: &'static str) -> Self {
        Self { code, message: message.into(), hint, file: None }
    }

    /// A file that the system does not give or take.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let (message, hint) = match error.kind() {
            io::ErrorKind::NotFound => ("the file or its folder does not exist", "check the path"),
            io::ErrorKind::PermissionDenied => ("the system does not allow it", "check who may read and write there"),
            _ => return Self::new("file.io", error.to_string(), "check the path and the disk").at(path),
        };
        Self::new("file.io", message, hint).at(path)
    }

    /// The same error, said of a file.
    pub(crate) fn at(self, path: &Path) -> Self {
        Self { file: Some(path.display().to_string()), ..self }
    }
}

impl<E: Into<medbox::Error>> From<E> for CliError {
    fn from(error: E) -> Self {
        let error = error.into();
        Self::new(error.code(), error.to_string(), error.hint())
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(file) = &self.file {
            write!(f, ": {file}")?;
        }
        write!(f, "\nhint: {}", self.hint)
    }
}
