//! What subjects gained and lost between two moments, and what they held, or lacked, only in between: the part of
//! `diff` that is arithmetic on stretches of time.
//!
//! A grant is followed by its whole chain (subject, scope, binding, role) and by what the rule says, not by the rule's
//! place in the role: a rule that only moves is no change.

use std::collections::BTreeMap;

use crate::authz::uncovered;
use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::{Interval, Timestamp};

/// Comparisons spent on one "was that new?"; beyond, it is left open.
const MOST_WORK: usize = 20_000_000;

/// Kind, namespace and name.
pub(super) type Name = (String, String, String);

/// Through what a grant comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chain {
    /// Whose it is.
    pub(super) subject: Name,
    /// The namespace it holds in; `None` is the whole cluster.
    pub(super) scope: Option<String>,
    /// The binding.
    pub(super) binding: Name,
    /// The role.
    pub(super) role: Name,
}

/// A rule that a chain gave in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) chain: Chain,
    pub(super) rule: PolicyRule,
    pub(super) held: Interval,
    pub(super) basis: Basis,
}

/// How a grant differs, when it began and when it ended.
type Turn = (Net, Option<Timestamp>, Option<Timestamp>);

/// A rule that a chain gives, and when it does.
type Held<'a> = (&'a Chain, &'a PolicyRule, &'a [Interval]);

/// How two moments differ in a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Net {
    /// Held at the second moment and not at the first.
    Gained,
    /// Held at the first moment and not at the second.
    Lost,
    /// Held in between, at neither end of this stretch's window.
    HeldForAWhile,
    /// Held at both, but not all the time.
    LostForAWhile,
}

impl Net {
    /// The words used in answers.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::Lost => "lost",
            Self::HeldForAWhile => "held for a while",
            Self::LostForAWhile => "lost for a while",
        }
    }
}

/// Rules that one chain began or ceased to give at the same moments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) net: Net,
    pub(super) chain: Chain,
    /// When it began to be held; of what was lost for a while, when it was lost.
    pub(super) began: Option<Timestamp>,
    /// When it ceased to be held; of what was lost for a while, when it came back.
    pub(super) ended: Option<Timestamp>,
    pub(super) rules: Vec<PolicyRule>,
    pub(super) basis: Basis,
    /// Whether the subject could do something by it that it could not do otherwise: for what was gained or held, at the
    /// first moment; for what was lost, at the second; for what was lost for a while, when it was lost. `None`: too much
    /// to compare.
    pub(super) matters: Option<bool>,
}

/// The differences between the state at `from` and at `to`, sorted. Pieces that hold at no instant of `[from, to]` are
/// of no use here.
pub(super) fn between(pieces: Vec<Piece>, from: Timestamp, to: Timestamp) -> Vec<Change> {
    let mut grants: BTreeMap<(Chain, PolicyRule), (Vec<Interval>, Basis)> = BTreeMap::new();
    for mut piece in pieces {
        settle(&mut piece.rule);
        let grant = grants.entry((piece.chain, piece.rule)).or_insert((Vec::new(), Basis::Observed));
        grant.0.push(piece.held);
        if piece.held.from <= to && piece.held.to > from {
            grant.1 = grant.1.weakest(piece.basis);
        }
    }
    for (held, _) in grants.values_mut() {
        join(held);
    }
    let mut found: BTreeMap<(Turn, &Chain), (Vec<PolicyRule>, Basis)> = BTreeMap::new();
    for ((chain, rule), (held, basis)) in &grants {
        for turn in turns(held, from, to) {
            let change = found.entry((turn, chain)).or_insert((Vec::new(), Basis::Observed));
            change.0.push(rule.clone());
            change.1 = change.1.weakest(*basis);
        }
    }
    let mut by_subject: BTreeMap<&Name, Vec<Held<'_>>> = BTreeMap::new();
    for ((chain, rule), (held, _)) in &grants {
        by_subject.entry(&chain.subject).or_default().push((chain, rule, held.as_slice()));
    }
    let changes = found.into_iter().map(|(((net, began, ended), chain), (rules, basis))| {
        let beside = match net {
            Net::Gained | Net::HeldForAWhile => from,
            Net::Lost => to,
            Net::LostForAWhile => began.unwrap_or(from),
        };
        let others = by_subject.get(&chain.subject).map(Vec::as_slice).unwrap_or_default();
        let matters = matters(&rules, chain.scope.as_deref(), others, beside);
        Change { net, chain: chain.clone(), began, ended, rules, basis, matters }
    });
    changes.collect()
}

