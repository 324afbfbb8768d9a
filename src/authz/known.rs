//! Where absence means absence: the known sets, flattened into steps that do not overlap, so that
//! an instant is looked up by binary search and the strongest basis is already chosen.

use std::collections::HashMap;

use crate::history::state::KnownSet;
use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::{Interval, Timestamp};

/// The known sets of all kinds and namespaces.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownSets {
    kinds: HashMap<RbacKind, OfKind>,
}

#[derive(Clone, Debug, Default)]
struct OfKind {
    /// Known for the whole cluster.
    whole: Steps,
    /// Known for one namespace.
    spaces: HashMap<Box<str>, Steps>,
}

impl KnownSets {
    pub(super) fn new(sets: &[KnownSet]) -> Self {
        let mut raw: HashMap<_, Vec<(Interval, Basis)>> = HashMap::new();
        for set in sets {
            raw.entry((set.kind, set.namespace.as_deref())).or_default().push((set.held, set.basis));
        }
        let mut kinds: HashMap<RbacKind, OfKind> = HashMap::new();
        for ((kind, namespace), stretches) in raw {
            let (of_kind, steps) = (kinds.entry(kind).or_default(), Steps::new(&stretches));
            match namespace {
                Some(namespace) => drop(of_kind.spaces.insert(Box::from(namespace), steps)),
                None => of_kind.whole = steps,
            }
        }
        Self { kinds }
    }

    /// How well the set of this kind in this namespace is known at an instant; `None`: it is not.
    /// The namespace of cluster-scoped kinds is `""`.
    pub(super) fn at(&self, kind: RbacKind, namespace: &str, at: Timestamp) -> Option<Basis> {
        let of_kind = self.kinds.get(&kind)?;
        let whole = of_kind.whole.at(at);
        if whole == Some(Basis::Observed) {
            return whole;
        }
        let own = of_kind.spaces.get(namespace).and_then(|steps| steps.at(at));
        [whole, own].into_iter().flatten().min()
    }

    /// A window cut into pieces by how well the set is known in each. Without a namespace the set of
    /// all namespaces together is meant.
    pub(super) fn over(
        &self,
        kind: RbacKind,
        namespace: Option<&str>,
        window: Interval,
    ) -> Vec<(Interval, Option<Basis>)> {
        let of_kind = self.kinds.get(&kind);
        let own = namespace.and_then(|n| of_kind.and_then(|k| k.spaces.get(n)));
        let mut stretches = Vec::new();
        for steps in [of_kind.map(|k| &k.whole), own].into_iter().flatten() {
            stretches.extend(steps.overlapping(window).map(|(held, basis)| (held.intersect(window), basis)));
        }
        Steps::new(&stretches).fill(window)
    }
}

/// Stretches that do not overlap, by time, each with its basis; neighbours differ.
#[derive(Clone, Debug, Default)]
struct Steps(Box<[(Interval, Basis)]>);

impl Steps {
    /// Flattens overlapping stretches; the strongest basis counts. Unknown stretches say nothing.
    fn new(stretches: &[(Interval, Basis)]) -> Self {
        let mut turns: Vec<(Timestamp, usize, bool)> = Vec::new();
        for (held, basis) in stretches.iter().filter(|(held, _)| !held.is_empty()) {
            if let Some(place) = STRENGTHS.iter().position(|b| b == basis) {
                turns.push((held.from, place, true));
                turns.push((held.to, place, false));
            }
        }
        turns.sort_unstable();
        let mut open = [0_usize; STRENGTHS.len()];
        let mut steps: Vec<(Interval, Basis)> = Vec::new();
        let mut since = Timestamp::MIN;
        for (at, place, begins) in turns {
            if at > since {
                let strongest = open.iter().zip(STRENGTHS).find(|(count, _)| **count > 0).map(|(_, basis)| basis);
                if let Some(basis) = strongest {
                    push_step(&mut steps, Interval::new(since, at), basis);
                }
                since = at;
            }
            if let Some(count) = open.get_mut(place) {
                *count = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
            }
        }
        Self(steps.into_boxed_slice())
    }

