//! The annotations of an audit event. A sorted list instead of a map: an event has two or three, and is read once.
//! Where the record spells them as they are written to the case anyway, that slice is kept beside them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::text::Text;

/// Annotations by key, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
    /// The same as JSON: an object with sorted keys and no white space.
    spelt: Option<&'a str>,
}

impl<'a> Annotations<'a> {
    /// From pairs in any order; of equal keys the last counts, as in a map.
    pub fn of(mut pairs: Vec<(Text<'a>, Text<'a>)>) -> Self {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            pairs.reverse();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            pairs.dedup_by(|later, kept| later.0 == kept.0);
        }
        Self { pairs, spelt: None }
    }

    /// As [`Annotations::of`], with the JSON they were read from. `plain` says that it is written as this program
    /// writes it, but for the order of keys.
    pub(crate) fn spelt(pairs: Vec<(Text<'a>, Text<'a>)>, json: &'a str, plain: bool) -> Self {
        let sorted = pairs.is_sorted_by(|a, b| a.0 < b.0);
        Self { spelt: (plain && sorted).then_some(json), ..Self::of(pairs) }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.pairs.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        self.pairs.get(at).map(|(_, value)| &**value)
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = &(Text<'a>, Text<'a>)> {
        self.pairs.iter()
    }

    /// Adds a value unless the key has one.
    pub fn or_insert(&mut self, key: Text<'a>, value: Text<'a>) {
        if let Err(at) = self.pairs.binary_search_by(|(k, _)| k.cmp(&key)) {
            self.pairs.insert(at, (key, value));
            self.spelt = None;
        }
    }

    /// The annotations as a JSON object with sorted keys; written to `room` unless the record has it so.
    pub fn json<'s>(&'s self, room: &'s mut Vec<u8>) -> Option<&'s str> {
        if self.spelt.is_some() {
            return self.spelt;
        }
        room.clear();
        serde_json::to_writer(&mut *room, self).ok()?;
        std::str::from_utf8(room).ok()
    }
}

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs.iter().map(|(key, value)| (key, value)))
    }
}

struct AnnotationsVisitor;

impl<'de> Visitor<'de> for AnnotationsVisitor {
    type Value = Annotations<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Annotations::of(pairs))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnnotationsVisitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a map has it: sorted, the last of equal keys, and written so.
        #[test]
        fn they_are_a_map(pairs in proptest::collection::vec(("[a-c]{0,2}", "[x\"\n]{0,2}"), 0..8), key in "[a-c]{0,2}") {
            let owned: Vec<(Text<'_>, Text<'_>)> =
                pairs.iter().map(|(k, v)| (k.as_str().into(), v.as_str().into())).collect();
            let all = Annotations::of(owned);
            let map: BTreeMap<&str, &str> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let mut room = Vec::new();
            prop_assert_eq!(all.json(&mut room).unwrap(), serde_json::to_string(&map).unwrap());
            prop_assert_eq!(all.get(&key), map.get(key.as_str()).copied());
            let again: Annotations<'_> = serde_json::from_slice(&room).unwrap();
            prop_assert_eq!(&again, &all);
            let mut more = all.clone();
            more.or_insert(key.clone().into(), "new".into());
            prop_assert_eq!(more.get(&key), Some(map.get(key.as_str()).copied().unwrap_or("new")));
        }
    }
}
