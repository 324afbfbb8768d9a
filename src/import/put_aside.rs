//! Changes and sightings put aside until all of the evidence is read, so that history can be rebuilt of a share of
//! the objects at a time. What a share needs lies together: all records of one object have the same place, and requests
//! about many objects are kept for every share.
//!
//! Records lie in memory while they are few, else in one nameless file: nothing is left behind, however the import
//! ends. Places come from a digest without a secret, because they decide the order of rows; whoever names thousands of
//! objects so that they meet in one place makes that share larger, not the answer wrong.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::changes::ChangeRow;
use crate::history::body_name;
use crate::history::evidence::{Change, Sighting};
use crate::model::object::{ObjectKey, ObservedAt, Provenance};
use crate::model::time::Timestamp;

/// Places that objects are put in.
const PLACES: usize = 256;
/// Places that changes of the core are put in.
pub const CORE_PLACES: usize = 16;
/// Bytes of a place that lie in memory before they are written.
const BUFFER: usize = 48 << 10;

/// A sighting as it is put aside.
#[derive(Serialize, Deserialize)]
struct SightingRow<'b> {
    group: &'b str,
    kind: &'b str,
    namespace: &'b str,
    name: &'b str,
    uid: Option<&'b str>,
    resource_version: Option<&'b str>,
    from: i64,
    to: i64,
    body: &'b str,
    source_id: &'b str,
    place: [u64; 3],
}

#[derive(Serialize, Deserialize)]
enum Record<'b> {
    #[serde(borrow)]
    Change(ChangeRow<'b>),
    #[serde(borrow)]
    Sighting(SightingRow<'b>),
}

/// Bytes of one place, in the order in which they came: stretches of the file, then what is in memory.
#[derive(Default)]
struct Bytes {
    written: Vec<(u64, usize)>,
    buffer: Vec<u8>,
}

impl Bytes {
    fn len(&self) -> usize {
        self.written.iter().fold(self.buffer.len(), |sum, (_, length)| sum.saturating_add(*length))
    }
}

/// Records on their way to history.
pub struct PutAside {
    dir: PathBuf,
    file: Option<File>,
    end: u64,
    places: Vec<Bytes>,
    /// Requests about many objects.
    many: Bytes,
    /// Changes of RBAC objects and namespaces, by resource and namespace.
    core: Vec<Bytes>,
}

/// Where a record is put.
#[derive(Clone, Copy)]
enum Place {
    Object(usize),
    Many,
    Core(usize),
}

/// The place of an object: all evidence of one name in one namespace of one group has it.
fn place_of(group: &str, namespace: &str, name: &str) -> usize {
    let mut hash = Xxh3::new();
    for field in [group, namespace, name] {
        hash.update(&(field.len() as u64).to_le_bytes());
        hash.update(field.as_bytes());
    }
    usize::try_from(hash.digest() % PLACES as u64).unwrap_or_default()
}

impl PutAside {
    /// Nothing yet; a file is made in `dir` once one is needed.
    pub fn new(dir: &Path) -> Self {
        let [places, core] = [PLACES, CORE_PLACES].map(|n| (0..n).map(|_| Bytes::default()).collect());
        Self { dir: dir.to_owned(), file: None, end: 0, places, many: Bytes::default(), core }
    }

    /// Puts a change of the core aside.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn core(&mut self, change: ChangeRow<'_>) -> io::Result<()> {
        // Records of one request name a namespace itself differently.
        let namespace = if change.resource == "namespaces" { "" } else { &change.namespace };
        let place = place_of(&change.group, namespace, &change.resource) % CORE_PLACES;
        self.push(Place::Core(place), &Record::Change(change))
    }

    /// Puts a change of any other object aside.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn change(&mut self, change: ChangeRow<'_>) -> io::Result<()> {
        let (group, namespace) = (change.group.clone(), change.namespace.clone());
        let place = |name: &str| place_of(&group, &namespace, name);
        if change.verb == "deletecollection" {
            return self.push(Place::Many, &Record::Change(change));
        }
        if !change.name.is_empty() {
            let place = place(&change.name);
            return self.push(Place::Object(place), &Record::Change(change));
        }
        // The server named the object: its body tells, and which body counts is seen later.
        let named = [change.response_body, change.request_body].map(|body| body.and_then(body_name));
        let mut places: Vec<usize> = named.iter().flatten().map(|name| place(name)).collect();
        places.dedup();
        let record = Record::Change(change);
        // Without any name it tells nothing of an object outside the core.
        places.into_iter().try_for_each(|place| self.push(Place::Object(place), &record))
    }

    /// Puts a sighting aside.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn sighting(&mut self, s: &Sighting) -> io::Result<()> {
        let place = place_of(&s.key.group, &s.key.namespace, &s.key.name);
        let record = Record::Sighting(SightingRow {
            group: &s.key.group,
            kind: &s.key.kind,
            namespace: &s.key.namespace,
            name: &s.key.name,
            uid: s.uid.as_deref(),
            resource_version: s.resource_version.as_deref(),
            from: s.observed.from.as_micros(),
            to: s.observed.to.as_micros(),
            body: &s.body,
            source_id: &s.from.source_id,
            place: [s.from.offset, s.from.line, s.from.length],
        });
        self.push(Place::Object(place), &record)
    }

    fn push(&mut self, place: Place, record: &Record<'_>) -> io::Result<()> {
        let bytes = match place {
            Place::Object(place) => self.places.get_mut(place),
            Place::Many => Some(&mut self.many),
            Place::Core(place) => self.core.get_mut(place),
        };
        let Some(bytes) = bytes else { return Ok(()) };
        let begin = bytes.buffer.len();
        bytes.buffer.extend_from_slice(&[0; 8]);
        let buffer = std::mem::take(&mut bytes.buffer);
        bytes.buffer = postcard::to_extend(record, buffer).map_err(io::Error::other)?;
        let length = (bytes.buffer.len() - begin - 8) as u64;
        if let Some(head) = bytes.buffer.get_mut(begin..begin + 8) {
            head.copy_from_slice(&length.to_le_bytes());
        }
        if bytes.buffer.len() < BUFFER {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.dir)?),
        };
        file.write_all(&bytes.buffer)?;
        bytes.written.push((self.end, bytes.buffer.len()));
        self.end += bytes.buffer.len() as u64;
        bytes.buffer.clear();
        // One large record must not keep its room in every place.
        bytes.buffer.shrink_to(BUFFER);
        Ok(())
    }

    /// What was put aside, in shares of about `size` bytes.
    pub fn shares(self, size: usize) -> Shares {
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let mut held = 0_usize;
        for (place, bytes) in self.places.iter().enumerate() {
            match ranges.last_mut().filter(|_| held.saturating_add(bytes.len()) <= size) {
                Some(range) => range.end = place + 1,
                None => {
                    ranges.push(place..place + 1);
                    held = 0;
                }
            }
            held = held.saturating_add(bytes.len());
        }
        Shares { file: Mutex::new(self.file), places: self.places, many: self.many, core: self.core, ranges }
    }
}

