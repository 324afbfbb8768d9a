//! Digests: SHA-256 for all we write, SHA-512 too for bags made by others. MD5 and SHA-1 manifests are not
//! checked: a match would prove nothing against someone who wants one.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use sha2::{Digest, Sha256, Sha512};

/// A SHA-256 digest; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

/// A text that is not a SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: expected 64 hexadecimal digits")]
pub struct ParseDigestError(String);

impl Sha256Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hasher(Sha256::new_with_prefix(bytes))
    }

    /// The digest of what a hasher was fed.
    pub(super) fn from_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = from_hex(text).ok_or_else(|| ParseDigestError(text.to_owned()))?;
        bytes.try_into().map(Self).map_err(|_| ParseDigestError(text.to_owned()))
    }
}

impl serde::Serialize for Sha256Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Sha256Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

/// Reads hexadecimal digits of either case.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect())?
}

/// The algorithms of manifests that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Algorithm {
    /// `manifest-sha256.txt`.
    Sha256,
    /// `manifest-sha512.txt`.
    Sha512,
}

impl Algorithm {
    /// By the name used in file names of manifests.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// How many hexadecimal digits a digest has.
    pub(super) const fn hex_len(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// Hashes with the algorithms asked for, in one pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashers {
    sha256: Option<Sha256>,
    sha512: Option<Sha512>,
    /// Bytes hashed.
    pub(super) length: u64,
}

impl Hashers {
    pub(super) fn new(algorithms: &[Algorithm]) -> Self {
        Self {
            sha256: algorithms.contains(&Algorithm::Sha256).then(Sha256::new),
            sha512: algorithms.contains(&Algorithm::Sha512).then(Sha512::new),
            length: 0,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        if let Some(hasher) = &mut self.sha256 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
        self.length = self.length.saturating_add(bytes.len() as u64);
    }

    /// The digest so far in lower-case hexadecimal, if that algorithm was asked for.
    pub(super) fn hex(&self, algorithm: Algorithm) -> Option<String> {
        match algorithm {
            Algorithm::Sha256 => self.sha256.as_ref().map(|h| to_hex(&h.clone().finalize())),
            Algorithm::Sha512 => self.sha512.as_ref().map(|h| to_hex(&h.clone().finalize())),
        }
    }
}

/// Hashes what is read through it and tells how far it is.
pub(super) struct HashingReader<'a, R> {
    inner: R,
    /// What was read so far.
    pub(super) hashers: Hashers,
    on_block: &'a dyn Fn(u64),
}

impl<'a, R: Read> HashingReader<'a, R> {
    pub(super) fn new(inner: R, algorithms: &[Algorithm], on_block: &'a dyn Fn(u64)) -> Self {
        Self { inner, hashers: Hashers::new(algorithms), on_block }
    }
}

impl<R: Read> Read for HashingReader<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.hashers.update(buf.get(..n).unwrap_or_default());
        (self.on_block)(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_of_abc_is_the_one_in_fips_180() {
        assert_eq!(Sha256Digest::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.to_uppercase().parse::<Sha256Digest>().unwrap(), Sha256Digest::of(b"abc"));
    }

    #[test]
    fn what_is_not_64_hex_digits_is_refused() {
        for text in ["", "ba", &ABC[1..], &format!("{ABC}00"), &ABC.replace('f', "g"), &ABC.replacen("ba", "é", 1)] {
            assert!(text.parse::<Sha256Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_digests_asked_for_are_made() {
        let mut hashers = Hashers::new(&[Algorithm::Sha512]);
        hashers.update(b"abc");
        assert_eq!(hashers.hex(Algorithm::Sha256), None);
        assert!(hashers.hex(Algorithm::Sha512).unwrap().starts_with("ddaf35a193617abacc417349ae204131"));
        assert_eq!(hashers.length, 3);
    }
}
