//! `verify`: is this bundle whole, and who vouches for it?

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{Local, LocalResult, NaiveDateTime, TimeZone as _};

use super::{Settings, USAGE, YES};
use crate::answer::{Answer, AsOf, Value, Verdict, column};
use crate::bundle::{self, AllowedSigners, Trust, Verification, custody};
use crate::model::finding::{Finding, Severity};
use crate::model::time::Timestamp;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle: a folder or a tar file
    bundle: PathBuf,
    /// Demand a signature by someone on this list, in the format of `ssh-keygen` (ALLOWED SIGNERS in its manual)
    #[arg(long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Demand the signature of this principal; may be given several times, then all must have signed
    #[arg(long, value_name = "PRINCIPAL", requires = "allowed_signers")]
    signer: Vec<String>,
    /// The moment that keys must be valid at; default: when the bundle says that it was sealed
    #[arg(long, value_name = "TIME", requires = "allowed_signers")]
    verify_time: Option<Timestamp>,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let read = |path: &PathBuf| {
            AllowedSigners::read(path, &in_local_zone)
                .with_context(|| format!("cannot read the allowed signers `{}`", path.display()))
        };
        let allowed = self.allowed_signers.as_ref().map(read).transpose()?;
        let trust = Trust { allowed: allowed.as_ref(), signers: &self.signer, at: self.verify_time };
        let bars = settings.bars();
        let mut check = bundle::verify_trusted(&self.bundle, &trust, &bars)?;
        let signers: Vec<String> = check.signatures.iter().filter_map(|s| s.fingerprint.clone()).collect();
        let log = custody::check(&bundle::custody_log_of(&self.bundle)?, check.seal, Some(&signers));
        check.findings.extend(log.findings);
        let answer = self.answer(&check);
        settings.show(&answer)?;
        std::io::stdout().flush()?;
        Ok(if check.is_whole() { YES } else { USAGE })
    }

    fn answer(&self, check: &Verification) -> Answer {
        let whole = check.is_whole();
        let mut rows: Vec<Vec<Value>> = Vec::new();
        if whole {
            let what = format!("whole: {} files, {} bytes, every hash as sealed", check.files, check.bytes);
            rows.push(vec![Severity::Info.as_str().into(), "whole".into(), what.into()]);
        }
        let row = |f: &Finding| vec![f.severity.as_str().into(), f.code.into(), f.message.as_str().into()];
        rows.extend(check.findings.iter().map(row));
        let signed_by = check.signatures.iter().filter_map(|s| s.fingerprint.as_ref());
        let accepted = check.signatures.iter().filter_map(|s| s.principals.as_ref());
        Answer {
            question: vec![
                ("bundle", self.bundle.display().to_string().into()),
                ("whole", Value::Bool(whole)),
                ("unchanged", Value::Bool(check.unchanged)),
                ("signed_by", Value::texts(signed_by)),
                ("allowed_signers", Value::text(self.allowed_signers.as_ref().map(|p| p.display().to_string()))),
                ("accepted", Value::texts(accepted)),
            ],
            as_of: AsOf::Everything,
            basis: None,
            notes: notes(check),
            columns: vec![column("severity"), column("code"), column("finding")],
            rows,
            verdict: if whole { Verdict::Yes } else { Verdict::No },
        }
    }
}

fn notes(check: &Verification) -> Vec<String> {
    let mut notes = Vec::new();
    let findings = check.findings.iter().filter(|f| f.severity > Severity::Info).count();
    if !check.unchanged {
        notes.push(format!("the bundle is not whole: {findings} findings; get it again from whoever collected it"));
    } else if findings > 0 {
        notes.push(format!(
            "every file is as the manifests say, but not all that vouches for them holds: {findings} findings"
        ));
    }
    if let Some(seal) = &check.seal {
        notes.push(format!("seal (SHA-256 of tagmanifest-sha256.txt): {seal}"));
    }
    notes.extend(check.not_collected.iter().map(|n| format!("not collected: {}: {}", n.path, n.reason)));
    notes
}

/// A time as this machine's clock on the wall shows it; where that is ambiguous, the earlier.
fn in_local_zone(time: NaiveDateTime) -> Option<Timestamp> {
    match Local.from_local_datetime(&time) {
        LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => Some(Timestamp::from_micros(t.timestamp_micros())),
        LocalResult::None => None,
    }
}