/// What was put aside, share by share.
pub struct Shares {
    file: Mutex<Option<File>>,
    places: Vec<Bytes>,
    many: Bytes,
    core: Vec<Bytes>,
    ranges: Vec<Range<usize>>,
}

/// All records of some objects, and of all requests about many.
#[derive(Default)]
pub struct Share {
    /// The objects, as places.
    places: Range<usize>,
    /// What snapshots show.
    pub sightings: Vec<Sighting>,
    /// What was asked for.
    pub changes: Vec<Change>,
}

impl Share {
    /// Whether the object is one of the share's. What a request about many says of others is for another share.
    pub fn has(&self, group: &str, namespace: &str, name: &str) -> bool {
        self.places.contains(&place_of(group, namespace, name))
    }
}

impl Shares {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// One share.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self, number: usize) -> io::Result<Share> {
        let places = self.ranges.get(number).cloned().unwrap_or_default();
        let mut share = Share { places: places.clone(), ..Share::default() };
        for bytes in self.places.get(places).unwrap_or_default().iter().chain([&self.many]) {
            self.read(bytes, &mut share)?;
        }
        Ok(share)
    }

    /// The changes of the core in one of [`CORE_PLACES`] places: all of one resource in one namespace have one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn core(&self, place: usize) -> io::Result<Vec<Change>> {
        let mut share = Share::default();
        self.core.get(place).map_or(Ok(()), |bytes| self.read(bytes, &mut share))?;
        Ok(share.changes)
    }

    fn read(&self, bytes: &Bytes, share: &mut Share) -> io::Result<()> {
        let mut stretch = Vec::new();
        for (begin, length) in &bytes.written {
            self.stretch(*begin, *length, &mut stretch)?;
            decode(&stretch, share)?;
        }
        decode(&bytes.buffer, share)
    }

    fn stretch(&self, begin: u64, length: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(length, 0);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file.as_mut() {
            file.seek(SeekFrom::Start(begin))?;
            file.read_exact(bytes)?;
        }
        Ok(())
    }
}

