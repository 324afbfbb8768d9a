//! Which groups come with a user name by Kubernetes' own rules. Other memberships live in
//! certificates and identity providers and are not derivable.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/authentication/{serviceaccount,group,request/anonymous}`.

/// Group of every authenticated request.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Group of anonymous requests.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// User name of anonymous requests.
pub const ANONYMOUS: &str = "system:anonymous";
/// Group that is allowed everything before any authorizer is asked.
pub const MASTERS: &str = "system:masters";
/// Group of all service accounts.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const NODE_PREFIX: &str = "system:node:";

/// The user name of a service account.
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT_PREFIX}{namespace}:{name}")
}

/// Namespace and name of a service account's user name, when it has exactly that form.
pub fn split_service_account(user: &str) -> Option<(&str, &str)> {
    let (namespace, name) = user.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}

/// The groups that Kubernetes itself gives to a user of this name, beyond those in `given`.
/// A kubelet's `system:nodes` is included: the name is only issued together with it.
pub fn implied_groups(user: &str, given: &[String]) -> Vec<String> {
    if user == ANONYMOUS {
        return missing(given, [UNAUTHENTICATED.to_owned()]);
    }
    let mut groups = Vec::new();
    if let Some((namespace, _)) = split_service_account(user) {
        groups.push(SERVICE_ACCOUNTS.to_owned());
        groups.push(format!("{SERVICE_ACCOUNTS}:{namespace}"));
    } else if user.strip_prefix(NODE_PREFIX).is_some_and(|n| !n.is_empty()) {
        groups.push("system:nodes".to_owned());
    }
    if !given.iter().any(|g| g == UNAUTHENTICATED) {
        groups.push(AUTHENTICATED.to_owned());
    }
    missing(given, groups)
}

fn missing(given: &[String], wanted: impl IntoIterator<Item = String>) -> Vec<String> {
    wanted.into_iter().filter(|g| !given.contains(g)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_account_brings_its_three_groups() {
        assert_eq!(
            implied_groups("system:serviceaccount:ci:deployer", &[]),
            ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]
        );
    }

    #[test]
    fn anonymous_is_unauthenticated_only() {
        assert_eq!(implied_groups(ANONYMOUS, &[]), [UNAUTHENTICATED]);
    }

    #[test]
    fn nothing_is_added_twice_and_unauthenticated_keeps_authenticated_away() {
        assert!(implied_groups("alice", &[AUTHENTICATED.to_owned()]).is_empty());
        assert!(implied_groups("alice", &[UNAUTHENTICATED.to_owned()]).is_empty());
    }

    #[test]
    fn malformed_account_names_are_plain_users() {
        for user in ["system:serviceaccount:ci", "system:serviceaccount::x", "system:serviceaccount:a:b:c"] {
            assert_eq!(split_service_account(user), None);
            assert_eq!(implied_groups(user, &[]), [AUTHENTICATED]);
        }
    }
}
