//! Which kind is behind a plural resource that no catalogue names: what the bodies in the log claim. Noted while
//! changes are read, before any history is rebuilt, so that every part of the evidence answers alike.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::body::names;
use super::evidence::Change;
use crate::model::time::Timestamp;

/// Which kind a resource is, where that is known: `(group, resource) -> kind`.
pub type KindOfResource<'a> = &'a (dyn Fn(&str, &str) -> Option<String> + Sync);

/// Kinds that are remembered for one resource; a body may claim anything.
const CLAIMED: usize = 64;

/// What is noted of a change before history is rebuilt.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    /// API group.
    pub group: &'a str,
    /// Plural resource name.
    pub resource: &'a str,
    /// Verb.
    pub verb: &'a str,
    /// Name, `""` when the record has none.
    pub name: &'a str,
    /// The answer's body, else the request's.
    pub body: Option<&'a str>,
    /// When it was done.
    pub staged: Timestamp,
}

impl<'a> Noted<'a> {
    /// What is noted of a change.
    pub fn of(change: &'a Change) -> Self {
        Self {
            group: &change.group,
            resource: &change.resource,
            verb: &change.verb,
            name: &change.name,
            body: change.response_body.as_deref().or(change.request_body.as_deref()),
            staged: change.staged,
        }
    }
}

/// The resources that the log shows changes of, and the kinds that bodies claim for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Kinds {
    /// Notes the resource of a change, and what its body claims unless the kind is `known` anyway.
    pub(super) fn note(&mut self, change: Noted<'_>, known: bool) {
        let resources = match self.0.get_mut(change.group) {
            Some(resources) => resources,
            None => self.0.entry(change.group.to_owned()).or_default(),
        };
        let claimed = match resources.get_mut(change.resource) {
            Some(claimed) => claimed,
            None => resources.entry(change.resource.to_owned()).or_default(),
        };
        if !known && claimed.len() < CLAIMED {
            claimed.extend(kind_in(change));
        }
    }

    /// The kind of a resource, when bodies claim only one.
    pub(super) fn only(&self, group: &str, resource: &str) -> Option<String> {
        let claimed = self.0.get(group)?.get(resource)?;
        claimed.first().filter(|_| claimed.len() == 1).cloned()
    }

    /// Group and kind of everything that the log shows changes of.
    pub(super) fn logged(&self, kind_of: KindOfResource<'_>) -> HashSet<(Arc<str>, Arc<str>)> {
        let mut logged = HashSet::new();
        for (group, resources) in &self.0 {
            let key = |kind: &str| (Arc::from(&**group), Arc::from(kind));
            for (resource, claimed) in resources {
                if let Some(kind) = kind_of(group, resource) {
                    logged.insert(key(&kind));
                    continue;
                }
                logged.extend(claimed.iter().map(|kind| key(kind)));
                // Where it is not clear, a change without a body goes under the resource's own name.
                if claimed.len() != 1 {
                    logged.insert(key(resource));
                }
            }
        }
        logged
    }
}

/// The kind that a change's body claims, when it is the body of an object.
pub(super) fn kind_in(change: Noted<'_>) -> Option<String> {
    let body = change.body?;
    let other = ["Status", "DeleteOptions", "PartialObjectMetadata", "Table"];
    let kind = names(body).kind?;
    let object = change.verb != "deletecollection" && !kind.ends_with("List") && !other.contains(&&*kind);
    object.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(verb: &str, resource: &str, body: Option<&str>) -> Change {
        Change {
            verb: verb.to_owned(),
            group: "shop.example.com".to_owned(),
            resource: resource.to_owned(),
            response_body: body.map(Arc::from),
            ..Change::default()
        }
    }

    #[test]
    fn a_resource_takes_the_only_kind_that_bodies_claim() {
        let mut kinds = Kinds::default();
        kinds.note(Noted::of(&change("delete", "carts", Some("{\"kind\":\"Status\"}"))), false);
        kinds.note(Noted::of(&change("create", "carts", Some("{\"kind\":\"Cart\"}"))), false);
        kinds.note(Noted::of(&change("create", "orders", None)), false);
        for kind in ["Order", "Other"] {
            let body = format!("{{\"kind\":\"{kind}\"}}");
            kinds.note(Noted::of(&change("create", "orders", Some(&body))), false);
        }
        assert_eq!(kinds.only("shop.example.com", "carts").as_deref(), Some("Cart"));
        assert_eq!(kinds.only("shop.example.com", "orders"), None);
        let mut logged: Vec<String> = kinds.logged(&|_, _| None).into_iter().map(|(_, k)| k.to_string()).collect();
        logged.sort();
        assert_eq!(logged, ["Cart", "Order", "Other", "orders"]);
        assert_eq!(kinds.logged(&|_, _| Some("Known".to_owned())).len(), 1);
    }
}
