//! Rows of `identities`: those of the authenticator's log are added by each import, those of the config
//! map `aws-auth` follow from its versions and are written whole.

use std::collections::{BTreeSet, HashMap};

use arrow::array::RecordBatch;
use polars::prelude::*;

use super::ImportError;
use super::aws_auth::{self, Entry, Mapped, Mapping};
use super::copies::{Copies, What};
use super::logged_identity::{LineKey, Lines, LoggedIdentity, join_calls};
use super::source_rows::SourceRow;
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::history::version::{ObjectVersion, Presence};
use crate::model::aws;
use crate::model::finding::{Finding, Severity};
use crate::model::time::{Interval, Timestamp};
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::identities::TABLE;

/// Origin of rows of the log.
pub const LOG: &str = "authenticator-log";
/// Origin of rows of the config map.
pub const CONFIG_MAP: &str = "aws-auth";
/// A line gives whole seconds: what it tells happened within this one.
const SECOND: i64 = 1_000_000;

/// Records of the log on their way to the table.
#[derive(Default)]
pub struct Logged {
    lines: Lines,
    rows: Vec<(usize, LoggedIdentity)>,
}

impl Logged {
    /// With the rows of earlier imports, so that their copies are told.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn of_case(case: &Case, cluster: &str, sources: &[SourceRow]) -> Result<Self, CaseError> {
        let mut logged = Self::default();
        let lazy = case.table(&TABLE, Some(cluster))?.filter(col("origin").eq(lit(LOG)));
        let frame = Frame::collect(lazy, TABLE.name)?;
        let numbers: HashMap<&str, usize> =
            sources.iter().enumerate().map(|(n, s)| (s.source_id.as_str(), n)).collect();
        let (at, outcome, groups) = (frame.time("at")?, frame.text("outcome")?, frame.list("groups")?);
        let (source, key_id) = (frame.text("source_id")?, frame.text("access_key_id")?);
        let texts = ["arn", "client", "username", "uid", "reason"];
        let [arn, client, username, uid, reason] = texts.map(|name| frame.text(name));
        let (arn, client, username, uid, reason) = (arn?, client?, username?, uid?, reason?);
        for row in 0..frame.height() {
            let outcome = outcome.get(row).unwrap_or_default();
            let key_id = key_id.get(row).filter(|_| outcome == "identified");
            let texts = [arn.get(row), client.get(row), username.get(row), uid.get(row), reason.get(row), key_id];
            let key = LineKey::new(at.get(row), outcome, &groups.get(row).unwrap_or_default(), texts);
            let number = source.get(row).and_then(|id| numbers.get(id)).copied();
            logged.lines.earlier(key, number.unwrap_or(usize::MAX));
        }
        Ok(logged)
    }

    /// With these records, of which no two are copies; each with the number of its source, in the order of sources.
    pub fn of_records(rows: Vec<(usize, LoggedIdentity)>) -> Self {
        Self { rows, ..Self::default() }
    }

    /// Takes the records of a source and counts them there; copies are written down.
    ///
    /// # Errors
    /// When copies cannot be written down.
    pub fn take(
        &mut self,
        number: usize,
        records: Vec<LoggedIdentity>,
        sources: &mut [SourceRow],
        written: &mut Copies,
    ) -> Result<(), ImportError> {
        let mut copies = Vec::new();
        for record in records {
            if let Some((at, source)) = record.at.zip(sources.get_mut(number)) {
                source.saw(at);
            }
            let key = record.key();
            match self.lines.judge(key.clone(), number) {
                Ok(()) => {
                    self.rows.push((number, record));
                    if let Some(source) = sources.get_mut(number) {
                        (source.records, source.rows) = (source.records + 1, source.rows + 1);
                    }
                }
                Err(of) => copies.push((of, key)),
            }
        }
        for (of, key) in copies {
            let id = sources.get(of).map(|s| s.source_id.clone()).unwrap_or_default();
            if let Some(source) = sources.get_mut(number) {
                source.records += 1;
                source.duplicate(&id);
                written.push(&source.source_id, &id, What::Line(&key.text()))?;
            }
        }
        Ok(())
    }

    /// The new rows.
    ///
    /// # Errors
    /// When the table's description is broken.
    pub fn rows(&mut self, sources: &[SourceRow]) -> Result<RecordBatch, ImportError> {
        let id = |n: usize| sources.get(n).map(|s| s.source_id.clone()).unwrap_or_default();
        join_calls(&mut self.rows, &id);
        let mut table = TableBuilder::new(&TABLE);
        for (source, row) in &self.rows {
            push_logged(&mut table, row, &id(*source))?;
        }
        Ok(table.finish()?)
    }
}

