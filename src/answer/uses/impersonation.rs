//! The checks that an impersonated request took from the one who made it. They are not in the log as requests;
//! that `impersonatedUser` is there shows that they passed.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/endpoints/filters/impersonation/`.

use std::collections::BTreeMap;

use crate::model::identity::{self, AUTHENTICATED, UNAUTHENTICATED, split_service_account};
use crate::model::review::{Action, ResourceTarget, Target};

/// Group of the constrained verbs, and of UIDs and extra values in either way.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Whom a request was made as.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask<'a> {
    /// The user.
    pub(super) user: &'a str,
    /// Its groups.
    pub(super) groups: &'a [String],
    /// Its UID.
    pub(super) uid: Option<&'a str>,
    /// Its extra values, JSON.
    pub(super) extra: Option<&'a str>,
    /// The verb of constrained impersonation, as in `impersonate:user-info`.
    pub(super) constraint: Option<&'a str>,
}

/// What the impersonator must have been allowed; `target` is the request's own action.
pub(super) fn checks(mask: &Mask<'_>, target: &Action) -> Vec<Action> {
    let Some(verb) = mask.constraint.filter(|c| !c.is_empty()) else {
        return identity_checks("impersonate", mask, "");
    };
    let mode = verb.strip_prefix("impersonate:").unwrap_or(verb);
    let mut checks = match mode {
        "associated-node" => vec![check(verb, AUTHENTICATION, "nodes", "*")],
        "arbitrary-node" => {
            let node = mask.user.strip_prefix("system:node:").unwrap_or(mask.user);
            vec![check(verb, AUTHENTICATION, "nodes", node)]
        }
        _ => identity_checks(verb, mask, AUTHENTICATION),
    };
    checks.push(Action { verb: format!("impersonate-on:{mode}:{}", target.verb), target: target.target.clone() });
    checks
}

fn identity_checks(verb: &str, mask: &Mask<'_>, group: &str) -> Vec<Action> {
    let mut checks = vec![match split_service_account(mask.user) {
        Some((namespace, name)) => {
            let target = ResourceTarget {
                group: group.to_owned(),
                resource: "serviceaccounts".to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                ..ResourceTarget::default()
            };
            Action { verb: verb.to_owned(), target: Target::Resource(target) }
        }
        None => check(verb, group, "users", mask.user),
    }];
    let added = added_groups(mask.user);
    checks.extend(mask.groups.iter().filter(|g| !added.contains(g)).map(|g| check(verb, group, "groups", g)));
    checks.extend(mask.uid.filter(|uid| !uid.is_empty()).map(|uid| check(verb, AUTHENTICATION, "uids", uid)));
    checks.extend(extra_checks(verb, mask.extra));
    checks
}

/// Groups that the API server adds by itself, so that their presence shows no check.
fn added_groups(user: &str) -> Vec<String> {
    let mut added = vec![AUTHENTICATED.to_owned(), UNAUTHENTICATED.to_owned()];
    if split_service_account(user).is_some() {
        added.extend(identity::implied_groups(user, &[]));
    }
    added
}

fn extra_checks(verb: &str, extra: Option<&str>) -> Vec<Action> {
    let values: BTreeMap<String, Vec<String>> = extra.and_then(|e| serde_json::from_str(e).ok()).unwrap_or_default();
    let one = |key: &str, value: &str| {
        let mut check = check(verb, AUTHENTICATION, "userextras", value);
        if let Target::Resource(target) = &mut check.target {
            key.clone_into(&mut target.subresource);
        }
        check
    };
    values.iter().flat_map(|(key, values)| values.iter().map(|value| one(key, value)).collect::<Vec<_>>()).collect()
}

fn check(verb: &str, group: &str, resource: &str, name: &str) -> Action {
    let target = ResourceTarget {
        group: group.to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        ..ResourceTarget::default()
    };
    Action { verb: verb.to_owned(), target: Target::Resource(target) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn get_pods() -> Action {
        check("get", "", "pods", "p")
    }

    fn spoken(actions: &[Action]) -> Vec<String> {
        let one = |a: &Action| match &a.target {
            Target::Resource(t) => format!("{} {}/{} {} {}", a.verb, t.group, t.combined(), t.namespace, t.name),
            Target::NonResource { path } => path.clone(),
        };
        actions.iter().map(one).collect()
    }

    #[test]
    fn groups_added_by_the_server_show_no_check() {
        let groups = ["dev".to_owned(), AUTHENTICATED.to_owned()];
        let mask = Mask {
            user: "carol",
            groups: &groups,
            uid: Some("7"),
            extra: Some(r#"{"scopes":["a"]}"#),
            constraint: None,
        };
        assert_eq!(
            spoken(&checks(&mask, &get_pods())),
            [
                "impersonate /users  carol",
                "impersonate /groups  dev",
                "impersonate authentication.k8s.io/uids  7",
                "impersonate authentication.k8s.io/userextras/scopes  a",
            ]
        );
    }

    #[test]
    fn an_account_is_checked_as_an_account_in_its_namespace() {
        let mask = Mask { user: "system:serviceaccount:ci:bot", ..Mask::default() };
        assert_eq!(spoken(&checks(&mask, &get_pods())), ["impersonate /serviceaccounts ci bot"]);
    }

    #[test]
    fn constrained_impersonation_needs_both_halves() {
        let mask = Mask { user: "carol", constraint: Some("impersonate:user-info"), ..Mask::default() };
        assert_eq!(
            spoken(&checks(&mask, &get_pods())),
            ["impersonate:user-info authentication.k8s.io/users  carol", "impersonate-on:user-info:get /pods  p"]
        );
    }
}
