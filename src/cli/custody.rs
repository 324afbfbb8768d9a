//! `custody`: who held a bundle, or fed a case.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::{Settings, USAGE};
use crate::answer::{Answer, AsOf, Value, Verdict, column, wide};
use crate::bundle::custody::{CASE_LOG, CustodyCheck, Line, check};
use crate::bundle::{Bundle, custody_log_of, verify};
use crate::model::finding::{Finding, Severity};
use crate::render::escape::terminal;

/// Arguments of `custody`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A bundle, a case, or a custody log
    #[arg(value_name = "BUNDLE|CASE|LOG")]
    path: PathBuf,
}

/// Tells what could not be recorded in a custody log.
pub(super) fn tell(findings: &[Finding]) -> std::io::Result<()> {
    let mut err = std::io::stderr();
    findings.iter().try_for_each(|f| writeln!(err, "{}: {}", f.severity, terminal(&f.message)))
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        if std::fs::symlink_metadata(&self.path).is_err() {
            bail!("no such file or folder: `{}`; name a bundle, a case or a custody log", self.path.display());
        }
        let (log, checked) = self.check(settings)?;
        let bad: Vec<_> = checked.findings.iter().filter(|f| f.severity > Severity::Info).collect();
        let whole = bad.is_empty();
        let notes = checked.findings.iter().map(|f| format!("{}: {}: {}", f.severity, f.code, f.message)).collect();
        let columns = ["sequence", "at", "action", "user", "host", "result"].map(column);
        let further = ["tool", "from", "to", "seal", "key", "hash", "continues"].map(wide);
        let answer = Answer {
            question: vec![("log", log.display().to_string().into()), ("whole", Value::Bool(whole))],
            as_of: AsOf::Everything,
            basis: None,
            notes,
            columns: columns.into_iter().chain(further).collect(),
            rows: checked.lines.iter().map(|(_, line)| row(line)).collect(),
            verdict: if whole && !checked.lines.is_empty() { Verdict::Yes } else { Verdict::No },
        };
        let code = settings.show(&answer)?;
        std::io::stdout().flush()?;
        Ok(if whole { code } else { USAGE })
    }

    /// The log meant, checked; that of a bundle against the bundle too.
    fn check(&self, settings: &Settings) -> anyhow::Result<(PathBuf, CustodyCheck)> {
        let path: &Path = &self.path;
        if Bundle::is_bundle(path) {
            let bars = settings.bars();
            let bundle = verify(path, &bars)?;
            let log = custody_log_of(path)?;
            let signers: Vec<String> = bundle.signatures.iter().filter_map(|s| s.fingerprint.clone()).collect();
            let checked = check(&log, bundle.seal, Some(&signers));
            return Ok((log, checked));
        }
        let log = if path.is_dir() { path.join(CASE_LOG) } else { path.to_owned() };
        let checked = check(&log, None, None);
        Ok((log, checked))
    }
}

fn row(line: &Line) -> Vec<Value> {
    let e = &line.entry;
    vec![
        Value::Int(i64::try_from(e.sequence).unwrap_or(i64::MAX)),
        Value::Time(e.at),
        e.action.as_str().into(),
        Value::text(e.user.clone()),
        Value::text(e.host.clone()),
        e.result.as_str().into(),
        e.tool.as_str().into(),
        Value::texts(&e.from),
        Value::text(e.to.as_ref().map(ToString::to_string)),
        Value::text(e.seal.map(|d| d.to_string())),
        Value::text(e.key.clone()),
        line.hash.to_string().into(),
        Value::text(e.continues.map(|d| d.to_string())),
    ]
}
