//! Where the evidence knows all RBAC objects of a kind, and where it does not: what a "none" rests on.

use crate::history::state::KnownSet;
use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::{Interval, Timestamp};

/// The parts of a window in which objects of a kind may have existed unseen. Without a namespace, in any namespace.
pub(super) fn holes(sets: &[KnownSet], kind: RbacKind, namespace: Option<&str>, window: Interval) -> Vec<Interval> {
    let mut known: Vec<Interval> =
        speaking(sets, kind, namespace).map(|s| s.held.intersect(window)).filter(|h| !h.is_empty()).collect();
    known.sort();
    let mut holes = Vec::new();
    let mut since = window.from;
    for held in known {
        if held.from > since {
            holes.push(Interval::new(since, held.from));
        }
        since = since.max(held.to);
    }
    if since < window.to {
        holes.push(Interval::new(since, window.to));
    }
    holes
}

/// The stretches in which the sets of one kind and namespace (`None`: the whole cluster) speak, by time, each as well
/// known as the strongest of them; neighbours differ.
pub(super) fn stretches(sets: &[KnownSet], kind: RbacKind, namespace: Option<&str>) -> Vec<(Interval, Basis)> {
    let own: Vec<&KnownSet> = sets.iter().filter(|s| s.kind == kind && s.namespace.as_deref() == namespace).collect();
    let mut ends: Vec<Timestamp> = own.iter().flat_map(|s| [s.held.from, s.held.to]).collect();
    ends.sort();
    ends.dedup();
    let mut found: Vec<(Interval, Basis)> = Vec::new();
    for (from, to) in ends.iter().zip(ends.iter().skip(1)) {
        let here = own.iter().filter(|s| s.held.contains(*from)).map(|s| s.basis).min();
        match (here, found.last_mut()) {
            (Some(basis), Some((last, known))) if last.to == *from && *known == basis => last.to = *to,
            (Some(basis), _) => found.push((Interval::new(*from, *to), basis)),
            (None, _) => {}
        }
    }
    found
}

/// How well the objects of a kind are known within a window, at the worst; unknown where there is a hole.
pub(super) fn basis(sets: &[KnownSet], kind: RbacKind, namespace: Option<&str>, window: Interval) -> Basis {
    let own: Vec<&KnownSet> = speaking(sets, kind, namespace).collect();
    let strong = |weakest: Basis| {
        let enough: Vec<KnownSet> = own.iter().filter(|s| s.basis <= weakest).map(|s| (*s).clone()).collect();
        holes(&enough, kind, namespace, window).is_empty()
    };
    [Basis::Observed, Basis::Derived, Basis::Assumed].into_iter().find(|b| strong(*b)).unwrap_or(Basis::Unknown)
}

fn speaking<'s>(
    sets: &'s [KnownSet],
    kind: RbacKind,
    namespace: Option<&'s str>,
) -> impl Iterator<Item = &'s KnownSet> {
    sets.iter().filter(move |s| s.kind == kind && (s.namespace.is_none() || s.namespace.as_deref() == namespace))
}

/// A hole in words, open ends as open ends.
pub(super) fn spoken_hole(kind: RbacKind, namespace: Option<&str>, hole: Interval) -> String {
    let place = match namespace {
        Some(n) => format!(" in namespace `{n}`"),
        None if kind.namespaced() => " in all namespaces".to_owned(),
        None => String::new(),
    };
    let when = match (hole.from == Timestamp::MIN, hole.to == Timestamp::MAX) {
        (true, true) => "at any time".to_owned(),
        (true, false) => format!("before {}", hole.to),
        (false, true) => format!("since {}", hole.from),
        (false, false) => format!("from {} to {}", hole.from, hole.to),
    };
    format!("there may have been {kind}s that were not seen: no complete list of them{place} holds {when}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn t(n: i64) -> Timestamp {
        Timestamp::from_micros(n)
    }

    proptest! {
        #[test]
        fn holes_are_the_instants_that_no_set_covers(
            raw in prop::collection::vec((0_i64..20, 0_i64..8, any::<bool>(), 0..3_usize), 0..8),
            from in 0_i64..20, length in 1_i64..12,
        ) {
            let bases = [Basis::Observed, Basis::Derived, Basis::Assumed];
            let sets: Vec<KnownSet> = raw.iter().map(|(f, l, own, b)| KnownSet {
                kind: RbacKind::Role, namespace: own.then(|| Arc::from("a")), held: Interval::new(t(*f), t(f + l)), basis: bases[*b],
            }).collect();
            let window = Interval::new(t(from), t(from + length));
            let found = holes(&sets, RbacKind::Role, Some("a"), window);
            let mut worst = Basis::Observed;
            for n in from..from + length {
                let covering: Vec<Basis> = sets.iter().filter(|s| s.covers(RbacKind::Role, "a", t(n))).map(|s| s.basis).collect();
                prop_assert_eq!(found.iter().any(|h| h.contains(t(n))), covering.is_empty());
                worst = worst.max(covering.into_iter().min().unwrap_or(Basis::Unknown));
            }
            prop_assert_eq!(basis(&sets, RbacKind::Role, Some("a"), window), worst);
            let whole: Vec<KnownSet> = sets.iter().filter(|s| s.namespace.is_none()).cloned().collect();
            let steps = stretches(&sets, RbacKind::Role, None);
            for n in 0..30 {
                let slow = whole.iter().filter(|s| s.held.contains(t(n))).map(|s| s.basis).min();
                let here: Vec<Basis> = steps.iter().filter(|(held, _)| held.contains(t(n))).map(|(_, b)| *b).collect();
                prop_assert_eq!(here, slow.into_iter().collect::<Vec<_>>());
            }
            prop_assert!(steps.windows(2).all(|w| w[0].0.to < w[1].0.from || w[0].1 != w[1].1));
            prop_assert!(holes(&sets, RbacKind::ClusterRole, None, window) == [window]);
        }
    }
}
