//! Amazon resource names, as far as EKS maps them to Kubernetes names.

/// The account of an ARN: `arn:<partition>:<service>:<region>:<account>:<resource>`.
pub fn account_of(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (!account.is_empty() && account.bytes().all(|b| b.is_ascii_digit())).then_some(account)
}

/// The form in which aws-iam-authenticator compares ARNs: `arn:aws:sts::1:assumed-role/R/session` is
/// `arn:aws:iam::1:role/R`. A session's ARN has no path, so a mapping that gives the role's path fits no
/// caller; what is written in one is left as it is. `None` for what can be no caller.
pub fn canonical(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let [start, partition, service, _region, account, resource] = std::array::from_fn(|_| parts.next().unwrap_or(""));
    if start != "arn" || account.is_empty() {
        return None;
    }
    let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
    match (service, kind) {
        ("sts", "assumed-role") => {
            let role = rest.rsplit_once('/').map(|(role, _)| role).filter(|r| !r.is_empty())?;
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        ("sts", "federated-user") | ("iam", "role" | "user" | "root") => Some(arn.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_role_and_the_rest_stays() {
        for (arn, expected) in [
            ("arn:aws:sts::111122223333:assumed-role/Dev/alice@example.com", "arn:aws:iam::111122223333:role/Dev"),
            ("arn:aws-cn:iam::111122223333:role/a/b/Dev", "arn:aws-cn:iam::111122223333:role/a/b/Dev"),
            ("arn:aws:iam::111122223333:user/team/bob", "arn:aws:iam::111122223333:user/team/bob"),
            ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
        ] {
            assert_eq!(canonical(arn).as_deref(), Some(expected), "{arn}");
            assert_eq!(account_of(arn), Some("111122223333"));
        }
        for other in
            ["", "arn:aws:s3:::bucket", "arn:aws:sts::1:assumed-role/Dev", "role/Dev", "arn:aws:iam::1:group/x"]
        {
            assert_eq!(canonical(other), None, "{other}");
        }
        assert_eq!(account_of("arn:aws:s3:::bucket"), None);
    }
}
