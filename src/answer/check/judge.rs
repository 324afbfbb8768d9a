//! Holds one decision against the rebuilt RBAC, around the moment it was made.

use std::collections::HashMap;

use crate::authz::{Authorizer, Chain, Decision, ObjectRef, SubjectKind, Via};
use crate::history::state::{BindingState, KnownSet, RbacTimeline, RoleState};
use crate::model::identity::{MASTERS, service_account_user};
use crate::model::rbac::RbacKind;
use crate::model::reason::{self, NamedGrant};
use crate::model::review::AccessReview;
use crate::model::time::{Interval, Timestamp};

use super::Outcome;
use super::causes;
use super::request::{Moment, Request};

/// Changes around one decision that are looked at; more make it unknown.
const MOST_CHANGES: usize = 1000;

/// What became of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// Why it is not comparable.
    pub(super) why: Option<String>,
    /// What the rebuilt RBAC says.
    pub(super) rebuilt: String,
    /// The most likely first.
    pub(super) causes: Vec<String>,
}

impl Judged {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, why: None, rebuilt: String::new(), causes: Vec::new() }
    }

    fn not_comparable(why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..Self::of(Outcome::NotComparable) }
    }
}

/// Whether an object was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Presence {
    /// The evidence cannot tell.
    Unknown,
    /// It was not there.
    Absent,
    /// It was there.
    Present,
}

/// The rebuilt RBAC as a witness.
pub(super) struct Witness {
    pub(super) authorizer: Authorizer,
    objects: HashMap<ObjectRef, Vec<(Interval, Presence)>>,
    sets: Vec<KnownSet>,
    turns: Vec<Timestamp>,
}

/// How one decision looks at one moment.
enum Look {
    Agrees,
    /// Allowed, but not by the binding named.
    Otherwise(Presence),
    CannotTell,
    Contradicts,
}

impl Witness {
    pub(super) fn new(timeline: RbacTimeline) -> Self {
        let mut objects: HashMap<ObjectRef, Vec<(Interval, Presence)>> = HashMap::new();
        let mut turns = Vec::new();
        let presence = |sure: bool| if sure { Presence::Present } else { Presence::Unknown };
        for role in &timeline.roles {
            let object = ObjectRef::new(role.kind, role.namespace.clone(), role.name.clone());
            let known = presence(matches!(role.state, RoleState::Rules(_)));
            objects.entry(object).or_default().push((role.held, known));
            turns.extend([role.held.from, role.held.to]);
        }
        for binding in &timeline.bindings {
            let object = ObjectRef::new(binding.kind, binding.namespace.clone(), binding.name.clone());
            let known = presence(matches!(binding.state, BindingState::Known { .. }));
            objects.entry(object).or_default().push((binding.held, known));
            turns.extend([binding.held.from, binding.held.to]);
        }
        let sets = timeline.known_sets.clone();
        turns.extend(sets.iter().flat_map(|s| [s.held.from, s.held.to]));
        turns.sort_unstable();
        turns.dedup();
        objects.values_mut().for_each(|versions| versions.sort());
        Self { authorizer: Authorizer::new(timeline), objects, sets, turns }
    }

    /// The moments at which anything changed, sorted.
    pub(super) fn turns(&self) -> &[Timestamp] {
        &self.turns
    }

