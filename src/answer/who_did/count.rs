//! `who-did --count-by`: how many requests there were in each hour or day, each counted once however many stages were
//! logged.
//!
//! Every record is counted as if it were a request of its own, from the few columns that this takes. Records that share
//! their time of arrival with another are then looked at again, with all that makes their identity, and what turns out to
//! be one request is put right. Traded for it: a log in which every request has several records is read twice.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use arrow::array::{Array as _, TimestampMicrosecondArray};
use rayon::prelude::*;

use super::columns::{Events, Numbers, Users};
use super::filter::Filter;
use super::identity::{Digest, Digests, Parts, SHARED};
use super::shared::{HOUR, Sightings};
use super::shorten;
use super::tally::{Counts, Tally};
use crate::answer::{Answer, AsOf, Value, Verdict, column};
use crate::case::part::{Given, RowGroup, Rows};
use crate::case::rows::time_at;
use crate::case::sieve::Sieve;
use crate::case::{Case, CaseError};
use crate::model::time::{Interval, Timestamp};
use crate::tables::events;

/// What is counted.
static COUNTED: [&str; 6] = [
    "stage_timestamp",
    "request_received_timestamp",
    "verb",
    "user_username",
    "response_status_code",
    "authorization_decision",
];

/// What is read to count: where every record tells its arrival, that is all the time that is needed.
fn read_to_count(group: &RowGroup) -> &'static [&'static str] {
    if group.may_lack("request_received_timestamp") { &COUNTED } else { COUNTED.split_at(1).1 }
}

/// Records that are compared together: some 60 MB of them.
const HEAP: usize = 1 << 20;

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
}

impl Unit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    fn hours(self) -> i64 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }
}

/// Counts the requests of one cluster that [`super::answer`] lists. A request is counted when it arrived; where no record
/// of it says so, when its first stage was reached.
///
/// # Errors
/// When the table cannot be read.
pub fn counts(case: &Case, cluster: &str, filter: &Filter, unit: Unit) -> Result<Answer, CaseError> {
    let groups = numbered(case.row_groups(&events::TABLE, cluster, filter.within.unwrap_or(Interval::ALWAYS))?)?;
    let counting = Counting { sieve: filter.sieve(), digests: Digests::default(), groups };
    let mut stretches: BTreeMap<Option<i64>, Tally> = BTreeMap::new();
    for (hour, tally) in counting.run()?.into_iter().filter(|(_, tally)| tally.counts.requests > 0) {
        put(&mut stretches, hour.map(|hour| hour.div_euclid(unit.hours())), tally);
    }
    let mut rows: Vec<Vec<Value>> = stretches.into_iter().map(|(at, tally)| row(at, &tally, unit)).collect();
    let notes = shorten(&mut rows, filter.limit, &format!("{}s", unit.name()));
    Ok(Answer {
        question: filter.describe(Some(unit)),
        as_of: filter.within.map_or(AsOf::Everything, AsOf::Stretch),
        basis: None,
        notes,
        columns: ["time", "requests", "changes", "failed", "denied", "users"].map(column).to_vec(),
        verdict: if rows.is_empty() { Verdict::No } else { Verdict::Yes },
        rows,
    })
}

fn row(at: Option<i64>, tally: &Tally, unit: Unit) -> Vec<Value> {
    let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let began = |at: i64| Timestamp::from_micros(at.saturating_mul(unit.hours()).saturating_mul(HOUR));
    let Counts { requests, changes, failed, denied } = tally.counts;
    vec![
        at.map_or(Value::Null, |at| Value::Time(began(at))),
        number(requests),
        number(changes),
        number(failed),
        number(denied),
        number(tally.users() as u64),
    ]
}

/// Adds a tally to that of a time.
fn put(tallies: &mut BTreeMap<Option<i64>, Tally>, at: Option<i64>, tally: Tally) {
    match tallies.entry(at) {
        Entry::Vacant(place) => {
            place.insert(tally);
        }
        Entry::Occupied(mut place) => place.get_mut().add(tally),
    }
}

