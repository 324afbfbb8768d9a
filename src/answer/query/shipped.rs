//! The queries that come with the program, compiled into it so that an installed binary has them.

use super::header::parse;
use super::{Query, QueryError};

/// Name and text of every file in `queries/`, sorted by name; a test holds it against the folder.
pub const FILES: &[(&str, &str)] = &[
    ("account-addresses", include_str!("../../../queries/account-addresses.sql")),
    ("admission-changes", include_str!("../../../queries/admission-changes.sql")),
    ("anonymous-access", include_str!("../../../queries/anonymous-access.sql")),
    ("bindings-to-role", include_str!("../../../queries/bindings-to-role.sql")),
    ("certificate-requests", include_str!("../../../queries/certificate-requests.sql")),
    ("deleted-events", include_str!("../../../queries/deleted-events.sql")),
    ("denied-requests", include_str!("../../../queries/denied-requests.sql")),
    ("escalation-rules", include_str!("../../../queries/escalation-rules.sql")),
    ("group-members", include_str!("../../../queries/group-members.sql")),
    ("host-pods", include_str!("../../../queries/host-pods.sql")),
    ("identity-map-changes", include_str!("../../../queries/identity-map-changes.sql")),
    ("impersonation", include_str!("../../../queries/impersonation.sql")),
    ("issued-tokens", include_str!("../../../queries/issued-tokens.sql")),
    ("new-accounts", include_str!("../../../queries/new-accounts.sql")),
    ("node-workloads", include_str!("../../../queries/node-workloads.sql")),
    ("pod-access", include_str!("../../../queries/pod-access.sql")),
    ("proxy-access", include_str!("../../../queries/proxy-access.sql")),
    ("rbac-changes", include_str!("../../../queries/rbac-changes.sql")),
    ("rejected-records", include_str!("../../../queries/rejected-records.sql")),
    ("requests-by-hour", include_str!("../../../queries/requests-by-hour.sql")),
    ("requests-by-user", include_str!("../../../queries/requests-by-user.sql")),
    ("requests-from-address", include_str!("../../../queries/requests-from-address.sql")),
    ("requests-in-window", include_str!("../../../queries/requests-in-window.sql")),
    ("requests-on-resource", include_str!("../../../queries/requests-on-resource.sql")),
    ("requests-with-text", include_str!("../../../queries/requests-with-text.sql")),
    ("reused-audit-ids", include_str!("../../../queries/reused-audit-ids.sql")),
    ("secret-grants", include_str!("../../../queries/secret-grants.sql")),
    ("secret-reads", include_str!("../../../queries/secret-reads.sql")),
    ("source-counts", include_str!("../../../queries/source-counts.sql")),
    ("user-agents", include_str!("../../../queries/user-agents.sql")),
    ("users", include_str!("../../../queries/users.sql")),
    ("wildcard-grants", include_str!("../../../queries/wildcard-grants.sql")),
];

/// At most so many names are offered in place of an unknown one.
const OFFERED: usize = 3;

/// All of them.
///
/// # Errors
/// Never with the files as they are; a test reads them all.
pub fn all() -> Result<Vec<Query>, QueryError> {
    FILES.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The one of this name.
///
/// # Errors
/// When there is none.
pub fn by_name(name: &str) -> Result<Query, QueryError> {
    match FILES.iter().find(|(n, _)| *n == name) {
        Some((name, text)) => parse(name, text),
        None => {
            let names: Vec<String> = FILES.iter().map(|(n, _)| (*n).to_owned()).collect();
            Err(QueryError::Unknown { name: name.to_owned(), near: near(name, &names) })
        }
    }
}

/// Names that somebody may have meant: those a few letters away, then those that hold the word or a word of it.
pub(super) fn near(word: &str, names: &[String]) -> Vec<String> {
    let word = word.to_ascii_lowercase();
    let far = |name: &str| {
        let distance = edits(&word, name);
        if distance <= 1.max(word.len() / 4) {
            return Some(distance);
        }
        // A word is the same in singular and plural.
        let parts = |text: &str| -> Vec<String> {
            let words = text.split(['-', '_', ' ']).filter(|p| p.len() > 2);
            words.map(|p| p.trim_end_matches('s').to_owned()).collect()
        };
        let shared = parts(name).iter().filter(|p| parts(&word).contains(p)).count();
        let holds = word.len() > 2 && name.contains(&word);
        (holds || shared > 0).then_some(100_usize.saturating_sub(shared))
    };
    let mut found: Vec<(usize, &String)> = names.iter().filter_map(|n| far(n).map(|d| (d, n))).collect();
    found.sort();
    found.into_iter().take(OFFERED).map(|(_, n)| n.clone()).collect()
}

/// How many letters must be put in, left out or changed (Levenshtein), for the first hundred letters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(100).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let best = (left + 1).min(*cell + 1).min(diagonal + usize::from(x != *y));
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// `, did you mean ...`, or nothing.
pub(super) fn meant(near: &[String]) -> String {
    match near {
        [] => String::new(),
        _ => format!(", did you mean {}", near.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn letters_apart_are_counted() {
        for (a, b, n) in [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("user", "users", 1)] {
            assert_eq!(edits(a, b), n, "{a} {b}");
            assert_eq!(edits(b, a), n, "{b} {a}");
        }
    }

    #[test]
    fn an_unknown_name_brings_those_that_look_like_it() {
        for (typed, first) in [
            ("secret-read", "secret-reads"),
            ("request-by-user", "requests-by-user"),
            ("secrets", "secret-reads"),
            ("Users", "users"),
            ("audit-ids", "reused-audit-ids"),
        ] {
            let Err(QueryError::Unknown { near, .. }) = by_name(typed) else { panic!("{typed}") };
            assert!(near.iter().any(|n| n == first), "{typed}: {near:?}");
        }
        let said = by_name("xyzzy").unwrap_err().to_string();
        assert_eq!(said, "no query `xyzzy`: `kubesleuth query` lists them; a file of your own ends in .sql");
    }
}
