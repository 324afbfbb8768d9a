//! The values of `user.extra` that have a column of their own. Read fast where they are lists of texts, as API servers
//! write them, and by serde where they are anything else.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::formats::cursor::Cursor;
use crate::model::text::Text;

/// The keys of `user.extra` that have a column.
#[derive(Default, Deserialize)]
pub(super) struct Extra<'a> {
    #[serde(borrow, default, rename = "authentication.kubernetes.io/credential-id")]
    pub(super) credential_id: First<'a>,
    #[serde(borrow, default, rename = "authentication.kubernetes.io/pod-name")]
    pub(super) pod_name: First<'a>,
    #[serde(borrow, default, rename = "authentication.kubernetes.io/node-name")]
    pub(super) node_name: First<'a>,
}

impl<'a> Extra<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        Self::plain(json).or_else(|| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    /// Lists of texts, as API servers write them.
    fn plain(json: &'a str) -> Option<Self> {
        let mut extra = Self::default();
        let (mut cursor, mut seen) = (Cursor::new(json)?, [false; 3]);
        cursor.object(|c, key| {
            let [id, pod, node] = &mut seen;
            let (seen, First(place)) = match key {
                "authentication.kubernetes.io/credential-id" => (id, &mut extra.credential_id),
                "authentication.kubernetes.io/pod-name" => (pod, &mut extra.pod_name),
                "authentication.kubernetes.io/node-name" => (node, &mut extra.node_name),
                _ => return c.skip(),
            };
            // A key given twice is an error to serde.
            (!std::mem::replace(seen, true)).then_some(())?;
            c.list(|c| match place {
                None => c.string().map(|first| *place = Some(first)),
                Some(_) => c.skip(),
            })
        })?;
        cursor.is_done().then_some(extra)
    }
}

/// The first of a list of texts.
#[derive(Default)]
pub(super) struct First<'a>(pub(super) Option<Text<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor)
    }
}

struct FirstVisitor;

impl<'de> Visitor<'de> for FirstVisitor {
    type Value = First<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(First(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(extra: &Extra<'_>) -> [Option<String>; 3] {
        [&extra.credential_id, &extra.pod_name, &extra.node_name].map(|f| f.0.as_ref().map(ToString::to_string))
    }

    proptest! {
        /// What is read fast is read as serde reads it.
        #[test]
        fn both_ways_agree(members in proptest::collection::vec((0_usize..5, 0_usize..8), 0..5)) {
            let keys = ["credential-id", "pod-name", "node-name", "pod-uid", "credential\\u002did"];
            let values = ["[]", "[\"x\"]", "[ \"\\\"y\\u00e4\", \"z\" ]", "null", "7", "[7]", "[\"x\",null]", "{\"a\":[]}"];
            let members: Vec<String> = members
                .iter()
                .map(|(k, v)| format!("\"authentication.kubernetes.io/{}\":{}", keys.get(*k).unwrap(), values.get(*v).unwrap()))
                .collect();
            let json = format!("{{{}}}", members.join(","));
            let general: Extra<'_> = serde_json::from_str(&json).unwrap_or_default();
            prop_assert_eq!(told(&Extra::of(&json)), told(&general), "{}", json);
        }
    }
}
