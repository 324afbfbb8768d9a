//! What must be said beside a suggestion.

use super::needs::{Need, Needs, Seen, What};
use super::plan::{Names, Plan, reaches};
use crate::model::rbac::{RBAC_GROUP, RbacKind, Subject};
use crate::model::time::Interval;

/// Things of one sort spelled out; more are counted.
const SPELLED_OUT: usize = 10;

/// Whom it is for and what it is made of.
pub(super) fn about(subject: &Subject, needs: &Needs, within: Interval) -> Vec<String> {
    let whom = match subject.namespace.is_empty() {
        true => format!("{} `{}`", subject.kind, subject.name),
        false => format!("{} `{}:{}`", subject.kind, subject.namespace, subject.name),
    };
    let sum = |list: &mut dyn Iterator<Item = &Seen>| list.filter(|s| s.asked).map(|s| s.requests).sum::<usize>();
    let (allowed, denied) = (sum(&mut needs.allowed.values()), sum(&mut needs.denied.values()));
    let distinct = needs.allowed.values().filter(|s| s.asked).count();
    let mut notes = vec![format!(
        "least roles for {whom}: covers {allowed} requests ({distinct} distinct) that were allowed from {} to {}",
        within.from, within.to
    )];
    if denied > 0 {
        notes.push(format!("denied, and so not covered: {denied} requests"));
    }
    if allowed == 0 && denied == 0 {
        notes.push("the log of this stretch shows no request of this subject".to_owned());
    }
    let left = needs.inexpressible.iter();
    notes.extend(left.take(SPELLED_OUT).map(|(need, why)| format!("not covered: {}: {why}", spoken(need))));
    if needs.inexpressible.len() > SPELLED_OUT {
        notes.push(format!(
            "not covered: {} more requests that only a wildcard allows",
            needs.inexpressible.len() - SPELLED_OUT
        ));
    }
    notes
}

/// A request in words.
pub(super) fn spoken(need: &Need) -> String {
    let what = match &need.what {
        What::Resource { group, .. } if group.is_empty() => need.what.entry(),
        What::Resource { group, .. } => format!("{} in group {group}", need.what.entry()),
        What::Url(path) => path.clone(),
    };
    let name = if need.name.is_empty() { String::new() } else { format!(" named `{}`", need.name) };
    let place = match (&need.what, need.namespace.as_str()) {
        (What::Url(_), _) => String::new(),
        (_, "") => ", cluster-wide".to_owned(),
        (_, namespace) => format!(", in namespace `{namespace}`"),
    };
    format!("`{}` {what}{name}{place}", need.verb)
}

/// A request that was denied, and the allowed one that forces it to be granted.
pub(super) fn clash(denied: &Need, seen: &Seen, needs: &Needs) -> String {
    let denied_text = format!("{} was denied (last at {})", spoken(denied), seen.last);
    match needs.allowed.iter().find(|(need, _)| reaches(need, denied)) {
        Some((need, seen)) if need == denied => format!("{denied_text} and allowed (last at {})", seen.last),
        Some((need, seen)) => format!("{denied_text}, but {} was allowed (last at {})", spoken(need), seen.last),
        None => denied_text,
    }
}

/// Where a rule allows all objects although only some were used.
pub(super) fn widened(plan: &Plan, needs: &Needs) -> Vec<String> {
    let many = plan.grants.iter().filter_map(|((namespace, what, verb), names)| match names {
        Names::Many(names) => {
            let need =
                Need { namespace: namespace.clone(), what: what.clone(), verb: verb.clone(), name: String::new() };
            Some(format!(
                "{}: {} names were used, the rule allows all (--names lists more)",
                spoken(&need),
                names.len()
            ))
        }
        _ => None,
    });
    let mut notes: Vec<String> = many.collect();
    let more = notes.len().saturating_sub(SPELLED_OUT);
    notes.truncate(SPELLED_OUT);
    if more > 0 {
        notes.push(format!("{more} more rules allow all objects although only some were used (--names lists more)"));
    }
    if needs.allowed.keys().any(|need| need.namespace.is_empty() && matches!(need.what, What::Resource { .. })) {
        notes.push(
            "requests without a namespace (cluster-scoped objects, lists over all namespaces) need the ClusterRole"
                .to_owned(),
        );
    }
    notes
}

/// Checks that the API server makes besides, which no record shows.
pub(super) fn further_checks(needs: &Needs) -> Vec<String> {
    let any = |test: &dyn Fn(&str, &str, &str, &str) -> bool| {
        needs.allowed.keys().any(|need| match &need.what {
            What::Resource { group, resource, subresource } => test(&need.verb, group, resource, subresource),
            What::Url(_) => false,
        })
    };
    let writes = |verb: &str| matches!(verb, "create" | "update" | "patch");
    let mut notes = Vec::new();
    if any(&|verb, group, resource, _| {
        writes(verb) && group == RBAC_GROUP && RbacKind::from_resource(resource).is_some()
    }) {
        notes.push("writing RBAC objects also takes holding their rules, or the verbs `escalate` and `bind`: the log does not show which, and they are not in the suggestion".to_owned());
    }
    if any(&|verb, group, resource, sub| {
        verb == "get" && group.is_empty() && resource == "pods" && matches!(sub, "exec" | "attach" | "portforward")
    }) {
        notes.push(
            "from Kubernetes 1.35 on, exec, attach and portforward over websockets also take `create` on the same"
                .to_owned(),
        );
    }
    if any(&|verb, group, resource, sub| {
        writes(verb) && group == "certificates.k8s.io" && resource == "certificatesigningrequests" && !sub.is_empty()
    }) {
        notes.push("approving or signing certificate requests also takes `approve` or `sign` on `signers`: the log does not show it".to_owned());
    }
    notes
}
