//! Some members of a JSON object, verbatim: what is read of the many bodies of which little is wanted. Forward where the
//! object is written plainly, by serde where it is not; the two never differ.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cursor::Cursor;

/// The JSON texts of the members `names` of an object: `None` inside where one is missing or `null`, `None` when the
/// text is no JSON object or gives one of them twice.
pub(crate) fn members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
    plain(json, &names).or_else(|| general(json, &names))
}

fn plain<'a, const N: usize>(json: &'a str, names: &[&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut cursor = Cursor::new(json)?;
    let (mut found, mut seen) = ([None; N], [false; N]);
    cursor.object(|c, key| {
        let Some(place) = names.iter().position(|name| *name == key) else { return c.skip() };
        let (value, seen) = (found.get_mut(place)?, seen.get_mut(place)?);
        // A second one is an error, for serde to tell.
        (!std::mem::replace(seen, true)).then_some(())?;
        *value = c.verbatim()?;
        Some(())
    })?;
    cursor.position();
    cursor.is_done().then_some(found)
}

fn general<'a, const N: usize>(json: &'a str, names: &[&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let found = reader.deserialize_map(Members(names)).ok()?;
    reader.end().ok()?;
    Some(found)
}

struct Members<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> Visitor<'de> for Members<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut seen) = ([None; N], [false; N]);
        while let Some(key) = map.next_key::<String>()? {
            let place = self.0.iter().position(|name| *name == key);
            let Some((value, seen)) = place.and_then(|p| Some((found.get_mut(p)?, seen.get_mut(p)?))) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(seen, true) {
                return Err(A::Error::custom("given twice"));
            }
            *value = map.next_value::<Option<&RawValue>>()?.map(RawValue::get);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 2] = ["a", "kind"];

    #[test]
    fn values_are_given_as_they_stand() {
        let found = members(r#" { "kind" : {"x": [1, 2]} ,"b":"\"","a":null} "#, NAMES);
        assert_eq!(found, Some([None, Some(r#"{"x": [1, 2]}"#)]));
        assert_eq!(members("{\"k\\u0069nd\":\n1}", NAMES), Some([None, Some("1")]));
        assert_eq!(members("{}", NAMES), Some([None, None]));
    }

    #[test]
    fn what_is_no_object_or_says_two_things_is_refused() {
        for text in ["[]", "[1,2]", "7", "", "{", "{\"a\":1}{}", "{\"a\":1,\"a\":1}", "{\"a\":01}", "null"] {
            assert_eq!(members(text, NAMES), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn both_ways_read_alike(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "{", "}", "[", "]", ",", ":", " ", "\n", "\"a\"", "\"kind\"", "\"\\u0061\"", "\"b\"", "null", "1", "1.5e3",
            "\"a\":1", "\"kind\":{\"a\":null}", "\"a\":[{}],", "\u{1}",
        ]), 0..12)) {
            let text = pieces.concat();
            let general = general(&text, &NAMES);
            if let Some(plain) = plain(&text, &NAMES) {
                prop_assert_eq!(Some(plain), general, "{}", text);
            }
        }
    }
}