/// Puts the entries of a rule in order: the order means nothing to the authorizer.
fn settle(rule: &mut PolicyRule) {
    for list in [
        &mut rule.verbs,
        &mut rule.api_groups,
        &mut rule.resources,
        &mut rule.resource_names,
        &mut rule.non_resource_urls,
    ] {
        list.sort();
        list.dedup();
    }
}

/// Makes one of stretches that touch.
fn join(held: &mut Vec<Interval>) {
    held.sort();
    held.dedup_by(|next, last| {
        let touching = next.from <= last.to;
        if touching {
            last.to = last.to.max(next.to);
        }
        touching
    });
}

/// What became of one grant between two moments.
fn turns(held: &[Interval], from: Timestamp, to: Timestamp) -> Vec<Turn> {
    let mut turns = Vec::new();
    let inside: Vec<Interval> = held.iter().copied().filter(|h| h.from <= to && h.to > from).collect();
    let both_ends = inside.first().is_some_and(|h| h.contains(from)) && inside.last().is_some_and(|h| h.contains(to));
    if both_ends {
        let holes = inside.iter().zip(inside.iter().skip(1));
        turns.extend(holes.map(|(a, b)| (Net::LostForAWhile, Some(a.to), Some(b.from))));
        return turns;
    }
    for h in inside {
        turns.push(match (h.contains(from), h.contains(to)) {
            (true, _) => (Net::Lost, None, Some(h.to)),
            (false, true) => (Net::Gained, Some(h.from), None),
            (false, false) => (Net::HeldForAWhile, Some(h.from), Some(h.to)),
        });
    }
    turns
}

