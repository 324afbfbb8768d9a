//! Evidence files that show signs of incompleteness, or are of a format that cannot carry everything.

use super::Row;
use crate::formats::completeness::SourceFacts;
use crate::formats::warnings;
use crate::import::source_rows::SourceRow;
use crate::model::finding::Severity;

/// Files of a listing that are named.
const SHOWN: usize = 20;

pub(super) fn rows(sources: &[SourceRow]) -> Vec<Row> {
    let mut rows: Vec<(&SourceRow, Row)> = sources.iter().filter_map(|s| Some((s, row(s)?))).collect();
    rows.sort_by(|(a, _), (b, _)| (&a.path, &a.source_id).cmp(&(&b.path, &b.source_id)));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(source: &SourceRow) -> Option<Row> {
    let mut details = source.warnings.clone();
    if !source.absent_fields.is_empty() {
        details.push(format!("its format cannot carry {}", source.absent_fields.join(", ")));
    }
    let facts = SourceFacts::of_items(&source.completeness, &source.format);
    if !facts.listed.is_empty() {
        let files: Vec<&str> = facts.listed.iter().map(String::as_str).take(SHOWN).collect();
        let more = if facts.listed.len() > SHOWN { ", ..." } else { "" };
        details.push(format!("listed and not there: {}{more}", files.join(", ")));
    }
    if source.rejects > 0 {
        details.push(format!("{} records could not be read: see table `rejects`", source.rejects));
    }
    if details.is_empty() {
        return None;
    }
    let rejects = if source.rejects > 0 { Severity::Medium } else { Severity::Info };
    let severity = source.warnings.iter().map(|w| severity_of(w)).chain([rejects]).max().unwrap_or(Severity::Info);
    Some(Row {
        from: source.first_time,
        to: source.last_time.map(|t| t.plus_micros(1)),
        sources: vec![source.source_id.clone()],
        details: details.join("; "),
        ..Row::new("source", severity, source.path.clone())
    })
}

/// How far a sign limits answers.
fn severity_of(code: &str) -> Severity {
    match code {
        warnings::CLUSTER_EVENTS | warnings::TIME_WITHOUT_ZONE | warnings::EMPTY_LIST => Severity::Info,
        warnings::TRUNCATED_EVENT
        | warnings::BODY_SKIPPED_TOO_BIG
        | warnings::DUPLICATE_KEYS
        | warnings::PARTIAL_LAST_LINE
        | warnings::FRAGMENT
        | warnings::RESPONSE_WITHOUT_REQUEST => Severity::Low,
        _ => Severity::Medium,
    }
}
