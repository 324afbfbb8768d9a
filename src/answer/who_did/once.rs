//! The last stage of each request.
//!
//! The records of a request tell one time of arrival, and most times are told by one record, which then is the whole
//! request. Only those that share theirs, or have none, are compared by all that makes an identity.

use arrow::array::{Array as _, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use super::identity::{ByDigest, Digests, Parts};
use crate::case::CaseError;
use crate::case::rows::{Batch, text_at, time_at};
use crate::model::time::Timestamp;

/// A request, where its last stage lies.
pub(super) struct Request<'b> {
    /// When it arrived; where no stage says so, when its last stage was reached.
    pub(super) time: Option<Timestamp>,
    source: &'b str,
    offset: i64,
    /// The number of its batch.
    pub(super) batch: usize,
    /// Its row there.
    pub(super) row: usize,
    /// How far along the last stage is.
    rank: u8,
    /// Records of it.
    pub(super) stages: usize,
}

/// The columns that are looked at.
struct Columns<'b> {
    arrival: &'b TimestampMicrosecondArray,
    stage_time: &'b TimestampMicrosecondArray,
    stage: &'b StringArray,
    source: &'b StringArray,
    offset: &'b Int64Array,
    parts: Parts<'b>,
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, CaseError> {
        let of = Batch(batch);
        Ok(Self {
            arrival: of.time("request_received_timestamp")?,
            stage_time: of.time("stage_timestamp")?,
            stage: of.text("stage")?,
            source: of.text("source_id")?,
            offset: of.int("offset")?,
            parts: Parts::of(batch)?,
        })
    }

    fn request(&self, batch: usize, row: usize) -> Request<'b> {
        let rank = match text_at(self.stage, row) {
            Some("RequestReceived") => 0,
            Some("ResponseStarted") => 1,
            Some("Panic") => 3,
            _ => 2,
        };
        Request {
            time: time_at(self.arrival, row).or_else(|| time_at(self.stage_time, row)),
            source: text_at(self.source, row).unwrap_or_default(),
            offset: if self.offset.is_valid(row) { self.offset.value(row) } else { 0 },
            batch,
            row,
            rank,
            stages: 1,
        }
    }
}

/// The requests, by time; those without one first. Of two equal stages the later one in the order of the files counts.
///
/// # Errors
/// When a batch lacks a column.
pub(super) fn once(batches: &[RecordBatch]) -> Result<Vec<Request<'_>>, CaseError> {
    let columns: Vec<Columns<'_>> = batches.iter().map(Columns::of).collect::<Result<_, _>>()?;
    let mut records: Vec<(Option<Timestamp>, usize, usize)> = Vec::new();
    for (batch, of) in columns.iter().enumerate() {
        records.extend((0..of.arrival.len()).map(|row| (time_at(of.arrival, row), batch, row)));
    }
    records.sort_unstable();
    let digests = Digests::default();
    let mut requests = Vec::with_capacity(records.len());
    for shared in records.chunk_by(|a, b| a.0 == b.0) {
        let each = shared.iter().filter_map(|(_, batch, row)| Some((columns.get(*batch)?, *batch, *row)));
        if let ([(Some(_), ..)], Some((of, batch, row))) = (shared, each.clone().next()) {
            requests.push(of.request(batch, row));
            continue;
        }
        let mut places = ByDigest::default();
        for (of, batch, row) in each {
            let found = of.request(batch, row);
            let place = *places.entry(of.parts.identity(row, &digests)).or_insert(requests.len());
            match requests.get_mut(place) {
                None => requests.push(found),
                Some(kept) => keep_later(kept, found),
            }
        }
    }
    requests.sort_unstable_by(|a, b| (a.time, a.source, a.offset).cmp(&(b.time, b.source, b.offset)));
    Ok(requests)
}

fn keep_later<'b>(kept: &mut Request<'b>, found: Request<'b>) {
    let stages = kept.stages.saturating_add(1);
    if found.rank >= kept.rank {
        *kept = found;
    }
    kept.stages = stages;
}
