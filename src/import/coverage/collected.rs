//! What snapshots lack: kinds that were never collected, requests that a collector was refused, and
//! files that a bundle lists as not collected.

use std::collections::{BTreeMap, BTreeSet};

use super::{Input, Row};
use crate::formats::completeness::SourceFacts;
use crate::formats::refusals::Refusal;
use crate::history::evidence::Listing;
use crate::import::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::{ObservedAt, Provenance};
use crate::model::rbac::{RBAC_GROUP, RbacKind};

/// Code of findings about what a bundle lists as not collected.
pub const NOT_COLLECTED: &str = "not-collected";
/// Core kinds that questions about rights and acts rest on, and why.
const CORE: [(&str, Severity, &str); 6] = [
    ("Namespace", Severity::Low, "namespaces without objects are not known"),
    ("ServiceAccount", Severity::Low, "service accounts that no binding or event names are not known"),
    ("Pod", Severity::Info, "which service account a pod ran as is only known from events"),
    ("Node", Severity::Info, "nodes are only known from events"),
    ("ConfigMap", Severity::Info, "config maps, `kube-system/aws-auth` among them, are only known from events"),
    ("Secret", Severity::Info, "secrets, and which service account a token belongs to, are only known from events"),
];

pub(super) fn rows(input: &Input<'_>) -> Vec<Row> {
    let mut rows = never_collected(input.seen, input.listings);
    rows.extend(input.sources.iter().flat_map(refused));
    rows.extend(input.findings.iter().filter(|f| f.code == NOT_COLLECTED).map(|f| Row {
        from: f.at,
        details: f.message.clone(),
        ..Row::new("not collected", f.severity, "evidence bundle")
    }));
    rows
}

/// Group and kind of what snapshots show, by the time they were taken.
pub type KindsSeen = BTreeMap<ObservedAt, BTreeSet<(String, String)>>;

fn never_collected(shown: &KindsSeen, listings: &[Listing]) -> Vec<Row> {
    // What each observation shows, of any kind.
    let mut seen: BTreeMap<ObservedAt, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for (observed, kinds) in shown {
        seen.entry(*observed).or_default().extend(kinds.iter().map(|(group, kind)| (&**group, &**kind)));
    }
    for l in listings {
        seen.entry(l.observed).or_default().insert((&l.group, &l.kind));
    }
    let mut rows = Vec::new();
    let ever = |kind: (&str, &str)| seen.values().any(|kinds| kinds.contains(&kind));
    for kind in RbacKind::ALL {
        let key = (RBAC_GROUP, kind.as_str());
        let name = format!("{}.{RBAC_GROUP}", kind.as_str());
        if !ever(key) {
            let details = if seen.is_empty() {
                "no snapshot: rights that the log does not show being granted are not known"
            } else {
                "in no snapshot: those that the log does not show are not known"
            };
            rows.push(Row { details: details.to_owned(), ..Row::new("never collected", Severity::Medium, name) });
            continue;
        }
        // Another kind of the group was read at that time, this one was not.
        let rbac = |kinds: &BTreeSet<(&str, &str)>| kinds.iter().any(|(group, _)| *group == RBAC_GROUP);
        for (at, _) in seen.iter().filter(|(_, kinds)| rbac(kinds) && !kinds.contains(&key)) {
            rows.push(Row {
                from: Some(at.from),
                to: Some(at.to.plus_micros(1)),
                details: "not in this snapshot, which has other RBAC kinds".to_owned(),
                ..Row::new("never collected", Severity::Low, name.clone())
            });
        }
    }
    if !seen.is_empty() {
        let missing = CORE.iter().filter(|(kind, ..)| !ever(("", kind)));
        rows.extend(missing.map(|(kind, severity, why)| Row {
            details: format!("in no snapshot: {why}"),
            ..Row::new("never collected", *severity, *kind)
        }));
    }
    rows
}

fn refused(source: &SourceRow) -> Vec<Row> {
    let facts = SourceFacts::of_items(&source.completeness, &source.format);
    let row = |r: &Refusal| {
        let about = if r.is_forbidden() { "refused" } else { "not collected" };
        let severity = if limits_answers(r) { Severity::Medium } else { Severity::Low };
        Row {
            namespace: r.namespace.clone(),
            verbs: r.verb.clone().into_iter().collect(),
            from: source.observed.map(|o| o.from),
            to: source.observed.map(|o| o.to.plus_micros(1)),
            sources: vec![source.source_id.clone()],
            details: format!("{}: {}", r.reason, r.message),
            ..Row::new(about, severity, r.resource.clone().unwrap_or_else(|| source.path.clone()))
        }
    };
    facts.refused.iter().map(row).collect()
}

/// Whether rights cannot be told without what was refused.
fn limits_answers(refusal: &Refusal) -> bool {
    let what = refusal.resource.as_deref().unwrap_or_default();
    let plural = what.split('.').next().unwrap_or_default();
    what.ends_with(RBAC_GROUP)
        || ["roles", "rolebindings", "clusterroles", "clusterrolebindings"].contains(&plural) && plural == what
}

/// Findings for refusals that limit answers about rights.
pub(super) fn findings(rows: &[Row]) -> Vec<Finding> {
    rows.iter()
        .filter(|r| r.about == "refused" && r.severity >= Severity::Medium)
        .map(|r| {
            let place = r.namespace.as_deref().map_or_else(String::new, |n| format!(" in namespace `{n}`"));
            Finding {
                severity: Severity::Medium,
                code: "collection-refused",
                message: format!("the collector was refused `{}`{place}: {}", r.what, r.details),
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
