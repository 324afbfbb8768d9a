//! What makes stages one request. One audit ID may stand for several requests, since a client may choose it, so what
//! else the stages of a request share is part of its identity: the server, the time of arrival, user, verb, URI and
//! addresses. Without an audit ID nothing ties stages together: the record stands for itself.
//!
//! Identities are compared as digests of 128 bits under a secret of the run: whoever wrote the evidence cannot have
//! chosen two that meet.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use arrow::array::{Array as _, Int64Array, ListArray, RecordBatch, TimestampMicrosecondArray};

use crate::case::CaseError;
use crate::case::keyed::Texts;
use crate::case::rows::{Batch, time_at};
use crate::import::dedup::Keying;

/// The columns that tell the requests of records with an audit ID apart.
pub(super) const SHARED: [&str; 7] =
    ["audit_id", "component", "request_received_timestamp", "user_username", "verb", "request_uri", "source_ips"];
/// Those that tell records without one apart, besides.
pub(super) const OWN: [&str; 2] = ["source_id", "offset"];

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest([u64; 2]);

impl Digest {
    /// Half of it.
    pub(super) fn half(self) -> u64 {
        let [half, _] = self.0;
        half
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.half());
    }
}

/// A map by digests. They are under a secret, and need no further hashing.
pub(super) type ByDigest<V> = HashMap<Digest, V, BuildHasherDefault<Half>>;

/// Takes half a digest as its hash.
#[derive(Default)]
pub(super) struct Half(u64);

impl Hasher for Half {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
}

/// Makes digests under a secret of the run.
#[derive(Default)]
pub(super) struct Digests([Keying; 2]);

impl Digests {
    /// The digest of some bytes.
    pub(super) fn of(&self, bytes: &[u8]) -> Digest {
        let [first, second] = &self.0;
        Digest([first.content(bytes), second.content(bytes)])
    }
}

/// The columns of a batch that tell requests apart.
pub(super) struct Parts<'b> {
    audit_id: Texts<'b>,
    others: [Texts<'b>; 4],
    arrival: &'b TimestampMicrosecondArray,
    addresses: &'b ListArray,
    address: Texts<'b>,
    own: Option<(Texts<'b>, &'b Int64Array)>,
}

impl<'b> Parts<'b> {
    /// Those of a batch.
    ///
    /// # Errors
    /// When one is missing.
    pub(super) fn of(batch: &'b RecordBatch) -> Result<Self, CaseError> {
        let batch = Batch(batch);
        let addresses = batch.list("source_ips")?;
        let misfit = || CaseError::Table { table: "column `source_ips`".to_owned(), reason: "no texts".to_owned() };
        Ok(Self {
            audit_id: batch.texts("audit_id")?,
            others: [
                batch.texts("component")?,
                batch.texts("user_username")?,
                batch.texts("verb")?,
                batch.texts("request_uri")?,
            ],
            arrival: batch.time("request_received_timestamp")?,
            addresses,
            address: Texts::of(addresses.values()).ok_or_else(misfit)?,
            own: batch.texts("source_id").ok().zip(batch.int("offset").ok()),
        })
    }

    /// Whether a record stands for itself.
    pub(super) fn stands_alone(&self, row: usize) -> bool {
        self.audit_id.get(row).is_none()
    }

    /// The identity of a row's request. Equal ones are of one request.
    pub(super) fn identity(&self, row: usize, digests: &Digests) -> Digest {
        let mut bytes = Vec::with_capacity(512);
        let id = self.audit_id.get(row);
        put(&mut bytes, id);
        if let (None, Some((source, offset))) = (id, &self.own) {
            put(&mut bytes, source.get(row));
            let offset = if offset.is_valid(row) { offset.value(row) } else { -1 };
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        self.others.iter().for_each(|column| put(&mut bytes, column.get(row)));
        let arrival = time_at(self.arrival, row).map(|t| t.as_micros());
        bytes.push(u8::from(arrival.is_some()));
        bytes.extend_from_slice(&arrival.unwrap_or_default().to_le_bytes());
        if self.addresses.is_valid(row) {
            let end = |at: usize| self.addresses.value_offsets().get(at).and_then(|end| usize::try_from(*end).ok());
            let (first, end) = (end(row).unwrap_or_default(), end(row.saturating_add(1)).unwrap_or_default());
            (first..end).for_each(|at| put(&mut bytes, self.address.get(at)));
        } else {
            bytes.push(2);
        }
        digests.of(&bytes)
    }
}

/// Adds a text. Lengths go in too, since a text may hold any byte.
fn put(bytes: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => bytes.push(0),
        Some(text) => {
            bytes.push(1);
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}
