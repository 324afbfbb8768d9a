//! A quick way to pass over rules that cannot match: 64 bits for each list of a rule, one bit for
//! each entry's hash, all bits for a wildcard. A rule that the sieve lets through is still compared
//! entry by entry; one that it holds back could not have matched. Costs 32 bytes a rule and makes
//! a subject with many bindings cheap to answer for. Colliding names only cost time.

use crate::model::rbac::PolicyRule;
use crate::model::review::{Action, Target};

use super::matching::{ALL, rule_allows};

/// The bits of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sieve {
    verbs: u64,
    groups: u64,
    resources: u64,
    urls: u64,
}

/// The bits of one action, to be held against many rules.
pub(super) struct Probe<'a> {
    action: &'a Action,
    verb: u64,
    on: On,
}

enum On {
    Resource { group: u64, resource: u64 },
    Url(u64),
}

impl Sieve {
    pub(super) fn new(rule: &PolicyRule) -> Self {
        let bits = |entries: &[String], all: fn(&str) -> bool| {
            let bit = |entry: &String| if all(entry) { u64::MAX } else { bit(&[entry]) };
            entries.iter().map(bit).fold(0, |sum, bit| sum | bit)
        };
        let is_all = |entry: &str| entry == ALL;
        Self {
            verbs: bits(&rule.verbs, is_all),
            groups: bits(&rule.api_groups, is_all),
            resources: bits(&rule.resources, is_all),
            urls: bits(&rule.non_resource_urls, |entry| entry.ends_with('*')),
        }
    }
}

impl<'a> Probe<'a> {
    pub(super) fn new(action: &'a Action) -> Self {
        let on = match &action.target {
            Target::Resource(target) => {
                let resource = match target.subresource.as_str() {
                    "" => bit(&[&target.resource]),
                    subresource => bit(&[&target.resource, "/", subresource]) | bit(&[ALL, "/", subresource]),
                };
                On::Resource { group: bit(&[&target.group]), resource }
            }
            Target::NonResource { path } => On::Url(bit(&[path])),
        };
        Self { action, verb: bit(&[&action.verb]), on }
    }

    /// The first rule that allows the action; `sieves` are those of the rules, in their order.
    pub(super) fn allowing_rule(&self, sieves: &[Sieve], rules: &[PolicyRule]) -> Option<usize> {
        let mut places = sieves.iter().zip(rules).enumerate();
        places.find(|(_, (sieve, rule))| self.passes(sieve) && rule_allows(rule, self.action)).map(|(place, _)| place)
    }

    fn passes(&self, sieve: &Sieve) -> bool {
        self.verb & sieve.verbs != 0
            && match self.on {
                On::Resource { group, resource } => group & sieve.groups != 0 && resource & sieve.resources != 0,
                On::Url(path) => path & sieve.urls != 0,
            }
    }
}

/// One of 64 bits for the text that the parts make together (FNV-1a, its high bits folded in).
fn bit(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    1 << ((hash ^ (hash >> 32)) % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::review::ResourceTarget;
    use proptest::prelude::*;

    fn words() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[ab*/]{0,4}", 0..4)
    }

    proptest! {
        #[test]
        fn nothing_that_matches_is_held_back(
            lists in (words(), words(), words(), words()),
            verb in "[ab*]{0,2}",
            group in "[ab*]{0,2}",
            resource in "[ab*]{0,2}",
            subresource in "[ab*/]{0,2}",
            url in any::<bool>(),
        ) {
            let (verbs, api_groups, resources, non_resource_urls) = lists;
            let rule = PolicyRule { verbs, api_groups, resources, non_resource_urls, ..PolicyRule::default() };
            let target = if url {
                Target::NonResource { path: resource }
            } else {
                Target::Resource(ResourceTarget { group, resource, subresource, ..ResourceTarget::default() })
            };
            let action = Action { verb, target };
            let found = Probe::new(&action).allowing_rule(&[Sieve::new(&rule)], std::slice::from_ref(&rule));
            prop_assert_eq!(found.is_some(), rule_allows(&rule, &action));
        }
    }
}
