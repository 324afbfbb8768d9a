//! `snapshot.json` files inside archives. They say when the objects beside them were read, and of which
//! cluster; both must be known before the archive is read, and the file may be its last member. So an
//! archive is walked once beforehand for these alone. Traded for it: archives are unpacked twice.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;

use super::discover::{Input, SnapshotFile};
use super::read_source::{MEMBER, NESTED};
use crate::formats::archive::{self, Visitor};
use crate::formats::decode::{Content, peel};
use crate::formats::limits::{Budget, Limits};

/// Name of the file that says when a snapshot was taken.
pub const SNAPSHOT_FILE: &str = "snapshot.json";
/// The longest that is read.
pub const LONGEST: u64 = 1 << 16;

/// What the `snapshot.json` files inside an archive say, by the folder they describe
/// (`<archive>!/<folder>`). Nothing when the file is no archive; damage ends the walk and is told when
/// the archive is read.
pub(super) fn snapshots(input: &Input) -> BTreeMap<String, SnapshotFile> {
    let budget = Budget::new(Limits::default());
    let mut look = Look { budget: &budget, path: &input.path, depth: 0, found: BTreeMap::new() };
    if let Ok(reader) = input.open() {
        look.open(Box::new(budget.metered(reader)));
    }
    look.found
}

/// Parses a `snapshot.json`; `None` when it is something else of this name.
pub(super) fn parse(text: &str) -> Option<SnapshotFile> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()
}

/// The folder of a path: what lies before its last slash.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

struct Look<'l> {
    budget: &'l Budget,
    path: &'l str,
    depth: u32,
    found: BTreeMap<String, SnapshotFile>,
}

impl Look<'_> {
    fn open(&mut self, reader: Box<dyn Read + Send + '_>) {
        let Ok(peeled) = peel(reader, self.budget) else { return };
        let budget = self.budget;
        let walked: Result<(), Infallible> = match peeled.content {
            Content::Tar => archive::tar(peeled.reader, budget, self),
            Content::Zip => archive::zip(peeled.reader, budget, self),
            Content::Plain => Ok(()),
        };
        let Ok(()) = walked;
    }
}

impl Visitor for Look<'_> {
    type Error = Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Infallible> {
        let own = format!("{}{MEMBER}{path}", self.path);
        if path.rsplit('/').next() == Some(SNAPSHOT_FILE) {
            let mut text = String::new();
            if content.take(LONGEST).read_to_string(&mut text).is_ok()
                && let Some(snapshot) = parse(&text)
            {
                self.found.insert(folder(&own).to_owned(), snapshot);
            }
        } else if self.depth + 1 < NESTED {
            let mut nested =
                Look { budget: self.budget, path: &own, depth: self.depth + 1, found: std::mem::take(&mut self.found) };
            nested.open(Box::new(content));
            self.found = nested.found;
        }
        Ok(())
    }

    fn refused(&mut self, _: &str, _: &str) {}

    fn damaged(&mut self, _: &std::io::Error) {}
}
