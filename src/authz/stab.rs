//! Which of many stretches of time hold at an instant, without looking at the others: a balanced
//! search tree over the stretches' beginnings, laid out in a sorted slice, each node knowing the
//! latest end below it. Costs one word per stretch; answers in O(log n + answers) even when a
//! subject was bound and unbound a hundred thousand times.

use crate::model::time::{Interval, Timestamp};

/// Stretches with a value each, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Stabs<T> {
    nodes: Box<[Node<T>]>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    held: Interval,
    /// Latest end in the subtree of which this node is the middle.
    latest: Timestamp,
    value: T,
}

impl<T> Default for Stabs<T> {
    fn default() -> Self {
        Self { nodes: Box::default() }
    }
}

impl<T> Stabs<T> {
    /// Takes the stretches in any order; empty ones are dropped.
    pub(super) fn new(items: impl IntoIterator<Item = (Interval, T)>) -> Self {
        let mut nodes: Box<[Node<T>]> = items
            .into_iter()
            .filter(|(held, _)| !held.is_empty())
            .map(|(held, value)| Node { held, latest: held.to, value })
            .collect();
        nodes.sort_by_key(|node| node.held);
        settle(&mut nodes);
        Self { nodes }
    }

    /// Calls `f` with every stretch that shares an instant with `window`, by beginning.
    pub(super) fn overlapping<'a>(&'a self, window: Interval, mut f: impl FnMut(Interval, &'a T)) {
        if !window.is_empty() {
            visit(&self.nodes, window, &mut f);
        }
    }
}

/// Computes the latest end of every subtree; returns that of the whole.
fn settle<T>(nodes: &mut [Node<T>]) -> Timestamp {
    let middle = nodes.len() / 2;
    let (left, rest) = nodes.split_at_mut(middle);
    let Some((node, right)) = rest.split_first_mut() else { return Timestamp::MIN };
    node.latest = node.held.to.max(settle(left)).max(settle(right));
    node.latest
}

fn visit<'a, T>(nodes: &'a [Node<T>], window: Interval, f: &mut impl FnMut(Interval, &'a T)) {
    let (left, rest) = nodes.split_at(nodes.len() / 2);
    let Some((node, right)) = rest.split_first() else { return };
    if node.latest <= window.from {
        return;
    }
    visit(left, window, f);
    if node.held.from < window.to {
        if window.from < node.held.to {
            f(node.held, &node.value);
        }
        visit(right, window, f);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn interval(from: i64, to: i64) -> Interval {
        Interval::new(Timestamp::from_micros(from), Timestamp::from_micros(to))
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_all(
            stretches in prop::collection::vec((0_i64..60, 0_i64..20), 0..60),
            from in -2_i64..80,
            length in 0_i64..10,
        ) {
            let stretches: Vec<_> = stretches.iter().map(|(f, l)| interval(*f, f + l)).collect();
            let stabs = Stabs::new(stretches.iter().enumerate().map(|(i, s)| (*s, i)));
            let window = interval(from, from + length);
            let mut found = Vec::new();
            stabs.overlapping(window, |held, i| found.push((held, *i)));
            prop_assert!(found.is_sorted_by_key(|(held, _)| held.from));
            found.sort_by_key(|(_, i)| *i);
            let places = stretches.iter().enumerate();
            let all: Vec<_> = places.filter(|(_, s)| s.overlaps(window)).map(|(i, s)| (*s, i)).collect();
            prop_assert_eq!(found, all);
        }
    }

    #[test]
    fn open_ends_are_found() {
        let stabs = Stabs::new([(Interval::ALWAYS, 1), (interval(5, 5), 2)]);
        let mut found = Vec::new();
        stabs.overlapping(interval(5, 6), |_, v| found.push(*v));
        assert_eq!(found, [1]);
    }
}
