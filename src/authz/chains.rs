//! The join behind every list: the stretches in which a binding gave a role to a subject, times the
//! stretches in which the role held something. Both sides are merged over versions before they are
//! joined, and a role is cut up once for all bindings that give it, so the work grows with the
//! input and the output, not with versions of the one times versions of the other.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::{Interval, Timestamp};

use super::index::{Binding, Content, Doubt, Given, Role};
use super::role_ref::RoleTarget;
use super::stab::Stabs;
use super::subjects::SubjectRef;
use super::timeline::Authorizer;

/// A stretch in which a binding gave a role to a subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stretch {
    /// `None`: perhaps to anybody.
    pub(super) subject: Option<SubjectRef>,
    pub(super) role: RoleTarget,
    /// Why the binding may not have existed.
    pub(super) doubt: Doubt,
    pub(super) basis: Basis,
    pub(super) held: Interval,
}

/// What a role is in a stretch of time.
pub(super) enum Moment<'a> {
    /// These rules, for sure unless there is a doubt that the role existed.
    Rules(&'a Arc<[PolicyRule]>, &'a Doubt),
    /// Rules that cannot be told.
    Unknown(&'a Arc<str>),
    /// Not there.
    Absent,
    /// Perhaps not there.
    Unseen,
    /// A reference that nothing can satisfy.
    Never,
}

/// What a role held in a stretch of time, as one kind of question sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece<P> {
    pub(super) basis: Basis,
    pub(super) payload: P,
}

/// The pieces of one role, to be asked by stretch.
pub(super) type Pieces<P> = Rc<Stabs<Piece<P>>>;

/// Collects pieces, making one of neighbours that say the same.
pub(super) struct Cutter<P> {
    /// By key, the place of the piece that may go on.
    open: HashMap<usize, usize>,
    done: Vec<(Interval, Piece<P>)>,
}

impl<P: PartialEq> Cutter<P> {
    /// Adds a piece. Calls come in order of time for each key; pieces of different keys are never made one.
    pub(super) fn push(&mut self, key: usize, held: Interval, basis: Basis, payload: P) {
        let next = self.done.len();
        let place = self.open.entry(key).or_insert(next);
        match self.done.get_mut(*place) {
            Some((last, piece)) if last.to == held.from && piece.basis == basis && piece.payload == payload => {
                last.to = held.to;
            }
            _ => {
                *place = next;
                self.done.push((held, Piece { basis, payload }));
            }
        }
    }
}

/// Cuts roles into pieces, each role once.
pub(super) struct RoleCutter<P, F> {
    cut: F,
    done: HashMap<RoleTarget, Pieces<P>>,
}

impl<P: PartialEq, F: Fn(&mut Cutter<P>, Interval, Basis, Moment<'_>)> RoleCutter<P, F> {
    /// `cut` says what a moment of a role is to the question, by pushing pieces.
    pub(super) fn new(cut: F) -> Self {
        Self { cut, done: HashMap::new() }
    }

    /// The pieces of a role, over all time.
    pub(super) fn pieces(&mut self, authorizer: &Authorizer, target: &RoleTarget) -> Pieces<P> {
        if let Some(pieces) = self.done.get(target) {
            return Rc::clone(pieces);
        }
        let mut cutter = Cutter { open: HashMap::new(), done: Vec::new() };
        authorizer.moments(target, |held, basis, moment| (self.cut)(&mut cutter, held, basis, moment));
        let pieces = Rc::new(Stabs::new(cutter.done));
        self.done.insert(target.clone(), Rc::clone(&pieces));
        pieces
    }
}

impl Authorizer {
    /// The stretches of a binding in which something is known of it, by subject, role and time, neighbours that
    /// say the same made one.
    pub(super) fn stretches(&self, binding: &Binding) -> Vec<Stretch> {
        let mut all = Vec::new();
        for version in self.index.versions_of(binding) {
            let Given::Role { role, subjects, doubt } = &version.state else { continue };
            let stretch = |subject| Stretch {
                subject,
                role: role.clone(),
                doubt: doubt.clone(),
                basis: version.basis,
                held: version.held,
            };
            match subjects {
                Some(subjects) => all.extend(subjects.iter().map(|subject| stretch(Some(subject.clone())))),
                None => all.push(stretch(None)),
            }
        }
        all.sort_unstable();
        // A subject listed twice in one version gives the same stretch twice: `to` is then not before `from`.
        all.dedup_by(|next, last| {
            let key = |s: &Stretch| (s.basis, s.doubt.clone());
            let same = next.held.from <= last.held.to
                && (&next.subject, &next.role) == (&last.subject, &last.role)
                && key(next) == key(last);
            if same {
                last.held.to = last.held.to.max(next.held.to);
            }
            same
        });
        all
    }

