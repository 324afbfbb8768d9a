//! What is taken from event rows while they are at hand, so that nothing has to be read back: changes for history, and
//! what the log says of itself, of its users and of the objects that its reasons name. Rows of earlier imports are read
//! from their files, and noted the same way.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use ahash::RandomState;
use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ImportError;
use super::changes::ChangeRow;
use super::coverage::{LogNotes, add_to_key};
use super::event_rows::{COLUMNS, EventRows};
use super::put_aside::PutAside;
use crate::case::CaseError;
use crate::history::{Beyond, Noted, is_core_resource};
use crate::model::object::ObjectKey;
use crate::model::resource::Catalogue;
use crate::model::time::Timestamp;
use crate::tables::events::TABLE;

/// Rows read back at a time: each may hold a large body.
const AT_ONCE: usize = 1024;

/// When a user was seen in some groups.
pub struct Seen {
    /// User name.
    pub user: String,
    /// Groups, as the events list them.
    pub groups: Vec<String>,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// Events.
    pub events: i64,
}

/// Users and their groups, noted event by event.
#[derive(Default)]
pub struct Memberships {
    places: HashMap<Vec<u8>, usize, RandomState>,
    /// One entry for each user and list of groups.
    pub seen: Vec<Seen>,
    key: Vec<u8>,
}

impl Memberships {
    fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        let (Some(user), Some(at)) = (rows.user_username.get(row), rows.staged(row)) else { return };
        let Some(groups) = rows.user_groups.get(row) else { return };
        self.key.clear();
        std::iter::once(user).chain(groups.clone()).for_each(|text| add_to_key(&mut self.key, Some(text)));
        let place = match self.places.get(&self.key) {
            Some(place) => *place,
            None => {
                let groups = groups.map(str::to_owned).collect();
                self.seen.push(Seen { user: user.to_owned(), groups, first: at, last: at, events: 0 });
                self.places.insert(self.key.clone(), self.seen.len() - 1);
                self.seen.len() - 1
            }
        };
        if let Some(seen) = self.seen.get_mut(place) {
            seen.first = seen.first.min(at);
            seen.last = seen.last.max(at);
            seen.events += 1;
        }
    }
}

/// Bindings and roles that authorization reasons name: proof that they existed.
#[derive(Default)]
struct Named {
    hasher: RandomState,
    /// Digests of the reasons that were taken apart, under a secret of the run.
    known: HashSet<u64, RandomState>,
    objects: BTreeSet<ObjectKey>,
}

impl Named {
    fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        let Some(reason) = rows.authorization_reason.get(row) else { return };
        if self.known.insert(self.hasher.hash_one(reason)) {
            self.objects.extend(crate::model::reason::named_objects(reason));
        }
    }
}

/// Everything that is noted of the events of one cluster.
pub struct Notes {
    /// What the log says of itself.
    pub log: LogNotes,
    /// Users and their groups.
    pub memberships: Memberships,
    named: Named,
    /// Changes.
    pub aside: PutAside,
    /// What history must know of them beforehand.
    pub beyond: Beyond,
    builtin: Catalogue,
}

impl Notes {
    /// Nothing noted yet; what memory does not hold is put aside in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            log: LogNotes::default(),
            memberships: Memberships::default(),
            named: Named::default(),
            aside: PutAside::new(dir),
            beyond: Beyond::default(),
            builtin: Catalogue::new(),
        }
    }

    /// Notes some rows of a batch of `events`.
    ///
    /// # Errors
    /// When a column is missing, or changes cannot be put aside.
    pub fn take(&mut self, batch: &RecordBatch, rows: impl Iterator<Item = usize>) -> Result<(), ImportError> {
        let events = EventRows::of(batch)?;
        for row in rows {
            self.log.take(&events, row);
            self.memberships.take(&events, row);
            self.named.take(&events, row);
            if let Some(change) = ChangeRow::of(&events, row) {
                self.change(change).map_err(ImportError::aside)?;
            }
        }
        Ok(())
    }

    fn change(&mut self, change: ChangeRow<'_>) -> std::io::Result<()> {
        let noted = Noted {
            group: &change.group,
            resource: &change.resource,
            verb: &change.verb,
            name: &change.name,
            body: change.response_body.or(change.request_body),
            staged: change.staged(),
        };
        let known = self.builtin.kind_of(&change.group, &change.resource).is_some();
        self.beyond.change(noted, known);
        if is_core_resource(&change.group, &change.resource) {
            return self.aside.core(change);
        }
        self.aside.change(change)
    }

    /// Notes all rows of a file of `events`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn take_file(&mut self, path: &Path) -> Result<(), ImportError> {
        let unreadable = |e: &dyn std::fmt::Display| CaseError::Table {
            table: TABLE.name.to_owned(),
            reason: format!("`{}`: {e}", path.display()),
        };
        let file = File::open(path).map_err(|e| unreadable(&e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| unreadable(&e))?;
        let mask = ProjectionMask::columns(reader.parquet_schema(), COLUMNS.iter().copied());
        let batches = reader.with_projection(mask).with_batch_size(AT_ONCE).build().map_err(|e| unreadable(&e))?;
        for batch in batches {
            let batch = batch.map_err(|e| unreadable(&e))?;
            self.take(&batch, 0..batch.num_rows())?;
        }
        Ok(())
    }

    /// The objects that authorization reasons name, sorted.
    pub fn named(&mut self) -> Vec<ObjectKey> {
        std::mem::take(&mut self.named.objects).into_iter().collect()
    }
}
