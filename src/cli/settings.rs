//! What all subcommands share: the flags as typed, and what they come to.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::{NO, UNKNOWN, USAGE, YES};
use crate::answer::{Answer, Verdict, load};
use crate::bundle::Passphrase;
use crate::case::Case;
use crate::cli::progress::Bars;
use crate::model::time::Timestamp;
use crate::render::{self, Format, Style};

/// Flags of every subcommand.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// The case: a folder of tables made by `import`
    #[arg(long, global = true, value_name = "DIR", env = "KUBESLEUTH_CASE", default_value = "./kubesleuth-case")]
    case: PathBuf,
    /// The cluster asked about, when the case holds several; for `import` and `case merge`: the name to file the evidence under
    #[arg(long, global = true, value_name = "NAME")]
    cluster: Option<String>,
    /// How to show the answer
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    /// No colours
    #[arg(long, global = true)]
    no_color: bool,
    /// No progress bars, no summaries
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// The flags, resolved.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the case is.
    pub case_dir: PathBuf,
    /// Which cluster.
    pub cluster: Option<String>,
    /// Output format.
    pub format: Format,
    /// Colours and width.
    pub style: Style,
    /// Say only what was asked for.
    pub quiet: bool,
    /// Passphrase of the key that signs, from the environment.
    pub key_passphrase: Option<Passphrase>,
}

/// The environment variable that holds the passphrase of a key: a flag would be seen by all users of the machine.
const KEY_PASSPHRASE: &str = "KUBESLEUTH_KEY_PASSPHRASE";

impl GlobalArgs {
    pub(super) fn resolve(self) -> Settings {
        let terminal = io::stdout().is_terminal();
        let color = terminal && !self.no_color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Settings {
            case_dir: self.case,
            cluster: self.cluster,
            format: self.output,
            style: Style { color, width: None },
            quiet: self.quiet,
            key_passphrase: std::env::var_os(KEY_PASSPHRASE).map(|v| Passphrase::new(v.into_encoded_bytes())),
        }
    }
}

impl Settings {
    /// Progress bars, where somebody sees them.
    pub fn bars(&self) -> Bars {
        Bars::new(!self.quiet && io::stderr().is_terminal())
    }

    /// The case and the cluster that the question is about.
    ///
    /// # Errors
    /// When there is no such case or cluster.
    pub fn open(&self) -> anyhow::Result<(Case, String)> {
        let case = Case::open(&self.case_dir)?;
        let cluster = case.cluster(self.cluster.as_deref())?;
        Ok((case, cluster))
    }

    /// The moment asked about: the one named, or the end of the evidence.
    ///
    /// # Errors
    /// When none is named and no source has a time.
    pub fn moment(&self, case: &Case, cluster: &str, at: Option<Timestamp>) -> anyhow::Result<Timestamp> {
        match at {
            Some(t) => Ok(t),
            None => Ok(load::end_of_evidence(case, cluster)?),
        }
    }

    /// Shows an answer and gives its exit code.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn show(&self, answer: &Answer) -> anyhow::Result<u8> {
        let report = render::render(answer, self.format, &self.style, &mut io::stdout().lock())?;
        if !self.quiet {
            let mut err = io::stderr().lock();
            if !self.format.shows_notes() {
                for note in &answer.notes {
                    writeln!(err, "note: {}", render::escape::terminal(note))?;
                }
            }
            if report.csv_cells_neutralised > 0 {
                let n = report.csv_cells_neutralised;
                writeln!(
                    err,
                    "note: {n} cells that a spreadsheet would take for formulas start with an apostrophe now"
                )?;
            }
            if report.csv_cells_escaped > 0 {
                let n = report.csv_cells_escaped;
                writeln!(
                    err,
                    "note: {n} cells hold control or invisible characters, written as escapes; -o json has the exact text"
                )?;
            }
        }
        Ok(code(answer.verdict))
    }
}

/// The exit code of a verdict.
pub const fn code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Yes => YES,
        Verdict::No => NO,
        Verdict::Unknown => UNKNOWN,
    }
}

/// The exit code of an error: the evidence is damaged or the command is wrong.
pub const fn error_code() -> u8 {
    USAGE
}