    /// Cuts all of time into what the role was.
    fn moments(&self, target: &RoleTarget, mut f: impl FnMut(Interval, Basis, Moment<'_>)) {
        let role = match target {
            RoleTarget::Never(_) => return f(Interval::ALWAYS, Basis::Observed, Moment::Never),
            RoleTarget::Role(place) => self.index.roles.get(*place),
        };
        let Some(role) = role else { return };
        let mut since = Timestamp::MIN;
        for version in &role.versions {
            self.gap(role, Interval::new(since, version.held.from), &mut f);
            match &version.state {
                Content::Rules { rules, doubt, .. } => f(version.held, version.basis, Moment::Rules(rules, doubt)),
                Content::Unknown(why) => f(version.held, Basis::Unknown, Moment::Unknown(why)),
            }
            since = version.held.to;
        }
        self.gap(role, Interval::new(since, Timestamp::MAX), &mut f);
    }

    fn gap(&self, role: &Role, gap: Interval, f: &mut impl FnMut(Interval, Basis, Moment<'_>)) {
        if gap.is_empty() {
            return;
        }
        for (held, basis) in self.sets.over(role.object.kind, Some(&role.object.namespace), gap) {
            match basis {
                Some(basis) => f(held, basis, Moment::Absent),
                None => f(held, Basis::Unknown, Moment::Unseen),
            }
        }
    }
}

/// The stretches of one subject and role at a time, those left out that never touch the window: rows are
/// only ever merged among these.
pub(super) fn touching(stretches: &[Stretch], window: Interval) -> impl Iterator<Item = &[Stretch]> {
    let chunks = stretches.chunk_by(|a, b| a.subject == b.subject && a.role == b.role);
    chunks.filter(move |chunk| chunk.iter().any(|stretch| stretch.held.overlaps(window)))
}

/// A row of a list, for making one of neighbours in time that otherwise are equal.
pub(super) trait Held: Ord {
    /// When it held.
    fn held(&mut self) -> &mut Interval;

    /// When it held, to look at.
    fn held_ref(&self) -> &Interval;

    /// Whether the two differ in nothing but time.
    fn same_but_for_time(&self, other: &Self) -> bool;
}

/// A row that also tells how long it held without a break, however well that is known.
pub(super) trait Reaching: Held {
    /// The unbroken stretch.
    fn reach(&mut self) -> &mut Interval;

    /// Whether the two differ in nothing but time and basis. Such rows lie beside each other.
    fn same_but_for_basis(&self, other: &Self) -> bool;
}

/// Fills in the unbroken stretches of merged rows.
pub(super) fn fill_reach<R: Reaching>(rows: &mut [R]) {
    for group in rows.chunk_by_mut(|a, b| a.same_but_for_basis(b)) {
        group.sort_by_key(|row| *row.held_ref());
        let mut runs: Vec<Interval> = Vec::new();
        for row in group.iter() {
            let held = *row.held_ref();
            match runs.last_mut() {
                Some(run) if held.from <= run.to => run.to = run.to.max(held.to),
                _ => runs.push(held),
            }
        }
        let mut run = runs.iter().copied();
        let mut current = run.next().unwrap_or(Interval::ALWAYS);
        for row in group {
            while row.held_ref().from >= current.to
                && let Some(next) = run.next()
            {
                current = next;
            }
            *row.reach() = current;
        }
    }
}

/// Sorts rows and makes one of neighbours. The order must put rows that are equal but for time beside each other.
pub(super) fn merge<R: Held>(rows: &mut Vec<R>) {
    rows.sort_unstable();
    rows.dedup_by(|next, last| {
        let (next_held, last_held) = (*next.held(), *last.held());
        let one = next_held.from <= last_held.to && last.same_but_for_time(next);
        if one {
            last.held().to = last_held.to.max(next_held.to);
        }
        one
    });
}
