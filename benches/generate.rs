//! The seeded generator of large evidence: a bench target, because only benchmarks need it.
//!
//! `cargo bench --bench generate -- rbac|audit|check …`; see `benches/README.md`. Without a subcommand it prints its
//! usage and does nothing, so that a plain `cargo bench` passes over it.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{CommandFactory, Parser, Subcommand};

#[path = "generate/all.rs"]
mod generate;

/// Generates large evidence from a seed: the same seed gives the same bytes.
#[derive(Debug, Parser)]
#[command(name = "generate")]
struct Args {
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// A large cluster: two snapshots, the audit log of 90 days of RBAC changes between them, access reviews.
    Rbac {
        /// An empty or new directory.
        #[arg(long)]
        out: PathBuf,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Multiplies the numbers of objects, changes and reviews.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
        /// Access reviews to ask, 200 000 times the scale by default.
        #[arg(long)]
        reviews: Option<u64>,
        /// Log files are rotated at this size; 64 MB times the scale by default.
        #[arg(long, value_parser = size)]
        file_size: Option<u64>,
    },
    /// Audit logs of any size, shaped like those of a busy cluster.
    Audit {
        /// An empty or new directory.
        #[arg(long)]
        out: PathBuf,
        /// Bytes to write before compression: `10GB`, `500MB`, `1GiB`.
        #[arg(long, value_parser = size)]
        bytes: u64,
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Days that the log covers, about.
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// Gzip rotated files.
        #[arg(long)]
        gzip: bool,
        /// Log files are rotated at this size.
        #[arg(long, value_parser = size, default_value = "100MB")]
        file_size: u64,
    },
    /// Reads everything that was generated into a directory and verifies it.
    Check {
        /// The directory.
        dir: PathBuf,
    },
}

/// Reads `100MB`, `1.5GB`, `1GiB` or a plain number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a size like `100MB` or `1GiB`, found `{text}`");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1.0,
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KIB" => 1024.0,
        "MIB" => 1024.0 * 1024.0,
        "GIB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    if bytes >= 1.0 { Ok(bytes as u64) } else { Err(wrong()) }
}

fn run(mode: Mode) -> Result<String, String> {
    let text = |e: std::io::Error| e.to_string();
    match mode {
        Mode::Rbac { out, seed, scale, reviews, file_size } => {
            if !(0.0..=100.0).contains(&scale) {
                return Err(format!("expected a scale from 0 to 100, found `{scale}`"));
            }
            let times = |full: f64| (full * scale).round() as u64;
            generate::rbac::generate(&generate::rbac::Options {
                out,
                seed,
                scale,
                changes: times(100_000.0).max(200),
                reviews: reviews.unwrap_or(times(200_000.0)),
                file_size: file_size.unwrap_or(times(64e6).max(5_000_000)),
            })
            .map_err(text)
        }
        Mode::Audit { out, bytes, seed, days, gzip, file_size } => {
            generate::audit::generate(&generate::audit::Options { out, bytes, seed, days, gzip, file_size })
                .map_err(text)
        }
        Mode::Check { dir } => generate::check::check(&dir),
    }
}

fn main() -> ExitCode {
    // cargo adds `--bench` to whatever the user passes.
    let args = Args::parse_from(std::env::args().filter(|a| a != "--bench"));
    let mut out = std::io::stdout().lock();
    let Some(mode) = args.mode else {
        let help = Args::command().render_help();
        return if write!(out, "{help}").is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let begun = Instant::now();
    match run(mode) {
        Ok(done) => {
            let told = writeln!(out, "{done} in {:.1} s", begun.elapsed().as_secs_f64());
            if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
        }
        Err(error) => {
            let told = writeln!(std::io::stderr(), "error: {error}");
            if told.is_ok() { ExitCode::from(1) } else { ExitCode::from(2) }
        }
    }
}
