//! Stretches in which one API server is silent while others of its kind log. Only where its own pace
//! makes silence unlikely: a server that logs once an hour is not silent for ten minutes.

use std::collections::{BTreeMap, BTreeSet};

use super::seconds::{self, Tick, Writer};
use super::{Row, rotation};
use crate::import::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::Provenance;
use crate::model::time::Timestamp;

/// What rows about silence are called.
const SILENT: &str = "server silent";
/// The shortest silence that is told, in microseconds.
const SHORTEST: i64 = 10_000_000;
/// A silence this long limits answers.
const LONG: i64 = 60_000_000;
/// Seconds in which a server has logged before its pace is known.
const PACE: usize = 10;
/// Events of the server that its pace lets expect in a silence.
const EXPECTED: i64 = 10;

/// One server.
#[derive(Default)]
struct Server {
    sources: BTreeSet<String>,
    series: Vec<Tick>,
    /// Whether the records themselves say which server it is, not only the file they lie in.
    named: bool,
}

pub(super) fn rows(series: &BTreeMap<Writer, Vec<Tick>>, sources: &[SourceRow]) -> Vec<Row> {
    let servers = servers(series, sources);
    let mut rows = Vec::new();
    // An aggregated API server has a pace of its own, so only servers of one kind are compared.
    for kind in servers.chunk_by(|a, b| a.0.0 == b.0.0) {
        let all = seconds::unite(kind.iter().flat_map(|(_, s)| s.series.iter().copied()));
        for ((component, own), server) in kind {
            let name = if component == DEFAULT { own.clone() } else { format!("{component} on {own}") };
            rows.extend(silences(&name, server, &all));
        }
    }
    rows
}

/// Findings for silences long enough to hide what answers rest on.
pub(super) fn findings(rows: &[Row]) -> Vec<Finding> {
    rows.iter()
        .filter(|r| r.about == SILENT && r.severity >= Severity::Medium)
        .map(|r| {
            let [from, to] = [r.from, r.to].map(|t| t.map(|t| t.to_string()).unwrap_or_default());
            Finding {
                severity: Severity::Medium,
                code: "server-silent",
                message: format!("API server `{}` from {from} to {to}: {}", r.what, r.details),
                at: r.from,
                witnesses: r
                    .sources
                    .iter()
                    .map(|id| Provenance { source_id: id.clone(), line: 1, ..Provenance::default() })
                    .collect(),
            }
        })
        .collect()
}

/// The server whose log an export holds that names none.
const DEFAULT: &str = "kube-apiserver";

/// The servers by component and instance, sorted.
fn servers(series: &BTreeMap<Writer, Vec<Tick>>, sources: &[SourceRow]) -> Vec<((String, String), Server)> {
    let by_id: BTreeMap<&str, &SourceRow> = sources.iter().map(|s| (s.source_id.as_str(), s)).collect();
    let mut found: BTreeMap<(String, String), Server> = BTreeMap::new();
    for (writer, seconds) in series {
        let named = writer.instance.is_some();
        let own = match (&writer.instance, by_id.get(writer.source.as_str())) {
            (Some(instance), _) => instance.clone(),
            (None, Some(source)) => rotation::family(source).0,
            (None, None) => continue,
        };
        let component = writer.component.clone().unwrap_or_else(|| DEFAULT.to_owned());
        let server = found.entry((component, own)).or_default();
        server.named |= named;
        server.sources.insert(writer.source.clone());
        server.series.extend(seconds.iter().copied());
    }
    for server in found.values_mut() {
        server.series = seconds::unite(std::mem::take(&mut server.series));
    }
    found.into_iter().collect()
}

fn silences(name: &str, server: &Server, all: &[Tick]) -> Vec<Row> {
    let (Some(first), Some(last)) = (server.series.first(), server.series.last()) else { return Vec::new() };
    if server.series.len() < PACE {
        return Vec::new();
    }
    let own: i64 = server.series.iter().map(|s| s.events).sum();
    let span = last.last.saturating_sub(first.first).max(1);
    let limit = SHORTEST.max(seconds::usual_pause(&server.series).saturating_mul(4));
    let unlikely = |length: i64| {
        length >= limit && i128::from(own) * i128::from(length) >= i128::from(EXPECTED) * i128::from(span)
    };
    let mut stretches: Vec<(i64, i64, &str)> = Vec::new();
    for (a, b) in server.series.iter().zip(server.series.iter().skip(1)) {
        stretches.push((a.last, b.first, "it logged before and after"));
    }
    // Files that follow one another are no servers side by side.
    let beside = within(all, first.first - 1, last.last + 1).saturating_sub(own) >= own / 2;
    if server.named || beside {
        let (begin, end) = (all.first().map_or(first.first, |s| s.first), all.last().map_or(last.last, |s| s.last));
        stretches.push((begin - 1, first.first, "it is not seen before"));
        stretches.push((last.last, end + 1, "it is not seen after"));
    }
    stretches.sort_unstable();
    let told = stretches.into_iter().filter(|(a, b, _)| unlikely(b.saturating_sub(*a)));
    let rows = told.filter_map(|(a, b, why)| {
        let others = within(all, a, b);
        let severity = if b - a >= LONG { Severity::Medium } else { Severity::Low };
        (others > 0).then(|| Row {
            from: Some(Timestamp::from_micros(a).plus_micros(1)),
            to: Some(Timestamp::from_micros(b)),
            events: Some(others),
            sources: server.sources.iter().cloned().collect(),
            details: format!("no event of this server while others logged; {why}"),
            ..Row::new(SILENT, severity, name)
        })
    });
    rows.collect()
}

/// Events strictly between two instants, to the second.
fn within(all: &[Tick], after: i64, before: i64) -> i64 {
    let from = all.partition_point(|s| s.first <= after);
    all.iter().skip(from).take_while(|s| s.last < before).map(|s| s.events).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn series(seconds: impl Iterator<Item = i64>, events: i64) -> Vec<Tick> {
        seconds.map(|s| Tick { first: s * 1_000_000, last: s * 1_000_000 + 900_000, events }).collect()
    }

    fn told(named: bool, own: Vec<Tick>, others: Vec<Tick>) -> Vec<(i64, i64)> {
        let server = Server { named, series: own.clone(), ..Server::default() };
        let all = seconds::unite(own.into_iter().chain(others));
        let whole = |t: Option<Timestamp>| t.unwrap().as_micros() / 1_000_000;
        silences("a", &server, &all).iter().map(|r| (whole(r.from), whole(r.to))).collect()
    }

    #[test]
    fn silence_while_others_log_is_told() {
        let broken = || series((0..100).chain(140..200), 2);
        assert_eq!(told(true, broken(), series(0..200, 2)), [(99, 140)]);
        assert!(told(true, broken(), series((0..100).chain(140..200), 2)).is_empty(), "nobody logged");
        assert!(told(true, series((0..200).step_by(20), 1), series(0..200, 2)).is_empty(), "it is always slow");
    }

    #[test]
    fn a_server_that_begins_late_or_ends_early_is_told_where_it_is_one() {
        assert_eq!(told(true, series(50..150, 2), series(0..200, 2)), [(0, 50), (149, 199)]);
        // Two files one after the other: one server, or nobody knows.
        assert!(told(false, series(0..100, 2), series(100..200, 2)).is_empty());
        assert_eq!(told(false, series(0..100, 2), series(0..200, 2)), [(99, 199)]);
    }
}