    /// When an object was seen, and how well it was known.
    pub(super) fn versions(&self, object: &ObjectRef) -> &[(Interval, Presence)] {
        self.objects.get(object).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether an object was there at a moment.
    pub(super) fn presence(&self, object: &ObjectRef, at: Timestamp) -> Presence {
        let version = self.versions(object).iter().find(|(held, _)| held.contains(at));
        let listed = || self.sets.iter().any(|s| s.covers(object.kind, &object.namespace, at));
        match version {
            Some((_, presence)) => *presence,
            None if listed() => Presence::Absent,
            None => Presence::Unknown,
        }
    }

    /// Judges one decision.
    pub(super) fn judge(&self, request: &Request<'_>, moment: Option<Moment>) -> Judged {
        let (review, moment) = match comparable(request) {
            Err(why) => return Judged::not_comparable(why),
            Ok(review) => match moment {
                Some(moment) => (review, moment),
                None => return Judged::not_comparable("the event has no time"),
            },
        };
        let judged = match request.decision {
            Some("allow") => self.judge_allowed(request, &review, moment),
            _ => self.judge_forbidden(&review, moment),
        };
        // Without its groups a user may have been refused less than it seems.
        let weak = judged.outcome.disagrees() || request.groups.is_none() && request.decision != Some("allow");
        match request.lacks().filter(|_| weak) {
            Some(why) => Judged { rebuilt: why.to_owned(), ..Judged::of(Outcome::CannotTell) },
            None => judged,
        }
    }

    fn judge_allowed(&self, request: &Request<'_>, review: &AccessReview, moment: Moment) -> Judged {
        let Some(named) = request.reason.and_then(reason::parse) else {
            return self.judge_unnamed(review, moment);
        };
        let judged = self.weigh(review, moment, |decision, at| match decision.allowed {
            Some(true) if decision.via.iter().any(|via| is_named(via, &named)) => Look::Agrees,
            Some(true) if self.names_another_subject(review, &named, at) => Look::Agrees,
            Some(true) => Look::Otherwise(self.pair(&named, at)),
            None => Look::CannotTell,
            Some(false) => Look::Contradicts,
        });
        let causes = match judged.outcome {
            Outcome::AllowedAgainstRbac
            | Outcome::NamedGrantAbsent
            | Outcome::NamedGrantDiffers
            | Outcome::NamedGrantUnknown => causes::of_allowed(self, review, &named, moment.received),
            _ => Vec::new(),
        };
        Judged { causes, ..judged }
    }

    /// Allowed, but the reason was not recorded: RBAC can confirm it, not contradict it.
    fn judge_unnamed(&self, review: &AccessReview, moment: Moment) -> Judged {
        let judged = self.weigh(review, moment, |decision, _| match decision.allowed {
            Some(true) => Look::Agrees,
            None => Look::CannotTell,
            Some(false) => Look::Contradicts,
        });
        if judged.outcome == Outcome::AllowedAgainstRbac {
            return Judged::not_comparable("allowed, not by RBAC; which authorizer allowed it is not recorded");
        }
        judged
    }

    fn judge_forbidden(&self, review: &AccessReview, moment: Moment) -> Judged {
        let privileged = review.groups.iter().any(|g| g == MASTERS);
        let judged = self.weigh(review, moment, |decision, _| match decision.allowed {
            Some(false) if !privileged => Look::Agrees,
            None if !privileged => Look::CannotTell,
            _ => Look::Contradicts,
        });
        if judged.outcome != Outcome::AllowedAgainstRbac {
            return judged;
        }
        let causes = causes::of_forbidden(self, review, privileged, moment.received);
        let rebuilt = if privileged { "allowed as a member of system:masters".to_owned() } else { judged.rebuilt };
        Judged { outcome: Outcome::ForbiddenAgainstRbac, causes, rebuilt, why: None }
    }

    /// Looks at the moment of receipt, then at every state that may have decided.
    fn weigh(&self, review: &AccessReview, moment: Moment, look: impl Fn(&Decision, Timestamp) -> Look) -> Judged {
        let decision = self.authorizer.review(review, moment.received);
        let first = look(&decision, moment.received);
        if matches!(first, Look::Agrees) {
            return Judged::of(Outcome::Agree);
        }
        let mut unknown = matches!(first, Look::CannotTell).then(|| decision.reason.clone());
        let mut otherwise = if let Look::Otherwise(presence) = first { Some(presence) } else { None };
        for (count, at) in self.other_states(moment).enumerate() {
            if count > MOST_CHANGES {
                unknown = Some(format!("more than {MOST_CHANGES} changes around the decision were not looked at"));
                break;
            }
            let decision = self.authorizer.review(review, at);
            match look(&decision, at) {
                Look::Agrees => return Judged::of(Outcome::AgreeNearAChange),
                Look::Otherwise(presence) => otherwise = otherwise.into_iter().chain([presence]).min(),
                Look::CannotTell => unknown = unknown.or(Some(decision.reason)),
                Look::Contradicts => {}
            }
        }
        let rebuilt = said(&decision);
        match (otherwise, unknown) {
            (Some(Presence::Unknown), _) | (Some(_), Some(_)) => {
                Judged { rebuilt, ..Judged::of(Outcome::NamedGrantUnknown) }
            }
            (Some(Presence::Absent), None) => Judged { rebuilt, ..Judged::of(Outcome::NamedGrantAbsent) },
            (Some(Presence::Present), None) => Judged { rebuilt, ..Judged::of(Outcome::NamedGrantDiffers) },
            (None, Some(why)) => Judged { rebuilt: why, ..Judged::of(Outcome::CannotTell) },
            (None, None) => Judged { rebuilt, ..Judged::of(Outcome::AllowedAgainstRbac) },
        }
    }

    /// One moment in each state around a decision, but for the state of the moment of receipt.
    fn other_states(&self, moment: Moment) -> impl Iterator<Item = Timestamp> {
        let (from, to) = (moment.earliest(), moment.latest);
        let place = |t: Timestamp| self.turns.partition_point(|turn| *turn <= t);
        let (first, own) = (place(from), place(moment.received));
        let turns = self.turns.iter().copied().skip(first).take_while(move |t| *t <= to);
        std::iter::once(from).chain(turns).zip(first..).filter(move |(_, state)| *state != own).map(|(t, _)| t)
    }

    /// Whether the binding named allows it through the subject named, although another of its subjects stands first.
    fn names_another_subject(&self, review: &AccessReview, named: &NamedGrant, at: Timestamp) -> bool {
        let (user, groups) = match named.subject_kind.as_str() {
            "Group" => (String::new(), vec![named.subject.clone()]),
            "ServiceAccount" => (service_account_user(&named.subject_namespace, &named.subject), Vec::new()),
            _ => (named.subject.clone(), Vec::new()),
        };
        let stands_for =
            if groups.is_empty() { user == review.user } else { groups.iter().all(|g| review.groups.contains(g)) };
        let alone = AccessReview { user, groups, action: review.action.clone() };
        stands_for && self.authorizer.review(&alone, at).via.iter().any(|via| is_named(via, named))
    }

    /// Whether the binding and the role that a reason names were both there.
    fn pair(&self, named: &NamedGrant, at: Timestamp) -> Presence {
        let (binding, role) = objects(named);
        self.presence(&binding, at).min(self.presence(&role, at))
    }
}

/// The binding and the role that a reason names.
pub(super) fn objects(named: &NamedGrant) -> (ObjectRef, ObjectRef) {
    let role_namespace = if named.role_kind == RbacKind::Role { named.binding_namespace.as_str() } else { "" };
    let object = |kind, namespace: &str, name: &str| ObjectRef::new(kind, namespace.into(), name.into());
    (
        object(named.binding_kind, &named.binding_namespace, &named.binding),
        object(named.role_kind, role_namespace, &named.role),
    )
}

/// Whether a way by which something is allowed is the one that a reason names.
pub(super) fn is_named(via: &Via, named: &NamedGrant) -> bool {
    let Via::Chain(Chain { binding, role, subject, .. }) = via else { return false };
    let (named_binding, named_role) = objects(named);
    let namespace = if subject.kind == SubjectKind::ServiceAccount { &*subject.namespace } else { "" };
    *binding == named_binding
        && *role == named_role
        && (subject.kind.as_str(), namespace, &*subject.name)
            == (&*named.subject_kind, &*named.subject_namespace, &*named.subject)
}

fn said(decision: &Decision) -> String {
    match decision.allowed {
        Some(true) => decision.reason.clone(),
        Some(false) if decision.reason.is_empty() => "not allowed".to_owned(),
        Some(false) => format!("not allowed; {}", decision.reason),
        None => format!("cannot be told: {}", decision.reason),
    }
}

/// The review to be compared, or why there is nothing to compare.
fn comparable(request: &Request<'_>) -> Result<AccessReview, String> {
    if request.undecided {
        return Err("not decided yet (stage RequestReceived)".to_owned());
    }
    match (request.decision, request.reason) {
        (Some("allow"), Some("")) => return Err(unreasoned(request).to_owned()),
        (Some("allow"), Some(text)) if reason::parse(text).is_none() => {
            return Err(format!("another authorizer allowed it: {}", beginning(text)));
        }
        (Some("allow" | "forbid"), _) => {}
        (Some(other), _) => return Err(format!("the decision is neither allow nor forbid: {}", beginning(other))),
        (None, Some(text)) => return Err(format!("no decision recorded: {}", beginning(text))),
        (None, None) => return Err("no decision recorded".to_owned()),
    }
    request.review().ok_or_else(|| "the event does not tell who asked for what".to_owned())
}

/// RBAC always gives a reason; these authorizers give none.
fn unreasoned(request: &Request<'_>) -> &'static str {
    if request.groups.is_none() {
        "allowed without a reason, by the privileged group or another authorizer: the user's groups are not recorded"
    } else if request.is_member(MASTERS) {
        "allowed as a member of system:masters, before RBAC is asked"
    } else if request.is_member("system:nodes") && request.user.is_some_and(|u| u.starts_with("system:node:")) {
        "allowed by the Node authorizer, which gives no reason"
    } else {
        "allowed without a reason, not by RBAC (always-allowed paths, AlwaysAllow, ABAC)"
    }
}

/// As much of a text as a row needs.
fn beginning(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}