/// Row groups, each with the number of its first row.
fn numbered(groups: Vec<RowGroup>) -> Result<Vec<(u32, RowGroup)>, CaseError> {
    let too_many =
        || CaseError::Query("these are more than 4 billion events: ask about less with --from and --to".into());
    let mut next = 0_u32;
    let mut number = |group: RowGroup| {
        let first = next;
        next = u32::try_from(group.rows()).ok().and_then(|rows| next.checked_add(rows)).ok_or_else(too_many)?;
        Ok((first, group))
    };
    groups.into_iter().map(&mut number).collect()
}

/// What has been counted, by hour from 1970.
#[derive(Default)]
struct Counted {
    hours: BTreeMap<Option<i64>, Tally>,
    seen: Sightings,
}

struct Counting<'f> {
    sieve: Sieve<'f>,
    digests: Digests,
    groups: Vec<(u32, RowGroup)>,
}

impl Counting<'_> {
    fn run(&self) -> Result<BTreeMap<Option<i64>, Tally>, CaseError> {
        let all = Mutex::new(Counted::default());
        self.groups.par_iter().try_for_each(|(first, group)| {
            let found = self.count(*first, group)?;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.seen.add(found.seen);
            found.hours.into_iter().for_each(|(hour, tally)| put(&mut all.hours, hour, tally));
            Ok(())
        })?;
        let Counted { mut hours, seen } = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        for heap in seen.shared(HEAP) {
            put_right(&mut hours, self.records(heap)?);
        }
        Ok(hours)
    }

    /// Counts the rows of a row group that pass, each as a request of its own.
    fn count(&self, first: u32, group: &RowGroup) -> Result<Counted, CaseError> {
        let mut counted = Counted::default();
        let rows = self.sieve.rows(group)?;
        if rows == Rows::None {
            return Ok(counted);
        }
        let batch = group.read(read_to_count(group), &rows, Given::Keyed)?;
        let events = Events::of(&batch)?;
        let numbers = Numbers::of(first, &rows);
        let mut users = Users::new(events.users, &self.digests);
        let mut begin = 0;
        while begin < batch.num_rows() {
            let hour = events.hour(begin);
            let end = (begin..batch.num_rows()).find(|row| events.hour(*row) != hour).unwrap_or(batch.num_rows());
            let tally = counted.hours.entry(hour).or_default();
            tally.counts.add(events.counts(begin, end));
            users.add_to(tally, begin, end);
            if let Some(hour) = hour {
                let arrived = |row| Some((time_at(events.arrival, row)?.as_micros(), numbers.get(row)));
                counted.seen.arrived(hour, (begin..end).filter_map(arrived));
            }
            begin = end;
        }
        self.see_timeless(first, group, &rows, events.arrival, &mut counted.seen)?;
        Ok(counted)
    }

    /// Sees the records that tell no arrival.
    fn see_timeless(
        &self,
        first: u32,
        group: &RowGroup,
        rows: &Rows,
        arrival: &TimestampMicrosecondArray,
        seen: &mut Sightings,
    ) -> Result<(), CaseError> {
        if arrival.null_count() == 0 {
            return Ok(());
        }
        let numbers = Numbers::of(0, rows);
        let mut without = vec![false; group.rows()];
        for row in (0..arrival.len()).filter(|row| arrival.is_null(*row)) {
            if let Some(bit) = without.get_mut(numbers.get(row) as usize) {
                *bit = true;
            }
        }
        let rows = Rows::of(without.into_iter().collect());
        let batch = group.read(&SHARED, &rows, Given::Keyed)?;
        let (parts, numbers) = (Parts::of(&batch)?, Numbers::of(first, &rows));
        for row in (0..batch.num_rows()).filter(|row| !parts.stands_alone(*row)) {
            seen.timeless(parts.identity(row, &self.digests).half(), numbers.get(row));
        }
        Ok(())
    }

    /// Records by their numbers, with all that makes their identity.
    fn records(&self, mut numbers: Vec<u32>) -> Result<Vec<Record>, CaseError> {
        numbers.par_sort_unstable();
        let of_group = |(at, (first, group)): (usize, &(u32, RowGroup))| {
            let end = self.groups.get(at.saturating_add(1)).map_or(u32::MAX, |(next, _)| *next);
            let (begin, end) = (numbers.partition_point(|n| n < first), numbers.partition_point(|n| *n < end));
            let wanted = numbers.get(begin..end).unwrap_or_default();
            let mut bits = vec![false; group.rows()];
            for number in wanted {
                if let Some(bit) = bits.get_mut(number.saturating_sub(*first) as usize) {
                    *bit = true;
                }
            }
            match Rows::of(bits.into_iter().collect()) {
                Rows::None => Ok(Vec::new()),
                rows => self.read(group, &rows),
            }
        };
        let found: Vec<Vec<Record>> = self.groups.par_iter().enumerate().map(of_group).collect::<Result<_, _>>()?;
        Ok(found.concat())
    }

    fn read(&self, group: &RowGroup, rows: &Rows) -> Result<Vec<Record>, CaseError> {
        let parts = SHARED.iter().filter(|part| !COUNTED.contains(part));
        let columns: Vec<&str> = read_to_count(group).iter().chain(parts).copied().collect();
        let batch = group.read(&columns, rows, Given::Keyed)?;
        let (events, parts) = (Events::of(&batch)?, Parts::of(&batch)?);
        let record = |row: usize| Record {
            identity: parts.identity(row, &self.digests),
            time: events.time(row),
            user: events.users.get(row).map(|user| self.digests.of(user.as_bytes())),
            changes: events.changes.value(row),
            failed: events.failed.value(row),
            denied: events.denied.value(row),
        };
        Ok((0..batch.num_rows()).filter(|row| !parts.stands_alone(*row)).map(record).collect())
    }
}

