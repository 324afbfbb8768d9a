//! `demo`: the main job on the sample that comes with the source. Every step is a command that is shown
//! and then run as typed, so the output is what a person would get.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Parser as _;

use super::{Cli, Settings, USAGE, YES};

/// Where the sample lies in the source tree.
const SAMPLE: &str = "samples/intrusion/bundle";
/// The address that the intruder's requests claim to come from.
const INTRUDER: &str = "203.0.113.66";

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sample bundle; default: the one in the source tree
    #[arg(long, value_name = "BUNDLE")]
    sample: Option<PathBuf>,
}

struct Step {
    why: &'static str,
    words: Vec<String>,
}

impl Args {
    pub(super) fn run(self, _settings: &Settings) -> anyhow::Result<u8> {
        let sample = match self.sample {
            Some(path) => path,
            None => find_sample()?,
        };
        let case = tempfile::Builder::new().prefix("kubesleuth-demo-").tempdir()?.keep().join("case");
        for (number, step) in (1..).zip(steps(&sample.display().to_string(), &case)) {
            let mut out = io::stdout().lock();
            writeln!(out, "\n== {number}. {}\n$ kubesleuth {}\n", step.why, shown(&step.words))?;
            out.flush()?;
            drop(out);
            let code = run(&step.words)?;
            if code == USAGE {
                bail!("the sample did not pass step {number}");
            }
        }
        let case = case.display();
        writeln!(io::stdout(), "\nThe case stays in {case}: ask on with --case {case}, remove it when done.")?;
        Ok(YES)
    }
}

/// The sample beside the source the program was built from, or below the current folder.
fn find_sample() -> anyhow::Result<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE);
    let here = PathBuf::from(SAMPLE);
    match [here, built_from].into_iter().find(|p| p.is_dir()) {
        Some(path) => Ok(path),
        None => bail!("no sample at `{SAMPLE}`: run from the source tree, or name a bundle with --sample"),
    }
}

fn steps(sample: &str, case: &Path) -> Vec<Step> {
    let case = case.display().to_string();
    let step = |why, text: &str| Step {
        why,
        words: text.split(' ').map(|w| w.replace("SAMPLE", sample).replace("CASE", &case)).collect(),
    };
    let who_can = "who-can get secrets -n payments --case CASE --at";
    let did = format!("who-did --source-ip {INTRUDER} --case CASE");
    vec![
        step("Is the evidence whole?", "verify SAMPLE"),
        step("Import it into a fresh case", "import SAMPLE --case CASE"),
        step("Who could read secrets in `payments` before the intrusion?", &format!("{who_can} 2026-11-24T00:41:21Z")),
        step("And during it?", &format!("{who_can} 2026-11-24T00:41:44Z")),
        step("And after it?", &format!("{who_can} 2026-11-24T00:42:00Z")),
        step(
            "Who did read secrets, in any namespace, while the backdoor stood?",
            "who-did --resource secrets --verb get --verb list --verb watch --from 2026-11-24T00:41:41Z --to 2026-11-24T00:41:58Z --case CASE",
        ),
        step("All that came from the intruder's address (client-claimed)", &did),
        step("What the intruder changed and removed", &format!("{did} --changes")),
        step(
            "The original record of the backdoor's making, byte for byte",
            "show d606c431-1a3a-46f1-9c11-89ddbc101a13 --case CASE",
        ),
    ]
}

/// A command line as one would type it.
fn shown(words: &[String]) -> String {
    let quoted = |w: &String| if w.contains([' ', '*', '\'']) { format!("'{w}'") } else { w.clone() };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn run(words: &[String]) -> anyhow::Result<u8> {
    let words = std::iter::once("kubesleuth".to_owned()).chain(words.iter().cloned());
    Cli::try_parse_from(words)?.answer()
}
