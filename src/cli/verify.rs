//! `verify`: is this bundle whole?

use std::io::Write as _;
use std::path::PathBuf;

use super::{Settings, USAGE, YES};
use crate::answer::{Answer, AsOf, Value, Verdict, column};
use crate::bundle;
use crate::model::finding::Severity;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle: a folder or a tar file
    bundle: PathBuf,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let bars = settings.bars();
        let check = bundle::verify(&self.bundle, &bars)?;
        let whole = check.is_whole();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        if whole {
            let what = format!("whole: {} files, {} bytes, every hash as sealed", check.files, check.bytes);
            rows.push(vec![Severity::Info.as_str().into(), "whole".into(), what.into()]);
        }
        rows.extend(
            check.findings.iter().map(|f| vec![f.severity.as_str().into(), f.code.into(), f.message.as_str().into()]),
        );
        let mut notes = Vec::new();
        if !whole {
            let findings = check.findings.iter().filter(|f| f.severity > Severity::Info).count();
            notes.push(format!("the bundle is not whole: {findings} findings; get it again from whoever collected it"));
        }
        if let Some(seal) = &check.seal {
            notes.push(format!("seal (SHA-256 of tagmanifest-sha256.txt): {seal}"));
        }
        notes.extend(check.not_collected.iter().map(|n| format!("not collected: {}: {}", n.path, n.reason)));
        let answer = Answer {
            question: vec![("bundle", self.bundle.display().to_string().into()), ("whole", Value::Bool(whole))],
            as_of: AsOf::Everything,
            basis: None,
            notes,
            columns: vec![column("severity"), column("code"), column("finding")],
            rows,
            verdict: if whole { Verdict::Yes } else { Verdict::No },
        };
        settings.show(&answer)?;
        std::io::stdout().flush()?;
        Ok(if whole { YES } else { USAGE })
    }
}