    fn at(&self, at: Timestamp) -> Option<Basis> {
        let after = self.0.partition_point(|(held, _)| held.from <= at);
        let (held, basis) = self.0.get(after.checked_sub(1)?)?;
        held.contains(at).then_some(*basis)
    }

    fn overlapping(&self, window: Interval) -> impl Iterator<Item = (Interval, Basis)> {
        let first = self.0.partition_point(|(held, _)| held.to <= window.from);
        self.0.iter().skip(first).take_while(move |(held, _)| held.from < window.to).copied()
    }

    /// The steps with the holes between them, over the whole window.
    fn fill(&self, window: Interval) -> Vec<(Interval, Option<Basis>)> {
        let mut pieces = Vec::new();
        let mut since = window.from;
        for (held, basis) in self.overlapping(window) {
            let held = held.intersect(window);
            if since < held.from {
                pieces.push((Interval::new(since, held.from), None));
            }
            pieces.push((held, Some(basis)));
            since = held.to;
        }
        if since < window.to {
            pieces.push((Interval::new(since, window.to), None));
        }
        pieces
    }
}

/// The bases that say something, strongest first.
const STRENGTHS: [Basis; 3] = [Basis::Observed, Basis::Derived, Basis::Assumed];

fn push_step(steps: &mut Vec<(Interval, Basis)>, held: Interval, basis: Basis) {
    match steps.last_mut() {
        Some((last, known)) if last.to == held.from && *known == basis => last.to = held.to,
        _ => steps.push((held, basis)),
    }
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

    fn set(namespace: Option<&str>, from: i64, to: i64, basis: Basis) -> KnownSet {
        KnownSet {
            kind: RbacKind::Role,
            namespace: namespace.map(Arc::from),
            held: Interval::new(t(from), t(to)),
            basis,
        }
    }

    #[test]
    fn a_list_of_one_namespace_says_nothing_about_another() {
        let sets = KnownSets::new(&[set(Some("a"), 0, 10, Basis::Observed)]);
        assert_eq!(sets.at(RbacKind::Role, "a", t(9)), Some(Basis::Observed));
        assert_eq!(sets.at(RbacKind::Role, "a", t(10)), None);
        assert_eq!(sets.at(RbacKind::Role, "b", t(5)), None);
        assert_eq!(sets.at(RbacKind::RoleBinding, "a", t(5)), None);
        let whole = Interval::new(t(0), t(10));
        assert_eq!(sets.over(RbacKind::Role, None, whole), [(whole, None)]);
    }

    proptest! {
        #[test]
        fn flattened_steps_agree_with_the_raw_sets(
            raw in prop::collection::vec((0..3_usize, 0_i64..20, 0_i64..12, 0..4_usize), 0..14),
            from in 0_i64..30,
            length in 1_i64..30,
        ) {
            let bases = [Basis::Observed, Basis::Derived, Basis::Assumed, Basis::Unknown];
            let spaces = [None, Some("a"), Some("b")];
            let raw: Vec<_> = raw.iter().map(|(s, f, l, b)| set(spaces[*s], *f, f + l, bases[*b])).collect();
            let sets = KnownSets::new(&raw);
            let window = Interval::new(t(from), t(from + length));
            for (namespace, query) in [("a", Some("a")), ("b", Some("b")), ("c", None)] {
                let pieces = sets.over(RbacKind::Role, query, window);
                for n in from..from + length {
                    let slow = raw.iter()
                        .filter(|s| s.basis != Basis::Unknown && s.covers(RbacKind::Role, namespace, t(n)))
                        .map(|s| s.basis).min();
                    prop_assert_eq!(sets.at(RbacKind::Role, namespace, t(n)), slow);
                    let piece: Vec<_> = pieces.iter().filter(|(held, _)| held.contains(t(n))).collect();
                    prop_assert_eq!(piece.len(), 1);
                    prop_assert_eq!(piece[0].1, slow);
                }
            }
        }
    }
}
