//! The columns that `who-did --count-by` counts, as they were read.

use arrow::array::{Array as _, RecordBatch, TimestampMicrosecondArray};
use arrow::buffer::BooleanBuffer;

use super::identity::{Digest, Digests};
use super::shared::HOUR;
use super::tally::{Counts, Tally};
use crate::case::CaseError;
use crate::case::keyed::Texts;
use crate::case::part::Rows;
use crate::case::rows::{Batch, time_at};
use crate::model::audit::MUTATING_VERBS;
use crate::model::time::Timestamp;

/// The columns that are counted.
pub(super) struct Events<'b> {
    pub(super) arrival: &'b TimestampMicrosecondArray,
    stage: Option<&'b TimestampMicrosecondArray>,
    pub(super) users: Texts<'b>,
    pub(super) changes: BooleanBuffer,
    pub(super) failed: BooleanBuffer,
    pub(super) denied: BooleanBuffer,
}

impl<'b> Events<'b> {
    pub(super) fn of(batch: &'b RecordBatch) -> Result<Self, CaseError> {
        let of = Batch(batch);
        let codes = of.int32("response_status_code")?;
        Ok(Self {
            arrival: of.time("request_received_timestamp")?,
            stage: of.time("stage_timestamp").ok(),
            users: of.texts("user_username")?,
            changes: of.texts("verb")?.matching(|verb| MUTATING_VERBS.contains(&verb)),
            failed: BooleanBuffer::collect_bool(codes.len(), |row| codes.is_valid(row) && codes.value(row) >= 400),
            denied: of.texts("authorization_decision")?.matching(|decision| decision == "forbid"),
        })
    }

    pub(super) fn time(&self, row: usize) -> Option<i64> {
        let stage = || self.stage.and_then(|stage| time_at(stage, row));
        time_at(self.arrival, row).or_else(stage).map(Timestamp::as_micros)
    }

    pub(super) fn hour(&self, row: usize) -> Option<i64> {
        self.time(row).map(|time| time.div_euclid(HOUR))
    }

    /// The counts of rows.
    pub(super) fn counts(&self, begin: usize, end: usize) -> Counts {
        let rows = end.saturating_sub(begin);
        let set = |bits: &BooleanBuffer| bits.slice(begin, rows).count_set_bits() as u64;
        Counts {
            requests: rows as u64,
            changes: set(&self.changes),
            failed: set(&self.failed),
            denied: set(&self.denied),
        }
    }
}

/// Which row of the row group a row is that was read, counted from a first one.
pub(super) struct Numbers {
    first: u32,
    rows: Option<Vec<u32>>,
}

impl Numbers {
    pub(super) fn of(first: u32, rows: &Rows) -> Self {
        let rows = match rows {
            Rows::None => Some(Vec::new()),
            Rows::All => None,
            Rows::Some(bits) => Some(bits.set_indices_u32().collect()),
        };
        Self { first, rows }
    }

    pub(super) fn get(&self, row: usize) -> u32 {
        let place = match &self.rows {
            None => u32::try_from(row).unwrap_or(u32::MAX),
            Some(rows) => rows.get(row).copied().unwrap_or(u32::MAX),
        };
        self.first.saturating_add(place)
    }
}

/// The users of a row group.
pub(super) struct Users<'b> {
    /// Of each row, its place among the names.
    places: Vec<usize>,
    names: Vec<(&'b str, Option<Digest>)>,
    requests: Vec<u64>,
    digests: &'b Digests,
}

impl<'b> Users<'b> {
    pub(super) fn new(users: Texts<'b>, digests: &'b Digests) -> Self {
        let (places, names) = users.numbered();
        let requests = vec![0; names.len()];
        Self { places, names: names.into_iter().map(|name| (name, None)).collect(), requests, digests }
    }

    /// Adds the users of rows.
    pub(super) fn add_to(&mut self, tally: &mut Tally, begin: usize, end: usize) {
        let places = self.places.get(begin..end).unwrap_or_default();
        let mut met = Vec::new();
        for place in places {
            if let Some(requests) = self.requests.get_mut(*place) {
                if *requests == 0 {
                    met.push(*place);
                }
                *requests = requests.saturating_add(1);
            }
        }
        for place in met {
            let (Some((name, digest)), Some(requests)) = (self.names.get_mut(place), self.requests.get_mut(place))
            else {
                continue;
            };
            let digest = *digest.get_or_insert_with(|| self.digests.of(name.as_bytes()));
            tally.add_user(digest, std::mem::take(requests));
        }
    }
}
