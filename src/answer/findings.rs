//! `findings`: what a person should look at: damage, gaps, contradictions met while importing.

use super::{Answer, AsOf, Value, Verdict, column};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::finding::Severity;
use crate::tables::findings;

/// The findings of one cluster, the gravest first.
///
/// # Errors
/// When the table cannot be read.
pub fn answer(case: &Case, cluster: &str, at_least: Option<Severity>, code: Option<&str>) -> Result<Answer, CaseError> {
    let frame = Frame::collect(case.table(&findings::TABLE, Some(cluster))?, "findings")?;
    let (severity, codes, message) = (frame.text("severity")?, frame.text("code")?, frame.text("message")?);
    let (at, witnesses) = (frame.time("at")?, frame.list("witnesses")?);
    let rank = |row: usize| severity.get(row).and_then(Severity::from_word);
    let mut found: Vec<usize> = (0..frame.height())
        .filter(|row| at_least.is_none_or(|least| rank(*row).is_none_or(|s| s >= least)))
        .filter(|row| code.is_none_or(|wanted| codes.get(*row) == Some(wanted)))
        .collect();
    found.sort_by(|a, b| {
        let rest = |row: usize| (codes.get(row), at.get(row), message.get(row));
        rank(*b).cmp(&rank(*a)).then_with(|| rest(*a).cmp(&rest(*b)))
    });
    let row = |row: usize| {
        vec![
            Value::text(severity.get(row)),
            Value::text(codes.get(row)),
            at.get(row).map_or(Value::Null, Value::Time),
            Value::text(message.get(row)),
            witnesses.get(row).map_or(Value::Null, Value::texts),
        ]
    };
    let rows: Vec<_> = found.into_iter().map(row).collect();
    Ok(Answer {
        question: vec![("severity", Value::text(at_least.map(Severity::as_str))), ("code", Value::text(code))],
        as_of: AsOf::Everything,
        basis: None,
        notes: Vec::new(),
        columns: vec![column("severity"), column("code"), column("time"), column("finding"), column("witnesses")],
        verdict: if rows.is_empty() { Verdict::No } else { Verdict::Yes },
        rows,
    })
}
