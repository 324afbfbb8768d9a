//! A JSON value as it stands in a record. [`serde_json::value::RawValue`] can only be had from serde's own parser;
//! this can be had from any that has found the value whole.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The verbatim text of one whole JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// For text that was found to be one whole JSON value.
    pub(crate) const fn verbatim(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    pub const fn get(self) -> &'a str {
        self.0
    }
}

impl<'a> From<&'a RawValue> for Json<'a> {
    fn from(raw: &'a RawValue) -> Self {
        Self(raw.get())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::from)
    }
}
