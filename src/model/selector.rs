//! Label selectors, evaluated as Kubernetes evaluates them: an invalid selector is an error, not an
//! empty match, because the controllers that use selectors leave things as they were on error.
//!
//! Source: `LabelSelectorAsSelector` in `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go`
//! and `NewRequirement`, `Matches` in `pkg/labels/selector.go` beside it.

use std::collections::BTreeMap;

use super::rbac::{LabelSelector, LabelSelectorRequirement};

/// Longest name part of a label key, and longest label value, in bytes.
const LONGEST_NAME: usize = 63;
/// Longest prefix of a label key (a DNS subdomain), in bytes.
const LONGEST_PREFIX: usize = 253;

/// A selector that Kubernetes refuses to evaluate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The operator is none of the four.
    #[error("`{0}` is no label selector operator: expected `In`, `NotIn`, `Exists` or `DoesNotExist`")]
    Operator(String),
    /// The key is no label key.
    #[error("`{0}` is no label key: expected `[dns-subdomain/]name`, the name at most 63 of `A-Za-z0-9-_.`")]
    Key(String),
    /// A value is no label value.
    #[error("`{value}` of label `{key}` is no label value: expected at most 63 of `A-Za-z0-9-_.`")]
    Value {
        /// The label.
        key: String,
        /// The refused value.
        value: String,
    },
    /// `In` and `NotIn` need values, `Exists` and `DoesNotExist` allow none.
    #[error("operator `{operator}` on label `{key}` has {found} values: expected {expected}")]
    Values {
        /// The label.
        key: String,
        /// The operator.
        operator: String,
        /// What it wants.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
}

/// Whether the labels satisfy every part of the selector; the empty selector is satisfied by all.
///
/// # Errors
/// When any part is invalid, even if another part already decides: Kubernetes converts the whole
/// selector before it looks at labels.
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Result<bool, SelectorError> {
    let mut all = true;
    for (key, value) in &selector.match_labels {
        check_key(key)?;
        check_value(key, value)?;
        all &= labels.get(key) == Some(value);
    }
    for expression in &selector.match_expressions {
        all &= expression_holds(expression, labels)?;
    }
    Ok(all)
}

fn expression_holds(e: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> Result<bool, SelectorError> {
    let wants_values = match e.operator.as_str() {
        "In" | "NotIn" => true,
        "Exists" | "DoesNotExist" => false,
        other => return Err(SelectorError::Operator(other.to_owned())),
    };
    check_key(&e.key)?;
    if wants_values == e.values.is_empty() {
        return Err(SelectorError::Values {
            key: e.key.clone(),
            operator: e.operator.clone(),
            expected: if wants_values { "at least one" } else { "none" },
            found: e.values.len(),
        });
    }
    e.values.iter().try_for_each(|v| check_value(&e.key, v))?;
    let found = labels.get(&e.key);
    Ok(match e.operator.as_str() {
        "In" => found.is_some_and(|v| e.values.contains(v)),
        // An object that lacks the label counts as "not in".
        "NotIn" => found.is_none_or(|v| !e.values.contains(v)),
        "Exists" => found.is_some(),
        _ => found.is_none(),
    })
}

fn check_key(key: &str) -> Result<(), SelectorError> {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(p, n)| (Some(p), n));
    if is_name(name) && prefix.is_none_or(is_subdomain) { Ok(()) } else { Err(SelectorError::Key(key.to_owned())) }
}

fn check_value(key: &str, value: &str) -> Result<(), SelectorError> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(SelectorError::Value { key: key.to_owned(), value: value.to_owned() })
}

/// Letters and digits, with `-`, `_` and `.` inside, 1 to 63 bytes.
fn is_name(text: &str) -> bool {
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= LONGEST_NAME
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// A DNS-1123 subdomain.
fn is_subdomain(text: &str) -> bool {
    let lower = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(lower)
            && bytes.last().is_some_and(lower)
            && bytes.iter().all(|b| lower(b) || *b == b'-')
    };
    text.len() <= LONGEST_PREFIX && text.split('.').all(label)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let requirement = LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values };
        LabelSelector { match_expressions: vec![requirement], ..LabelSelector::default() }
    }

    #[test]
    fn the_empty_selector_takes_everything() {
        assert_eq!(matches(&LabelSelector::default(), &labels(&[])), Ok(true));
        assert_eq!(matches(&serde_json::from_str("{}").unwrap(), &labels(&[("a", "b")])), Ok(true));
    }

    #[test]
    fn labels_and_expressions_must_all_hold() {
        let selector: LabelSelector = serde_json::from_str(
            r#"{"matchLabels":{"a":"1"},"matchExpressions":[{"key":"b","operator":"Exists","values":null}]}"#,
        )
        .unwrap();
        assert_eq!(matches(&selector, &labels(&[("a", "1"), ("b", "")])), Ok(true));
        assert_eq!(matches(&selector, &labels(&[("a", "1")])), Ok(false));
        assert_eq!(matches(&selector, &labels(&[("a", "2"), ("b", "")])), Ok(false));
    }

    #[test]
    fn an_object_without_the_label_is_not_in() {
        let not_in = expression("tier", "NotIn", &["dev"]);
        assert_eq!(matches(&not_in, &labels(&[])), Ok(true));
        assert_eq!(matches(&not_in, &labels(&[("tier", "dev")])), Ok(false));
        assert_eq!(matches(&expression("tier", "In", &["dev"]), &labels(&[])), Ok(false));
        assert_eq!(matches(&expression("tier", "DoesNotExist", &[]), &labels(&[])), Ok(true));
    }

    #[test]
    fn invalid_selectors_are_errors_even_where_another_part_decides() {
        let mut selector = expression("tier", "Like", &["dev"]);
        selector.match_labels.insert("a".to_owned(), "1".to_owned());
        assert_eq!(matches(&selector, &labels(&[])), Err(SelectorError::Operator("Like".to_owned())));
        for (operator, values) in [("In", &[][..]), ("NotIn", &[]), ("Exists", &["x"]), ("DoesNotExist", &["x"])] {
            assert!(std::matches!(
                matches(&expression("k", operator, values), &labels(&[])),
                Err(SelectorError::Values { .. })
            ));
        }
    }

    #[test]
    fn keys_and_values_follow_the_label_syntax() {
        let long = "x".repeat(64);
        for key in ["", "/a", "a/", "A.b/c", "-a", "a b", "a/b/c", "x_y.io/a", "a../b", long.as_str()] {
            assert!(
                std::matches!(matches(&expression(key, "Exists", &[]), &labels(&[])), Err(SelectorError::Key(_))),
                "{key}"
            );
        }
        for key in ["a", "A_b.c-9", "rbac.authorization.k8s.io/aggregate-to-view", "1/1"] {
            assert_eq!(matches(&expression(key, "Exists", &[]), &labels(&[])), Ok(false), "{key}");
        }
        assert!(matches(&expression("a", "In", &["", "ok_1"]), &labels(&[("a", "")])).unwrap());
        assert!(matches(&expression("a", "In", &["no way"]), &labels(&[])).is_err());
        assert!(matches(&expression("a", "In", &[&long]), &labels(&[])).is_err());
    }
}
