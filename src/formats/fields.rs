//! The top level of a JSON object: its keys and the verbatim text of their values. One pass over the
//! record tells which format it is, without deciding beforehand which keys to expect.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::text::Text;
use crate::model::time::Timestamp;

/// Keys of one object that are read; more are an attack, not a record.
const MAX_KEYS: usize = 100_000;

/// The members of an object in their order.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pairs: Vec<(Text<'a>, &'a RawValue)>,
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            if pairs.len() >= MAX_KEYS {
                return Err(A::Error::custom(format!("an object of more than {MAX_KEYS} keys")));
            }
            pairs.push(pair);
        }
        Ok(Fields { pairs })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl<'a> Fields<'a> {
    /// Reads an object.
    pub(super) fn of(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The first value of a key that is not null.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.raw(key).filter(|v| v.get() != "null")
    }

    /// The first value of a key, null included.
    pub(super) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.pairs.iter().find(|(k, _)| &**k == key).map(|(_, v)| *v)
    }

    /// Whether the key is there, null or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// The value of a key as text.
    pub(super) fn text(&self, key: &str) -> Option<Text<'a>> {
        text(self.get(key)?)
    }

    /// Whether the value of a key is this text.
    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.text(key).is_some_and(|t| &*t == value)
    }

    /// The value of a key as an object.
    pub(super) fn object(&self, key: &str) -> Option<Fields<'a>> {
        Self::of(self.get(key)?.get()).ok()
    }

    /// The value of a key as a list.
    pub(super) fn list(&self, key: &str) -> Option<Vec<&'a RawValue>> {
        list(self.get(key)?)
    }

    /// The value of a key as an integer.
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        let raw = self.get(key)?.get();
        // Some exports write whole numbers as 79.0.
        raw.parse().ok().or_else(|| whole(raw.parse::<f64>().ok()?))
    }

    /// The value of a key as a time in RFC 3339.
    pub(super) fn time(&self, key: &str) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.text(key)?)
    }

    /// Members in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.pairs.iter().map(|(k, v)| (&**k, *v))
    }

    /// Whether a key occurs twice.
    pub(super) fn has_duplicates(&self) -> bool {
        let mut keys: Vec<&str> = self.pairs.iter().map(|(k, _)| &**k).collect();
        keys.sort_unstable();
        keys.windows(2).any(|w| w.first() == w.last())
    }
}

/// A value as text.
pub(super) fn text(raw: &RawValue) -> Option<Text<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// A value as a list.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// A float that is a whole number.
fn whole(number: f64) -> Option<i64> {
    // Above 2^53 a float no longer tells neighbours apart.
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation)]
    exact.then_some(number as i64)
}

/// A time in milliseconds since the epoch.
pub(super) fn millis(ms: i64) -> Option<Timestamp> {
    ms.checked_mul(1000).map(Timestamp::from_micros)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_once_and_values_stay_verbatim() {
        let f = Fields::of(r#"{"a":"x\ny","n":null,"i":79.0,"o":{"k": 1},"l":[1,{"b":2}],"a":"second"}"#).unwrap();
        assert_eq!(&*f.text("a").unwrap(), "x\ny");
        assert!(f.has("n") && f.get("n").is_none() && f.has_duplicates());
        assert_eq!((f.integer("i"), f.get("o").unwrap().get()), (Some(79), r#"{"k": 1}"#));
        assert_eq!(f.list("l").unwrap().len(), 2);
        assert!(Fields::of("[1]").is_err() && Fields::of(r#"{"a":1}x"#).is_err());
    }
}
