//! Rules of an aggregated ClusterRole, recomputed where the controller's own change left no body in the log.
//!
//! The controller reads its cache, so a change of a part just before its patch may not be in it; but then it patches
//! again at once. So only the last patch of a burst is recomputed, from the parts as they stood at that time, and
//! only when every ClusterRole is known. The result is never more than assumed: whoever holds the controller's token
//! can send a patch that looks the same.
//!
//! Source: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::model::basis::Basis;
use crate::model::rbac::{AggregationRule, PolicyRule};
use crate::model::selector;
use crate::model::time::Timestamp;

use super::act::{Act, Deed};
use super::body::{Body, Read, SECOND, read};
use super::gap::Span;
use super::know::What;
use super::line::{Line, Mark, Point};

/// Nested aggregates settle one level per pass.
pub(super) const PASSES: usize = 8;
/// Parts are weighed at most this often in one pass; beyond that roles stay unknown.
const WEIGHED: usize = 4_000_000;

const CONTROLLERS: [&str; 2] =
    ["system:serviceaccount:kube-system:clusterrole-aggregation-controller", "system:kube-controller-manager"];

/// Whether any change waits to be recomputed.
pub(super) fn wanted(lines: &[Line]) -> bool {
    lines.iter().flat_map(|l| &l.points).any(|p| open_act(p).is_some())
}

/// A patch by the controller of which the log holds no body.
fn open_act(point: &Point) -> Option<&Act> {
    let Mark::Act(act) = &point.mark else { return None };
    let bare = act.shown.is_none() && act.asked.is_none() && act.patch.is_none() && act.recomputed.is_none();
    let by_controller = act.origin.actor.as_deref().is_some_and(|a| CONTROLLERS.contains(&a));
    let patch = act.deed == Deed::Change && act.open.is_none() && act.origin.with == "patch";
    (bare && by_controller && patch).then_some(act.as_ref())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Role {
    rules: Option<Vec<PolicyRule>>,
    aggregation_rule: Option<AggregationRule>,
}

/// Labels and rules of a part.
type Part = Rc<(BTreeMap<String, String>, Vec<PolicyRule>)>;

/// Recomputes what can be recomputed from the spans of all ClusterRoles; names the lines that changed.
pub(super) fn pass(lines: &mut [Line], all: &[Vec<Span>], known: impl Fn(Timestamp) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by(|a, b| lines.get(*a).map(|l| &l.key.name).cmp(&lines.get(*b).map(|l| &l.key.name)));
    let mut parts: HashMap<*const Body, Option<Part>> = HashMap::new();
    let mut budget = WEIGHED;
    let mut changed = Vec::new();
    for target in 0..lines.len() {
        let mut done: Vec<(usize, Arc<Body>)> = Vec::new();
        if let Some(line) = lines.get(target) {
            for (place, t) in last_of_bursts(line) {
                budget = budget.saturating_sub(order.len());
                if budget == 0 || !known(t) {
                    continue;
                }
                let others = order.iter().filter(|i| **i != target).filter_map(|i| all.get(*i));
                if let Some(body) = base(line, place).and_then(|b| recompute(&b, t, others, &mut parts)) {
                    done.push((place, body));
                }
            }
        }
        if !done.is_empty() {
            changed.push(target);
        }
        for (place, body) in done {
            let point = lines.get_mut(target).and_then(|l| l.points.get_mut(place));
            if let Some(Mark::Act(act)) = point.map(|p| &mut p.mark) {
                act.recomputed = Some(body);
            }
        }
    }
    changed
}

/// Open changes after which nothing else happens to the role for a second.
fn last_of_bursts(line: &Line) -> Vec<(usize, Timestamp)> {
    let next = line.points.iter().skip(1).map(Some).chain([None]);
    let quiet = |p: &Point, next: Option<&Point>| next.is_none_or(|n| n.lo > p.hi.plus_micros(SECOND));
    let places = line.points.iter().zip(next).enumerate();
    places.filter(|(_, (p, next))| open_act(p).is_some() && quiet(p, *next)).map(|(i, (p, _))| (i, p.hi)).collect()
}

/// The role as it was before the burst: the controller touches nothing but its rules.
fn base(line: &Line, place: usize) -> Option<Arc<Body>> {
    let burst = line.points.get(..place)?.iter().rev().take_while(|p| open_act(p).is_some()).count();
    let before = place.checked_sub(burst)?.checked_sub(1)?;
    let state = line.after.get(before)?.object()?;
    match &state.what {
        What::Whole(body) if state.surely => Some(Arc::clone(body)),
        _ => None,
    }
}

/// One sync of the controller.
fn recompute<'a>(
    base: &Body,
    t: Timestamp,
    others: impl Iterator<Item = &'a Vec<Span>>,
    parts: &mut HashMap<*const Body, Option<Part>>,
) -> Option<Arc<Body>> {
    let role: Role = serde_json::from_str(&base.text).ok()?;
    let selectors = role.aggregation_rule?.cluster_role_selectors;
    let mut there: Vec<Part> = Vec::new();
    for spans in others {
        let after = spans.partition_point(|s| s.from <= t);
        let span = after.checked_sub(1).and_then(|i| spans.get(i)).filter(|s| t < s.to);
        let Some(span) = span else { continue };
        match &span.state.what {
            What::Whole(body) if span.basis < Basis::Unknown => {
                let part = parts.entry(Arc::as_ptr(body)).or_insert_with(|| part_of(body)).clone();
                there.push(part?);
            }
            _ => return None,
        }
    }
    let rules = gathered(&selectors, &there)?;
    replaced(base, &rules)
}

fn part_of(body: &Body) -> Option<Part> {
    let role: Role = serde_json::from_str(&body.text).ok()?;
    Some(Rc::new((body.labels()?.clone(), role.rules.unwrap_or_default())))
}

/// The rules of all parts that a selector takes: selector by selector, parts by name, each rule once.
fn gathered(selectors: &[crate::model::rbac::LabelSelector], parts: &[Part]) -> Option<Vec<PolicyRule>> {
    if selectors.is_empty() {
        return None;
    }
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in selectors {
        for part in parts {
            if selector::matches(selector, &part.0).ok()? {
                for rule in &part.1 {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
    }
    Some(rules)
}

/// The role with other rules, without the bookkeeping that the server renewed with them.
fn replaced(base: &Body, rules: &[PolicyRule]) -> Option<Arc<Body>> {
    let mut object: Value = serde_json::from_str(&base.text).ok()?;
    object.as_object_mut()?.insert("rules".to_owned(), serde_json::to_value(rules).ok()?);
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("resourceVersion");
        meta.remove("managedFields");
    }
    let text: Arc<str> = Arc::from(serde_json::to_string(&object).ok()?);
    match read(&text, "ClusterRole") {
        Read::Object(body) => Some(body),
        _ => None,
    }
}
