//! What is known of one object at one instant: the values that the reasoning passes along.

use std::fmt;
use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::object::Provenance;
use crate::model::rbac::RbacKind;
use crate::model::time::Timestamp;

use super::body::Body;
use super::parts::Parts;

/// What began a state: a request, or a sighting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The verb, or `snapshot`.
    pub(super) with: String,
    pub(super) actor: Option<String>,
    pub(super) audit_id: Option<String>,
    pub(super) at: Timestamp,
    pub(super) from: Provenance,
}

impl fmt::Display for Origin {
    /// Names the event the way a reason must: verb, user, time, audit ID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.actor, &self.audit_id) {
            (Some(actor), Some(id)) => write!(f, "`{}` by `{actor}` at {} (audit ID {id})", self.with, self.at),
            (Some(actor), None) => write!(f, "`{}` by `{actor}` at {}", self.with, self.at),
            _ => write!(f, "{} at {}", self.with, self.at),
        }
    }
}

/// As much of an object's content as is known.
#[derive(Clone, Debug)]
pub(super) enum What {
    Whole(Arc<Body>),
    Parts(Parts),
}

/// An object that existed, or may have.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Whether it surely existed; otherwise: if it did, then so.
    pub(super) surely: bool,
    pub(super) what: What,
    pub(super) uid: Option<Arc<str>>,
    pub(super) resource_version: Option<Arc<str>>,
    pub(super) created: Option<Timestamp>,
    /// Deletion was asked for and waits for finalizers.
    pub(super) deleting: bool,
    /// Whether finalizers hold it, where known.
    pub(super) held_back: Option<bool>,
    /// How the content is known.
    pub(super) basis: Basis,
    /// What cannot be told, where something cannot.
    pub(super) why: Option<Arc<str>>,
    pub(super) origin: Arc<Origin>,
}

/// What is known of a name at one instant.
#[derive(Clone, Debug)]
pub(super) enum Here {
    /// The evidence does not speak of it yet.
    Nothing,
    /// There was no such object. If that rests on a delete whose effect the log does not show, what there
    /// was before it.
    Absent(Option<Arc<State>>),
    Object(Arc<State>),
}

impl Here {
    /// Whether an object was there for sure, so that none of its name can have been created.
    pub(super) fn surely(&self) -> bool {
        self.object().is_some_and(|state| state.surely)
    }

    pub(super) fn object(&self) -> Option<&Arc<State>> {
        match self {
            Self::Object(state) => Some(state),
            _ => None,
        }
    }
}

/// Identity of one life of a name, between a creation and a deletion.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    pub(super) uid: Option<Arc<str>>,
    pub(super) created: Option<Timestamp>,
    pub(super) role_ref: Option<Arc<str>>,
}

/// What a piece of evidence says of the instant before it.
#[derive(Clone, Debug)]
pub(super) enum Before {
    /// Nothing.
    Nothing,
    /// It may have existed: a deletion of many had this name in its reach, or a change may have been its creation.
    Perhaps,
    /// No object of the name existed.
    Absent,
    /// It existed.
    Exists(Life),
    /// It existed in exactly this state.
    Seen(Arc<State>),
}

impl State {
    /// An object of which nothing is known but that something began here.
    pub(super) fn blank(origin: &Arc<Origin>, surely: bool, why: impl Into<Arc<str>>) -> Self {
        Self {
            surely,
            what: What::Parts(Parts::default()),
            uid: None,
            resource_version: None,
            created: None,
            deleting: false,
            held_back: None,
            basis: Basis::Observed,
            why: Some(why.into()),
            origin: Arc::clone(origin),
        }
    }

    /// The state that a whole body shows.
    pub(super) fn whole(body: &Arc<Body>, origin: &Arc<Origin>) -> Self {
        Self {
            surely: true,
            what: What::Whole(Arc::clone(body)),
            uid: body.uid.clone(),
            resource_version: body.resource_version.clone(),
            created: body.created,
            deleting: body.deleting,
            held_back: Some(body.held_back),
            basis: Basis::Observed,
            why: None,
            origin: Arc::clone(origin),
        }
    }

    /// The same object, of which only what cannot change is still known.
    pub(super) fn changed(&self, origin: &Arc<Origin>, why: impl Into<Arc<str>>) -> Self {
        Self {
            what: What::Parts(self.parts().immutable()),
            resource_version: None,
            held_back: None,
            basis: Basis::Observed,
            why: Some(why.into()),
            origin: Arc::clone(origin),
            ..self.clone()
        }
    }

    /// The same content, but existence in doubt.
    pub(super) fn doubted(&self, why: impl Into<Arc<str>>) -> Self {
        Self { surely: false, why: Some(why.into()), ..self.clone() }
    }

    /// The same with a basis no stronger than `basis`.
    pub(super) fn at_best(&self, basis: Basis) -> Self {
        Self { basis: self.basis.weakest(basis), ..self.clone() }
    }

    /// What RBAC reads, as far as known.
    pub(super) fn parts(&self) -> Parts {
        match &self.what {
            What::Whole(body) => Parts::of(body).unwrap_or_default(),
            What::Parts(parts) => parts.clone(),
        }
    }

    /// Whether the content is known: all of it, or at least all that RBAC reads.
    pub(super) fn complete(&self, kind: Option<RbacKind>) -> bool {
        match &self.what {
            What::Whole(_) => true,
            What::Parts(parts) => kind.is_some_and(|k| parts.complete(k)),
        }
    }

    /// Whether identity and content are more than assumed: no stretch without a log lies between.
    pub(super) fn trusted(&self) -> bool {
        self.basis < Basis::Assumed
    }

    /// The same content with existence in doubt; of an assumed state nothing is left.
    pub(super) fn questioned(&self, origin: &Arc<Origin>, why: impl Into<Arc<str>>) -> Self {
        if self.trusted() { self.doubted(why) } else { Self::blank(origin, false, why) }
    }

    /// Whether it surely existed with known content.
    pub(super) fn settled(&self, kind: Option<RbacKind>) -> bool {
        self.surely && self.complete(kind)
    }

    /// Whether this can be the same life as one of which `uid` and `created` are known.
    pub(super) fn may_be(&self, uid: Option<&Arc<str>>, created: Option<Timestamp>) -> bool {
        alike(self.uid.as_ref(), self.created, uid, created)
    }

    /// Who it is; costs a look into the body.
    pub(super) fn life(&self) -> Life {
        Life { uid: self.uid.clone(), created: self.created, role_ref: self.parts().role_ref }
    }

    pub(super) fn reason(&self) -> Arc<str> {
        self.why.clone().unwrap_or_else(|| Arc::from("its existence cannot be told"))
    }
}

impl Life {
    /// Whether this can be the same life as one of which `uid` and `created` are known.
    pub(super) fn may_be(&self, uid: Option<&Arc<str>>, created: Option<Timestamp>) -> bool {
        alike(self.uid.as_ref(), self.created, uid, created)
    }
}

fn alike(uid: Option<&Arc<str>>, at: Option<Timestamp>, other: Option<&Arc<str>>, other_at: Option<Timestamp>) -> bool {
    uid.zip(other).is_none_or(|(a, b)| a == b) && at.zip(other_at).is_none_or(|(a, b)| a == b)
}

/// A resourceVersion as the number it is in practice; anything else cannot be compared.
pub(super) fn revision(resource_version: Option<&Arc<str>>) -> Option<u64> {
    resource_version?.parse().ok()
}