/// Whether the rules give anything that the subject's other grants did not give at a moment.
fn matters(
    rules: &[PolicyRule],
    scope: Option<&str>,
    grants: &[Held<'_>],
    at: Timestamp,
) -> Option<bool> {
    let reaches = |chain: &Chain| chain.scope.is_none() || chain.scope.as_deref() == scope;
    let held = |held: &[Interval]| held.iter().any(|h| h.contains(at));
    let owned: Vec<&PolicyRule> =
        grants.iter().filter(|(chain, _, h)| reaches(chain) && held(h)).map(|(_, rule, _)| *rule).collect();
    if owned.is_empty() {
        return Some(true);
    }
    let entries = |r: &PolicyRule| {
        [&r.verbs, &r.api_groups, &r.resources, &r.resource_names, &r.non_resource_urls].map(|l| l.len())
    };
    let tuples = rules.iter().map(entries).fold(0_usize, |sum, [verbs, groups, resources, names, urls]| {
        let objects = groups.saturating_mul(resources).saturating_mul(names.max(1));
        sum.saturating_add(verbs.saturating_mul(objects.saturating_add(urls)))
    });
    let width = owned.iter().fold(0_usize, |sum, r| entries(r).iter().fold(sum, |s, n| s.saturating_add(*n)));
    if tuples.saturating_mul(width) > MOST_WORK {
        return None;
    }
    uncovered(&owned, rules).ok().map(|left| !left.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn t(n: i64) -> Timestamp {
        Timestamp::from_micros(n)
    }

    fn chain(subject: &str, scope: Option<&str>, binding: &str) -> Chain {
        let name = |kind: &str, name: &str| (kind.to_owned(), String::new(), name.to_owned());
        Chain {
            subject: name("User", subject),
            scope: scope.map(str::to_owned),
            binding: name("B", binding),
            role: name("R", "r"),
        }
    }

    fn rule(verb: &str) -> PolicyRule {
        let one = |s: &str| vec![s.to_owned()];
        PolicyRule { verbs: one(verb), api_groups: one(""), resources: one("pods"), ..PolicyRule::default() }
    }

    fn piece(chain: &Chain, verb: &str, from: i64, to: i64) -> Piece {
        Piece { chain: chain.clone(), rule: rule(verb), held: Interval::new(t(from), t(to)), basis: Basis::Observed }
    }

    #[test]
    fn a_grant_at_neither_end_is_told() {
        let c = chain("eve", None, "backdoor");
        let told = between(vec![piece(&c, "*", 3, 5)], t(0), t(10));
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].net, told[0].began, told[0].ended, told[0].matters),
            (Net::HeldForAWhile, Some(t(3)), Some(t(5)), Some(true))
        );
    }

    #[test]
    fn the_two_moments_belong_to_the_states_compared() {
        let c = chain("ann", None, "b");
        assert!(between(vec![piece(&c, "get", 0, 11)], t(0), t(10)).is_empty(), "held at both");
        assert_eq!(between(vec![piece(&c, "get", 1, 11)], t(0), t(10))[0].net, Net::Gained);
        assert_eq!(between(vec![piece(&c, "get", 10, 11)], t(0), t(10))[0].net, Net::Gained);
        assert_eq!(between(vec![piece(&c, "get", 0, 10)], t(0), t(10))[0].net, Net::Lost);
        assert!(between(vec![piece(&c, "get", -5, 0), piece(&c, "list", 11, 12)], t(0), t(10)).is_empty());
    }

    #[test]
    fn what_was_held_otherwise_does_not_matter() {
        let (old, new) = (chain("ann", None, "old"), chain("ann", Some("web"), "new"));
        let told = between(vec![piece(&old, "*", -1, 20), piece(&new, "get", 5, 20)], t(0), t(10));
        assert_eq!((told.len(), told[0].net, told[0].matters), (1, Net::Gained, Some(false)));
        let elsewhere = chain("ann", Some("other"), "old");
        assert_eq!(
            between(vec![piece(&elsewhere, "*", -1, 20), piece(&new, "get", 5, 20)], t(0), t(10))[0].matters,
            Some(true)
        );
    }

    #[test]
    fn rules_that_come_together_are_one_change_and_their_order_is_none() {
        let c = chain("ann", None, "b");
        let two = between(vec![piece(&c, "get", 5, 20), piece(&c, "list", 5, 20)], t(0), t(10));
        assert_eq!((two.len(), two[0].rules.len()), (1, 2));
        let mut turned = piece(&c, "get", 5, 20);
        turned.rule.verbs = vec!["b".into(), "a".into()];
        let mut straight = piece(&c, "get", -5, 5);
        straight.rule.verbs = vec!["a".into(), "b".into()];
        assert!(between(vec![turned, straight], t(0), t(10)).is_empty());
    }

    proptest! {
        /// Instant by instant: what the changes say about each grant is what the pieces say.
        #[test]
        fn changes_agree_with_the_instants(raw in prop::collection::vec((0..2_usize, 0_i64..14, 1_i64..6), 0..8), from in 0_i64..10, length in 1_i64..8) {
            let (to, c) = (from + length, chain("ann", None, "b"));
            let verbs = ["get", "list"];
            let pieces: Vec<Piece> = raw.iter().map(|(v, f, l)| piece(&c, verbs[*v], *f, f + l)).collect();
            let told = between(pieces.clone(), t(from), t(to));
            for verb in verbs {
                let held = |at: i64| pieces.iter().any(|p| p.rule == rule(verb) && p.held.contains(t(at)));
                let own: Vec<&Change> = told.iter().filter(|c| c.rules.contains(&rule(verb))).collect();
                let count = |net| own.iter().filter(|c| c.net == net).count();
                prop_assert_eq!(count(Net::Gained), usize::from(!held(from) && held(to)));
                prop_assert_eq!(count(Net::Lost), usize::from(held(from) && !held(to)));
                let turns = (from + 1..=to).filter(|at| held(*at) != held(*at - 1)).count();
                let spoken: usize = own.iter().map(|c| usize::from(c.began.is_some()) + usize::from(c.ended.is_some())).sum();
                prop_assert_eq!(turns, spoken, "each turn is told once");
                for c in own {
                    for (time, gives) in [(c.began, c.net != Net::LostForAWhile), (c.ended, c.net == Net::LostForAWhile)] {
                        let Some(time) = time else { continue };
                        prop_assert_eq!(held(time.as_micros()), gives);
                        prop_assert_eq!(held(time.as_micros() - 1), !gives);
                    }
                }
            }
        }
    }
}
