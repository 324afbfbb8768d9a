//! The kubesleuth command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use kubesleuth::cli::Cli;
use kubesleuth::cli::settings::error_code;

/// Imports allocate and free large buffers all the time; the system's allocator hands each back to the kernel.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    match cli.run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even standard error is closed.
            let _ = writeln!(io::stderr(), "kubesleuth: {}", kubesleuth::render::escape::terminal(&message(&error)));
            ExitCode::from(error_code())
        }
    }
}

/// Help, or what is wrong with the arguments. It repeats them, and they may have been copied out of evidence.
fn unparsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let mut err = io::stderr().lock();
    for line in error.render().to_string().lines() {
        let _ = writeln!(err, "{}", kubesleuth::render::escape::terminal(line));
    }
    ExitCode::from(error_code())
}

/// The error with its causes, each said once: many errors tell their cause in their own words already.
fn message(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let cause = cause.to_string();
        match said.as_str() {
            "" => cause,
            _ if said.contains(&cause) => said,
            _ => format!("{said}: {cause}"),
        }
    })
}

/// Whoever reads our output stopped reading: that is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<kubesleuth::render::RenderError>()
                .is_some_and(kubesleuth::render::RenderError::is_broken_pipe)
    })
}
