//! Which objects a deletecollection had in its reach, by the selectors in its URI.

use std::collections::BTreeMap;

use crate::model::rbac::{LabelSelector, LabelSelectorRequirement};
use crate::model::request_info::query_param;
use crate::model::selector;

/// The selectors of a request, as far as they can be evaluated.
#[derive(Clone, Debug, Default)]
pub(super) struct Select {
    labels: Option<LabelSelector>,
    /// Names that must be equal (true) or must not.
    names: Vec<(String, bool)>,
    /// A part that cannot be evaluated here: what else matches may still not have been deleted.
    vague: bool,
}

impl Select {
    /// Reads the selectors of a request URI in the given namespace.
    pub(super) fn parse(uri: &str, namespace: &str) -> Self {
        let mut select = Self::default();
        if let Some(text) = query_param(uri, "labelSelector").filter(|t| !t.is_empty()) {
            match label_selector(&text) {
                Some(labels) => select.labels = Some(labels),
                None => select.vague = true,
            }
        }
        if let Some(text) = query_param(uri, "fieldSelector").filter(|t| !t.is_empty()) {
            select.fields(&text, namespace);
        }
        // A limited request deletes the first page only.
        let given = |key| query_param(uri, key).is_some_and(|v| !v.is_empty() && v != "0");
        select.vague |= given("limit") || given("continue");
        select
    }

    /// Whether it takes everything.
    pub(super) fn all(&self) -> bool {
        self.labels.is_none() && self.names.is_empty() && !self.vague
    }

    /// The only name it can take, when it names one and asks for nothing else.
    pub(super) fn only_name(&self) -> Option<&str> {
        match self.names.as_slice() {
            [(name, true)] if self.labels.is_none() && !self.vague => Some(name),
            _ => None,
        }
    }

    /// Whether it takes an object; nothing when that cannot be told.
    pub(super) fn takes(&self, name: &str, labels: Option<&BTreeMap<String, String>>) -> Option<bool> {
        if self.names.iter().any(|(n, equal)| (n == name) != *equal) {
            return Some(false);
        }
        if let Some(selector) = &self.labels {
            match labels.map(|l| selector::matches(selector, l)) {
                Some(Ok(false)) => return Some(false),
                Some(Ok(true)) => {}
                Some(Err(_)) | None => return None,
            }
        }
        (!self.vague).then_some(true)
    }

    fn fields(&mut self, text: &str, namespace: &str) {
        for term in split(text, ',') {
            let (field, value, equal) = match term.split_once("!=") {
                Some((field, value)) => (field, value, false),
                None => match term.split_once('=') {
                    Some((field, value)) => (field, value.strip_prefix('=').unwrap_or(value), true),
                    None => {
                        self.vague = true;
                        continue;
                    }
                },
            };
            match field {
                "metadata.name" => self.names.push((value.to_owned(), equal)),
                "metadata.namespace" if (value == namespace) == equal => {}
                _ => self.vague = true,
            }
        }
    }
}

/// Splits outside parentheses.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = text.split(|c| {
        match c {
            '(' => depth = depth.saturating_add(1),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == at && depth == 0
    });
    parts.map(str::trim).filter(|p| !p.is_empty()).collect()
}

/// A label selector in its text form. Comparisons by number are not evaluated.
///
/// Source: `Parse` in `staging/src/k8s.io/apimachinery/pkg/labels/selector.go`.
fn label_selector(text: &str) -> Option<LabelSelector> {
    let match_expressions = split(text, ',').into_iter().map(requirement).collect::<Option<Vec<_>>>()?;
    Some(LabelSelector { match_expressions, ..LabelSelector::default() })
}

fn requirement(term: &str) -> Option<LabelSelectorRequirement> {
    let made = |key: &str, operator: &str, values: Vec<String>| {
        let key = key.trim();
        let word = !key.is_empty() && !key.contains([' ', '=', '!', '(', ')', '<', '>']);
        word.then(|| LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values })
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((head, values)) = term.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let head = head.trim_end();
        return match head.strip_suffix(" notin") {
            Some(key) => made(key, "NotIn", values),
            None => made(head.strip_suffix(" in")?, "In", values),
        };
    }
    if let Some((key, value)) = term.split_once("!=") {
        return made(key, "NotIn", one(value));
    }
    if let Some((key, value)) = term.split_once('=') {
        return made(key, "In", one(value.strip_prefix('=').unwrap_or(value)));
    }
    match term.strip_prefix('!') {
        Some(key) => made(key, "DoesNotExist", Vec::new()),
        None => made(term, "Exists", Vec::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn takes(query: &str, name: &str, labels: &[(&str, &str)]) -> Option<bool> {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Select::parse(&format!("/x?{query}"), "ns").takes(name, Some(&labels))
    }

    #[test]
    fn label_selectors_in_all_their_forms() {
        let dev = [("env", "dev"), ("app", "web")];
        for (query, wanted) in [
            ("labelSelector=env%3Ddev", true),
            ("labelSelector=env==dev", true),
            ("labelSelector=env%3Dprod", false),
            ("labelSelector=env!%3Dprod", true),
            ("labelSelector=tier!%3Dprod", true),
            ("labelSelector=env+in+(dev,test),app", true),
            ("labelSelector=env%20notin%20(dev)", false),
            ("labelSelector=!tier", true),
            ("labelSelector=!env", false),
            ("labelSelector=", true),
        ] {
            assert_eq!(takes(query, "a", &dev), Some(wanted), "{query}");
        }
        assert_eq!(takes("labelSelector=size%3E5", "a", &[("size", "9")]), None);
        assert_eq!(takes("labelSelector=env%3Ddev&limit=5", "a", &dev), None);
        assert_eq!(takes("labelSelector=env%3Dprod&limit=5", "a", &dev), Some(false));
    }

    #[test]
    fn unknown_labels_leave_it_open_unless_the_name_decides() {
        let select = Select::parse("/x?labelSelector=a%3Db&fieldSelector=metadata.name!%3Dkeep", "ns");
        assert_eq!(select.takes("other", None), None);
        assert_eq!(select.takes("keep", None), Some(false));
        let one = Select::parse("/x?fieldSelector=metadata.name%3Done,metadata.namespace%3Dns", "ns");
        assert_eq!(one.only_name(), Some("one"));
        assert_eq!((one.takes("one", None), one.takes("two", None)), (Some(true), Some(false)));
        assert_eq!(takes("fieldSelector=spec.nodeName%3Dn1", "a", &[]), None);
    }
}
