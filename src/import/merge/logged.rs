//! The authenticator's log of all parts: copies over parts are told, and the lines of one call are joined again, since
//! the two may lie in different parts.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::*;

use super::MergeError;
use super::numbering::Numbered;
use super::parts::Part;
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::formats::sink::Span;
use crate::import::copies::{Copies, What};
use crate::import::identities::{LOG, Logged};
use crate::import::logged_identity::{LineKey, LoggedIdentity};
use crate::tables::identities::TABLE;

/// The outcomes and what entries map, as words that live as long as the program.
const WORDS: [&str; 9] = ["granted", "denied", "identified", "mapping", "reloaded", "other", "role", "user", "account"];

/// A line with its source, by the id in its part.
struct Line {
    source_id: String,
    said: LoggedIdentity,
}

/// The lines of all parts.
pub(super) struct Gathered {
    /// Those that stay.
    pub(super) logged: Logged,
    /// Rows of each source of each part.
    pub(super) counted: Vec<BTreeMap<String, u64>>,
    /// The first source of each line, by what it says.
    pub(super) first: HashMap<String, usize>,
}

/// Gathers the lines, and counts copies at their sources.
pub(super) fn gather(
    parts: &[(&Part, &str)],
    numbered: &mut Numbered,
    settled: &mut Copies,
) -> Result<Gathered, MergeError> {
    let mut counted = Vec::new();
    let mut rows: Vec<(usize, u64, LoggedIdentity)> = Vec::new();
    for ((part, own), places) in parts.iter().zip(&numbered.places) {
        let lines = separate(read(part, own)?);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut seen: HashMap<LineKey, u64> = HashMap::new();
        for line in lines {
            *counts.entry(line.source_id.clone()).or_default() += 1;
            let ordinal = seen.entry(line.said.key()).or_default();
            *ordinal += 1;
            if let Some(place) = places.get(&line.source_id).filter(|p| p.keeps) {
                rows.push((place.number, *ordinal, line.said));
            }
        }
        counted.push(counts);
    }
    rows.sort_by_key(|(number, ..)| *number);
    let (rows, first) = without_copies(rows, numbered, settled)?;
    Ok(Gathered { logged: Logged::of_records(rows), counted, first })
}

/// Lines with the numbers of their sources, and the first source of each by what it says.
type Left = (Vec<(usize, LoggedIdentity)>, HashMap<String, usize>);

/// A line that a part has so many times before it is no copy only where fewer are kept already.
fn without_copies(
    rows: Vec<(usize, u64, LoggedIdentity)>,
    numbered: &mut Numbered,
    settled: &mut Copies,
) -> Result<Left, MergeError> {
    let mut kept: HashMap<LineKey, (u64, usize)> = HashMap::new();
    let mut left = Vec::new();
    for (number, ordinal, said) in rows {
        let key = said.key();
        let (times, first) = kept.entry(key.clone()).or_insert((0, number));
        if ordinal > *times {
            *times += 1;
            left.push((number, said));
            continue;
        }
        let of = numbered.sources.get(*first).map(|s| s.source_id.clone()).unwrap_or_default();
        if let Some(source) = numbered.sources.get_mut(number) {
            source.rows = source.rows.saturating_sub(1);
            source.duplicate(&of);
            settled.push(&source.source_id, &of, What::Line(&key.text()))?;
        }
    }
    Ok((left, kept.into_iter().map(|(key, (_, first))| (key.text(), first)).collect()))
}

fn read(part: &Part, own: &str) -> Result<Vec<Line>, CaseError> {
    let lazy = part.case.table(&TABLE, Some(own))?.filter(col("origin").eq(lit(LOG)));
    let frame = Frame::collect(lazy, TABLE.name)?;
    let word = |text: Option<&str>| WORDS.into_iter().find(|w| Some(*w) == text);
    let text = |name: &str, row: usize| Ok::<_, CaseError>(frame.text(name)?.get(row).map(str::to_owned));
    let number = |name: &str, row: usize| {
        Ok::<_, CaseError>(frame.int(name)?.get(row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
    };
    let mut lines = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        let said = LoggedIdentity {
            at: frame.time("at")?.get(row),
            outcome: word(frame.text("outcome")?.get(row)).unwrap_or("other"),
            message: text("message", row)?.unwrap_or_default(),
            mapped: word(frame.text("mapped")?.get(row)),
            arn: text("arn", row)?,
            account: text("account", row)?,
            principal_id: text("principal_id", row)?,
            access_key_id: text("access_key_id", row)?,
            session_name: text("session_name", row)?,
            username: text("username", row)?,
            groups: frame.list("groups")?.get(row).unwrap_or_default(),
            uid: text("uid", row)?,
            reason: text("reason", row)?,
            client: text("client", row)?,
            log_stream: text("log_stream", row)?,
            joined_with: text("joined_with", row)?,
            span: Span { offset: number("offset", row)?, line: number("line", row)?, length: number("length", row)? },
        };
        lines.push(Line { source_id: text("source_id", row)?.unwrap_or_default(), said });
    }
    Ok(lines)
}

/// Takes back what lines have from the one they were joined with.
fn separate(mut lines: Vec<Line>) -> Vec<Line> {
    let place = |l: &Line| format!("{}:{}", l.source_id, l.said.span.line);
    let joined: HashMap<String, usize> =
        lines.iter().enumerate().filter(|(_, l)| l.said.outcome == "identified").map(|(n, l)| (place(l), n)).collect();
    let partners: Vec<Option<LoggedIdentity>> = lines
        .iter()
        .map(|l| lines.get(*joined.get(l.said.joined_with.as_ref()?)?).map(|partner| partner.said.clone()))
        .collect();
    for (line, partner) in lines.iter_mut().zip(partners) {
        line.said.joined_with = None;
        if let Some(partner) = partner {
            line.said.separate(&partner);
        }
    }
    lines
}