/// A record that may be of one request with another.
#[derive(Clone, Copy)]
struct Record {
    identity: Digest,
    time: Option<i64>,
    user: Option<Digest>,
    changes: bool,
    failed: bool,
    denied: bool,
}

impl Record {
    fn hour(&self) -> Option<i64> {
        self.time.map(|time| time.div_euclid(HOUR))
    }

    fn counts(&self) -> Counts {
        Counts {
            requests: 1,
            changes: u64::from(self.changes),
            failed: u64::from(self.failed),
            denied: u64::from(self.denied),
        }
    }

    /// Makes one request of two records: it failed, or was denied, if either says so.
    fn join(&mut self, other: &Self) {
        self.time = self.time.into_iter().chain(other.time).min();
        self.failed |= other.failed;
        self.denied |= other.denied;
    }
}

/// Counts records of one request, which were counted one by one, as one.
fn put_right(hours: &mut BTreeMap<Option<i64>, Tally>, mut records: Vec<Record>) {
    records.par_sort_unstable_by_key(|record| record.identity);
    for one in records.chunk_by(|a, b| a.identity == b.identity) {
        let [first, others @ ..] = one else { continue };
        if others.is_empty() {
            continue;
        }
        let mut request = *first;
        others.iter().for_each(|other| request.join(other));
        if others.iter().all(|other| (other.hour(), other.user) == (first.hour(), first.user)) {
            // Its user has a request in this hour, whatever number of records told so.
            let tally = hours.entry(request.hour()).or_default();
            one.iter().for_each(|record| tally.counts.remove(record.counts()));
            tally.counts.add(request.counts());
            continue;
        }
        for record in one {
            let tally = hours.entry(record.hour()).or_default();
            tally.counts.remove(record.counts());
            record.user.into_iter().for_each(|user| tally.remove_user(user));
        }
        let tally = hours.entry(request.hour()).or_default();
        tally.counts.add(request.counts());
        request.user.into_iter().for_each(|user| tally.add_user(user, 1));
    }
}