fn decode(mut bytes: &[u8], share: &mut Share) -> io::Result<()> {
    let short = || io::Error::new(io::ErrorKind::UnexpectedEof, "what was put aside cannot be read back");
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_le_bytes(*head)).map_err(|_| short())?;
        let (record, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        match postcard::from_bytes::<Record<'_>>(record).map_err(io::Error::other)? {
            Record::Change(change) => share.changes.push(change.into_change()),
            Record::Sighting(row) => share.sightings.push(row.into_sighting()),
        }
        bytes = rest;
    }
    Ok(())
}

impl SightingRow<'_> {
    fn into_sighting(self) -> Sighting {
        let [offset, line, length] = self.place;
        Sighting {
            key: ObjectKey {
                group: self.group.to_owned(),
                kind: self.kind.to_owned(),
                namespace: self.namespace.to_owned(),
                name: self.name.to_owned(),
            },
            uid: self.uid.map(str::to_owned),
            resource_version: self.resource_version.map(str::to_owned),
            observed: ObservedAt { from: Timestamp::from_micros(self.from), to: Timestamp::from_micros(self.to) },
            body: Arc::from(self.body),
            from: Provenance { source_id: self.source_id.to_owned(), offset, line, length },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn change(verb: &str, name: &str, body: Option<&str>) -> Change {
        Change {
            verb: verb.to_owned(),
            group: "apps".to_owned(),
            namespace: "a".to_owned(),
            name: name.to_owned(),
            response_body: body.map(Arc::from),
            ..Change::default()
        }
    }

    fn loaded(aside: PutAside, size: usize) -> Vec<Share> {
        let shares = aside.shares(size);
        (0..shares.len()).map(|number| shares.load(number).unwrap()).collect()
    }

    #[test]
    fn records_of_an_object_are_in_the_share_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut aside = PutAside::new(dir.path());
        let names: Vec<String> = (0..500).map(|n| format!("web-{n}")).collect();
        let large = format!("{{\"kind\":\"Deployment\",\"data\":\"{}\"}}", "x".repeat(5000));
        for _ in 0..3 {
            names
                .iter()
                .for_each(|name| aside.change(ChangeRow::of_change(&change("update", name, Some(&large)))).unwrap());
        }
        assert!(aside.file.is_some(), "7 MB do not stay in memory");
        let shares = loaded(aside, 1 << 20);
        assert!(shares.len() > 5);
        let mut seen = 0;
        for share in &shares {
            assert!(share.changes.iter().all(|c| share.has("apps", "a", &c.name) && c.response_body.is_some()));
            seen += share.changes.len();
        }
        assert_eq!(seen, 1500);
        assert!(names.iter().all(|name| shares.iter().filter(|s| s.has("apps", "a", name)).count() == 1));
    }

    #[test]
    fn what_was_asked_of_many_is_in_every_share_and_a_nameless_change_where_its_body_says() {
        let dir = tempfile::tempdir().unwrap();
        let mut aside = PutAside::new(dir.path());
        let body = "{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web-x7\"}}";
        aside.change(ChangeRow::of_change(&change("create", "", Some(body)))).unwrap();
        aside.change(ChangeRow::of_change(&change("create", "", None))).unwrap();
        aside.change(ChangeRow::of_change(&change("deletecollection", "", None))).unwrap();
        aside.core(ChangeRow::of_change(&change("create", "role", None))).unwrap();
        assert!(aside.file.is_none(), "little stays in memory");
        let shares = aside.shares(0);
        assert_eq!((0..CORE_PLACES).map(|place| shares.core(place).unwrap().len()).sum::<usize>(), 1);
        for number in 0..shares.len() {
            let share = shares.load(number).unwrap();
            let verbs: Vec<&str> = share.changes.iter().map(|c| c.verb.as_str()).collect();
            let wanted: &[&str] =
                if share.has("apps", "a", "web-x7") { &["create", "deletecollection"] } else { &["deletecollection"] };
            assert_eq!(verbs, wanted);
        }
    }
}
