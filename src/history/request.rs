//! From audit records to requests: stages folded, repeated records dropped, outcomes judged.
//!
//! A request counts once, by its `ResponseComplete` record. Where the log holds only its beginning, or a panic,
//! nobody can tell whether it was carried out, and that is what is passed on. A client may choose its audit ID,
//! so records with one ID are one request only where URI, verb and time of arrival agree.

use std::collections::{HashMap, HashSet};

use crate::model::request_info::query_values;
use crate::model::time::Timestamp;

use super::evidence::Change;

/// One request that did, or may have done, something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) change: &'a Change,
    /// Why its outcome is open; `None` when it succeeded.
    pub(super) open: Option<&'static str>,
}

#[derive(PartialEq, Eq, Hash)]
struct Identity<'a> {
    audit_id: &'a str,
    verb: &'a str,
    uri: &'a str,
    received: Option<Timestamp>,
    /// Only where the format carries too little to tell requests apart by the rest.
    object: Option<(&'a str, &'a str, &'a str, &'a str)>,
    staged: Option<Timestamp>,
}

fn identity(change: &Change) -> Identity<'_> {
    let object = (&*change.group, &*change.resource, &*change.namespace, &*change.name);
    Identity {
        audit_id: &change.audit_id,
        verb: &change.verb,
        uri: &change.request_uri,
        received: change.received,
        object: change.request_uri.is_empty().then_some(object),
        staged: (change.audit_id.is_empty() || change.received.is_none()).then_some(change.staged),
    }
}

/// Folds records into requests. Requests that surely changed nothing are dropped: failed ones and dry runs.
pub(super) fn fold(changes: &[Change]) -> Vec<Request<'_>> {
    let mut places: HashMap<Identity<'_>, usize> = HashMap::with_capacity(changes.len());
    let mut groups: Vec<Vec<&Change>> = Vec::new();
    for change in changes {
        let place = *places.entry(identity(change)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    groups.into_iter().flat_map(of_one).filter(|r| !is_dry_run(r.change)).collect()
}

/// The requests behind the records of one identity: one, or several when records contradict each other.
fn of_one(records: Vec<&Change>) -> Vec<Request<'_>> {
    let (done, begun): (Vec<&Change>, Vec<&Change>) =
        records.into_iter().partition(|c| matches!(c.stage.as_deref(), None | Some("ResponseComplete")));
    if !done.is_empty() {
        return distinct(done).into_iter().filter_map(judge).collect();
    }
    let panicked = begun.iter().copied().find(|c| c.stage.as_deref() == Some("Panic"));
    let last = begun.iter().copied().max_by_key(|c| (c.staged, !c.name.is_empty(), &c.from));
    let (record, why) = match panicked {
        Some(record) => (Some(record), "the API server panicked while it ran"),
        None => (last, "the log holds only its beginning"),
    };
    record.map(|change| Request { change, open: Some(why) }).into_iter().collect()
}

/// Drops records that repeat another, or say the same with less of it.
fn distinct(mut records: Vec<&Change>) -> Vec<&Change> {
    if records.len() < 2 {
        return records;
    }
    // The richest first, so that what repeats less is met after what it repeats.
    records.sort_by_key(|c| (c.staged, c.response_body.is_none(), c.request_body.is_none(), c.code.is_none(), &c.from));
    let mut full = HashSet::new();
    let mut asked = HashSet::new();
    let mut bare = HashSet::new();
    records.retain(|c| {
        let (request, response) = (c.request_body.as_deref(), c.response_body.as_deref());
        let base = (c.staged, c.code, &*c.name);
        let fresh = match (request, response) {
            (_, Some(_)) => !full.contains(&(base, request, response)),
            (Some(_), None) => !asked.contains(&(base, request)),
            (None, None) => !bare.contains(&base),
        };
        // A copy without a code repeats one with any code.
        for base in [base, (c.staged, None, &*c.name)] {
            full.insert((base, request, response));
            asked.insert((base, request));
            bare.insert(base);
        }
        fresh
    });
    records
}

/// The outcome by status code. Nothing when the request surely changed nothing.
fn judge(change: &Change) -> Option<Request<'_>> {
    let many = change.verb == "deletecollection";
    let open = match change.code {
        Some(200..=299) => None,
        None | Some(0) if says_failure(change) => return None,
        None | Some(0) => None,
        // The server answered before the work was done; it may have been done afterwards.
        Some(504) => Some("it timed out, and may have been carried out all the same"),
        // It deletes one by one and stops at the first error. Source: `registry/generic/registry/store.go`.
        Some(409 | 500..=599) if many => Some("it failed, and may have deleted some before"),
        Some(_) => return None,
    };
    Some(Request { change, open })
}

fn says_failure(change: &Change) -> bool {
    #[derive(serde::Deserialize)]
    struct Status {
        kind: Option<String>,
        status: Option<String>,
    }
    let body = change.response_body.as_deref().and_then(|b| serde_json::from_str::<Status>(b).ok());
    body.is_some_and(|s| s.kind.as_deref() == Some("Status") && s.status.as_deref() == Some("Failure"))
}

