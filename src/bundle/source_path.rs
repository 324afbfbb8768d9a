//! Where a collected file lay, as it was named to the collector. File names are bytes, JSON strings are not:
//! a name that is UTF-8 is written as it is, any other as its bytes in hexadecimal beside a legible form.

use std::ffi::OsStr;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::{from_hex, to_hex};

/// A path (or any other name of an origin) without loss.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Repr", into = "Repr")]
pub struct SourcePath(Vec<u8>);

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Repr {
    /// A name that is UTF-8.
    Text(String),
    /// Any other: `hex` is the name, `text` is for people.
    Bytes { text: String, hex: HexBytes },
}

/// Bytes written in hexadecimal.
struct HexBytes(Vec<u8>);

impl Serialize for HexBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = from_hex(&text).ok_or_else(|| format!("`{text}` is not a row of hexadecimal digits"));
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

impl SourcePath {
    /// From a name of the operating system (on Windows, in its WTF-8 form).
    pub fn from_os(path: impl AsRef<OsStr>) -> Self {
        Self(path.as_ref().as_encoded_bytes().to_vec())
    }

    /// The name's own bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for SourcePath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for SourcePath {
    /// The name for people: bytes that are not UTF-8 show as U+FFFD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl From<Repr> for SourcePath {
    fn from(repr: Repr) -> Self {
        match repr {
            Repr::Text(text) => Self(text.into_bytes()),
            Repr::Bytes { hex, .. } => Self(hex.0),
        }
    }
}

impl From<SourcePath> for Repr {
    fn from(path: SourcePath) -> Self {
        match String::from_utf8(path.0) {
            Ok(text) => Self::Text(text),
            Err(e) => {
                let bytes = e.into_bytes();
                Self::Bytes { text: String::from_utf8_lossy(&bytes).into_owned(), hex: HexBytes(bytes) }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utf8_is_a_plain_string_and_anything_else_keeps_its_bytes() {
        let plain = SourcePath::from("logs/отчёт.log");
        assert_eq!(serde_json::to_string(&plain).unwrap(), "\"logs/отчёт.log\"");
        let odd = SourcePath(b"logs/\xff.log".to_vec());
        assert_eq!(
            serde_json::to_string(&odd).unwrap(),
            "{\"text\":\"logs/\u{fffd}.log\",\"hex\":\"6c6f67732fff2e6c6f67\"}"
        );
        assert!(serde_json::from_str::<SourcePath>("{\"text\":\"x\",\"hex\":\"zz\"}").is_err());
    }

    proptest! {
        #[test]
        fn no_name_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let path = SourcePath(bytes);
            let json = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(serde_json::from_str::<SourcePath>(&json).unwrap(), path);
        }
    }
}
