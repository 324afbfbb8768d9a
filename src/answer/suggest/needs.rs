//! What a subject asked for, as RBAC can say it: verb, resource or URL, namespace, name.

use std::collections::BTreeMap;

use super::counts;
use crate::answer::subject::Wanted;
use crate::answer::uses::{Identity, Outcome, Requests, Uses};
use crate::authz::matching::ALL;
use crate::model::review::{Action, ResourceTarget, Target};
use crate::model::time::Timestamp;

/// What a verb is done to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// A resource, perhaps with a subresource.
    Resource {
        /// API group.
        group: String,
        /// Plural name.
        resource: String,
        /// Subresource, or `""`.
        subresource: String,
    },
    /// A URL path.
    Url(String),
}

impl What {
    /// `resource` or `resource/subresource`, or the path.
    pub(super) fn entry(&self) -> String {
        match self {
            Self::Resource { resource, subresource, .. } if subresource.is_empty() => resource.clone(),
            Self::Resource { resource, subresource, .. } => format!("{resource}/{subresource}"),
            Self::Url(path) => path.clone(),
        }
    }
}

/// One distinct request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    /// The namespace, `""` for cluster-wide.
    pub(super) namespace: String,
    /// What.
    pub(super) what: What,
    /// The verb.
    pub(super) verb: String,
    /// The object's name, `""` for none.
    pub(super) name: String,
}

impl Need {
    fn of(action: &Action) -> Self {
        let (what, name) = match &action.target {
            Target::Resource(t) => {
                let (group, resource, subresource) = (t.group.clone(), t.resource.clone(), t.subresource.clone());
                (What::Resource { group, resource, subresource }, t.name.clone())
            }
            Target::NonResource { path } => (What::Url(path.clone()), String::new()),
        };
        Self { namespace: action.namespace().to_owned(), what, verb: action.verb.clone(), name }
    }

    /// The same as a question for the authorizer.
    pub(super) fn action(&self) -> Action {
        let target = match &self.what {
            What::Resource { group, resource, subresource } => Target::Resource(ResourceTarget {
                group: group.clone(),
                resource: resource.clone(),
                subresource: subresource.clone(),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
            }),
            What::Url(path) => Target::NonResource { path: path.clone() },
        };
        Action { verb: self.verb.clone(), target }
    }

    /// Why no rule allows exactly this and nothing else; `None` when one does.
    fn inexpressible(&self) -> Option<&'static str> {
        let whole = |text: &str| text == ALL;
        match &self.what {
            _ if whole(&self.verb) => Some("`*` as a verb means every verb"),
            _ if self.verb.is_empty() => Some("it has no verb"),
            What::Url(path) if path.ends_with(ALL) => Some("a URL that ends in `*` means everything that begins so"),
            What::Url(path) if !path.starts_with('/') => Some("a rule's URL begins with `/`"),
            What::Url(_) => None,
            What::Resource { group, .. } if whole(group) => Some("`*` as an API group means every group"),
            What::Resource { resource, .. } if whole(resource) => Some("`*` as a resource means every resource"),
            What::Resource { resource, .. } if resource.is_empty() => Some("it has no resource"),
            What::Resource { resource, .. } if resource.contains('/') => Some("what follows a slash is a subresource"),
            What::Resource { .. } if !self.namespace.is_empty() && !is_label(&self.namespace) => {
                Some("no namespace, and so no Role, can have that name")
            }
            What::Resource { .. } => None,
        }
    }
}

/// Whether a text is a DNS label, as namespaces are named.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// How often and when something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Requests.
    pub(super) requests: usize,
    /// The first.
    pub(super) first: Timestamp,
    /// The last.
    pub(super) last: Timestamp,
    /// Whether it was ever a request of its own, not only a check besides one.
    pub(super) asked: bool,
}

/// All that a subject asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// What it was allowed.
    pub(super) allowed: BTreeMap<Need, Seen>,
    /// What it was denied.
    pub(super) denied: BTreeMap<Need, Seen>,
    /// What it was allowed, but no rule can say, and why.
    pub(super) inexpressible: BTreeMap<Need, &'static str>,
}

impl Needs {
    /// What the subject asked for; requests made as somebody else are that one's.
    pub(super) fn gather(uses: &Uses, wanted: &Wanted) -> Self {
        let mine = |identity: &Identity| match wanted {
            Wanted::Identity { user, .. } => identity.user == *user,
            Wanted::Group(group) => identity.in_group(group),
            _ => false,
        };
        let mut needs = Self::default();
        for requests in uses.requests.iter().filter(|r| counts(r.outcome)) {
            if uses.identity(requests).is_some_and(mine) {
                needs.take(requests);
            }
        }
        needs
    }

    fn take(&mut self, requests: &Requests) {
        let need = Need::of(&requests.action);
        let (Some(first), Some(last)) = (requests.moments.first(), requests.moments.last()) else { return };
        let seen = Seen {
            requests: requests.moments.len(),
            first: first.received,
            last: last.received,
            asked: !requests.besides,
        };
        let list = match requests.outcome {
            Outcome::Denied => &mut self.denied,
            _ => {
                if let Some(why) = need.inexpressible() {
                    self.inexpressible.insert(need, why);
                    return;
                }
                &mut self.allowed
            }
        };
        list.entry(need)
            .and_modify(|old| {
                old.requests = old.requests.saturating_add(seen.requests);
                old.first = old.first.min(seen.first);
                old.last = old.last.max(seen.last);
                old.asked |= seen.asked;
            })
            .or_insert(seen);
    }

    /// Drops allowed requests; says how many.
    pub(super) fn leave_out(&mut self, drop: impl Fn(&Need) -> bool) -> usize {
        let before = self.allowed.len();
        self.allowed.retain(|need, _| !drop(need));
        before - self.allowed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_only_a_wildcard_covers_are_told_apart() {
        let resource = |group: &str, resource: &str, namespace: &str, verb: &str| Need {
            namespace: namespace.into(),
            what: What::Resource { group: group.into(), resource: resource.into(), subresource: String::new() },
            verb: verb.into(),
            name: String::new(),
        };
        let url = |path: &str| Need {
            namespace: String::new(),
            what: What::Url(path.into()),
            verb: "get".into(),
            name: String::new(),
        };
        for need in [
            resource("", "pods", "*", "get"),
            resource("", "*", "web", "get"),
            resource("*", "pods", "web", "get"),
            resource("", "pods", "web", "*"),
            resource("", "pods", "web", ""),
            url("/metrics*"),
        ] {
            assert!(need.inexpressible().is_some(), "{need:?}");
        }
        for need in
            [resource("", "pods", "", "list"), resource("x.y", "pods", "web-1", "use"), url("/metrics"), url("/a*b")]
        {
            assert_eq!(need.inexpressible(), None, "{need:?}");
        }
    }
}