/// `dryRun=All` in the query, or in the options that a delete carries as its body.
fn is_dry_run(change: &Change) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Options {
        kind: Option<String>,
        dry_run: Option<Vec<String>>,
    }
    if query_values(&change.request_uri, "dryRun").iter().any(|v| v == "All") {
        return true;
    }
    let options = || serde_json::from_str::<Options>(change.request_body.as_deref()?).ok();
    change.verb.starts_with("delete")
        && options().is_some_and(|o| {
            o.kind.as_deref().is_none_or(|k| k == "DeleteOptions")
                && o.dry_run.is_some_and(|d| d.iter().any(|v| v == "All"))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn record(id: &str, stage: &str, code: Option<i32>) -> Change {
        Change {
            audit_id: id.into(),
            verb: "create".into(),
            stage: Some(stage.into()),
            code,
            request_uri: "/apis/rbac.authorization.k8s.io/v1/clusterroles".into(),
            received: Some(Timestamp::from_micros(10)),
            staged: Timestamp::from_micros(20),
            ..Change::default()
        }
    }

    fn body(text: &str) -> Option<Arc<str>> {
        Some(Arc::from(text))
    }

    #[test]
    fn one_stage_of_a_request_counts() {
        let records = [record("a", "RequestReceived", None), record("a", "ResponseComplete", Some(201))];
        let requests = fold(&records);
        assert_eq!(requests.len(), 1);
        assert!(requests[0].open.is_none());
        assert_eq!(fold(&records[..1])[0].open, Some("the log holds only its beginning"));
        assert!(fold(&[record("a", "Panic", Some(500))])[0].open.is_some());
    }

    #[test]
    fn impersonation_does_not_split_a_request() {
        // The first stage is recorded before the impersonated user is known.
        let mut first = record("a", "RequestReceived", None);
        first.actor = "admin".into();
        let mut last = record("a", "ResponseComplete", Some(201));
        last.actor = "carol".into();
        last.name = "generated-later".into();
        assert_eq!(fold(&[last, first]).len(), 1);
    }

    #[test]
    fn failed_requests_and_dry_runs_change_nothing() {
        assert!(
            fold(&[record("a", "ResponseComplete", Some(403)), record("b", "ResponseComplete", Some(409))]).is_empty()
        );
        let mut dry = record("a", "ResponseComplete", Some(201));
        dry.request_uri.push_str("?fieldManager=x&dryRun=%41ll");
        assert!(fold(&[dry]).is_empty());
        let mut dry = record("a", "ResponseComplete", Some(200));
        dry.verb = "delete".into();
        dry.request_body = body(r#"{"kind":"DeleteOptions","dryRun":["All"]}"#);
        assert!(fold(&[dry.clone()]).is_empty());
        dry.request_body = body(r#"{"kind":"DeleteOptions","dryRun":null}"#);
        assert_eq!(fold(&[dry]).len(), 1);
    }

    #[test]
    fn without_a_code_only_a_sign_of_failure_makes_it_fail() {
        let mut unknown = record("a", "ResponseComplete", None);
        assert!(fold(&[unknown.clone()])[0].open.is_none());
        unknown.response_body = body(r#"{"kind":"Status","status":"Failure","code":409}"#);
        assert!(fold(&[unknown]).is_empty());
    }

    #[test]
    fn a_deletecollection_that_failed_may_have_deleted_some() {
        let mut change = record("a", "ResponseComplete", Some(500));
        assert!(fold(&[change.clone()]).is_empty());
        change.verb = "deletecollection".into();
        assert!(fold(&[change.clone()])[0].open.is_some());
        change.code = Some(403);
        assert!(fold(&[change]).is_empty());
    }

    #[test]
    fn repeated_records_fold_and_poorer_copies_too() {
        let mut rich = record("a", "ResponseComplete", Some(201));
        rich.request_body = body("{}");
        rich.response_body = body("{\"kind\":\"ClusterRole\"}");
        let mut poor = rich.clone();
        poor.response_body = None;
        poor.from.line = 7;
        let bare = record("a", "ResponseComplete", Some(201));
        let records = [bare, poor, rich.clone(), rich];
        let requests = fold(&records);
        assert_eq!(requests.len(), 1);
        assert!(requests[0].change.response_body.is_some());
    }

    #[test]
    fn two_requests_under_one_forged_id_both_count() {
        let mut one = record("a", "ResponseComplete", Some(201));
        one.response_body = body("{\"a\":1}");
        let mut two = one.clone();
        two.response_body = body("{\"a\":2}");
        assert_eq!(fold(&[one.clone(), two]).len(), 2);
        let mut other_time = one.clone();
        other_time.received = Some(Timestamp::from_micros(11));
        assert_eq!(fold(&[one, other_time]).len(), 2);
    }
}