fn push_logged(table: &mut TableBuilder, r: &LoggedIdentity, source: &str) -> Result<(), ImportError> {
    let canonical = r.arn.as_deref().and_then(aws::canonical);
    table.push([
        Cell::Text(LOG),
        Cell::Text(r.outcome),
        Cell::time(r.at),
        Cell::time(r.at),
        Cell::time(r.at.map(|t| t.plus_micros(SECOND))),
        Cell::Text("observed"),
        Cell::text(r.mapped),
        Cell::text(r.arn.as_deref()),
        Cell::text(canonical.as_deref()),
        Cell::text(r.account.as_deref()),
        Cell::text(r.principal_id.as_deref()),
        Cell::text(r.access_key_id.as_deref()),
        Cell::text(r.session_name.as_deref()),
        Cell::text(r.username.as_deref()),
        Cell::List(&r.groups),
        Cell::text(r.uid.as_deref()),
        Cell::text(r.reason.as_deref()),
        Cell::Text(&r.message),
        Cell::text(r.client.as_deref()),
        Cell::text(r.log_stream.as_deref()),
        Cell::text(r.joined_with.as_deref()),
        Cell::Null,
        Cell::Null,
        Cell::Text(source),
        Cell::count(r.span.offset),
        Cell::count(r.span.line),
        Cell::count(r.span.length),
    ])?;
    Ok(())
}

/// Rows of the config map's versions, and findings about what could not be read.
///
/// # Errors
/// When the table's description is broken.
pub fn of_versions(versions: &[ObjectVersion]) -> Result<(RecordBatch, Vec<Finding>), ImportError> {
    let mut table = TableBuilder::new(&TABLE);
    let mut findings = Vec::new();
    let mut told = BTreeSet::new();
    for version in versions.iter().filter(|v| aws_auth::is_mapping(&v.key)) {
        let (mapping, why) = match &version.presence {
            Presence::Present(body) => (aws_auth::read(body).or(Some(Mapping::default())), None),
            // What is missing from a state that is known in part is not known.
            Presence::Partial { existed: true, known, reason } => (aws_auth::read(known), Some(&**reason)),
            Presence::Partial { reason, .. } | Presence::Unknown(reason) => (None, Some(&**reason)),
        };
        let Some(mapping) = mapping else {
            push_state(&mut table, version, "unknown", why.map(str::to_owned))?;
            continue;
        };
        for entry in &mapping.entries {
            push_entry(&mut table, version, entry)?;
        }
        for (key, problem) in &mapping.malformed {
            let reason = format!("`{key}`: {problem}");
            push_state(&mut table, version, "malformed", Some(reason.clone()))?;
            if told.insert((version.resource_version.clone(), version.uid.clone(), reason.clone())) {
                findings.push(malformed(version, &reason));
            }
        }
    }
    Ok((table.finish()?, findings))
}

fn malformed(version: &ObjectVersion, reason: &str) -> Finding {
    Finding {
        severity: Severity::Medium,
        code: "aws-auth-malformed",
        message: format!("config map `kube-system/aws-auth` maps identities in a way that cannot be read: {reason}"),
        at: Some(version.held.from).filter(|t| *t != Timestamp::MIN),
        witnesses: vec![version.from.clone()],
    }
}

/// What a row of the config map says besides where it comes from.
#[derive(Default)]
struct Said<'s> {
    outcome: &'s str,
    mapped: Option<Mapped>,
    arn: Option<&'s str>,
    account: Option<&'s str>,
    username: Option<&'s str>,
    groups: &'s [String],
    reason: Option<&'s str>,
}

fn push_entry(table: &mut TableBuilder, version: &ObjectVersion, entry: &Entry) -> Result<(), ImportError> {
    let is_account = entry.mapped == Mapped::Account;
    let arn = Some(entry.outside.as_str()).filter(|_| !is_account);
    let account = if is_account { Some(entry.outside.as_str()) } else { aws::account_of(&entry.outside) };
    push(
        table,
        version,
        &Said {
            outcome: "mapping",
            mapped: Some(entry.mapped),
            arn,
            account,
            username: entry.username.as_deref(),
            groups: &entry.groups,
            reason: None,
        },
    )
}

fn push_state(
    table: &mut TableBuilder,
    version: &ObjectVersion,
    outcome: &str,
    reason: Option<String>,
) -> Result<(), ImportError> {
    push(table, version, &Said { outcome, reason: reason.as_deref(), ..Said::default() })
}

fn push(table: &mut TableBuilder, version: &ObjectVersion, said: &Said<'_>) -> Result<(), ImportError> {
    let canonical = said.arn.and_then(aws::canonical);
    let Interval { from, to } = version.held;
    table.push([
        Cell::Text(CONFIG_MAP),
        Cell::Text(said.outcome),
        Cell::Null,
        Cell::bound(from),
        Cell::bound(to),
        Cell::Text(version.basis.as_str()),
        Cell::text(said.mapped.map(Mapped::as_str)),
        Cell::text(said.arn),
        Cell::text(canonical.as_deref()),
        Cell::text(said.account),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::text(said.username),
        Cell::List(said.groups),
        Cell::Null,
        Cell::text(said.reason),
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::text(version.audit_id.as_deref()),
        Cell::text(version.actor.as_deref()),
        Cell::Text(&version.from.source_id),
        Cell::count(version.from.offset),
        Cell::count(version.from.line),
        Cell::count(version.from.length),
    ])?;
    Ok(())
}
