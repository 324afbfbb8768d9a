//! What happened to namespaces, as far as it matters to what they held.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::time::Timestamp;

use super::know::Origin;

/// One turn in the life of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpaceTurn {
    Made,
    /// Deletion was asked for: the controller will delete what it holds.
    Going,
    /// It is gone; what it held as well, if the controller saw to it.
    Gone {
        emptied: bool,
    },
}

/// A turn, and the request that made it.
#[derive(Clone, Debug)]
pub(super) struct SpaceMark {
    pub(super) begun: Timestamp,
    pub(super) when: Timestamp,
    pub(super) turn: SpaceTurn,
    pub(super) origin: Arc<Origin>,
}

/// All turns, by namespace.
#[derive(Debug, Default)]
pub(super) struct Spaces(HashMap<String, Vec<SpaceMark>>);

/// From a namespace's delete request to its end.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// When deletion was asked for, where the log shows that.
    pub(super) going: Option<SpaceMark>,
    /// When it was gone at the latest, and whether it was emptied first.
    pub(super) gone: Option<(SpaceMark, bool)>,
}

impl Spaces {
    pub(super) fn add(&mut self, name: &str, mark: SpaceMark) {
        self.0.entry(name.to_owned()).or_default().push(mark);
    }

    pub(super) fn sort(&mut self) {
        for marks in self.0.values_mut() {
            marks.sort_by(|a, b| (a.when, a.begun, &a.origin.from).cmp(&(b.when, b.begun, &b.origin.from)));
        }
    }

    /// Namespaces that ended or began to, in order.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// The endings of a namespace, in order. A namespace that is made again was gone before, and had been emptied:
    /// only a forced end leaves anything, and that is a request of its own.
    pub(super) fn endings(&self, name: &str) -> Vec<Ending> {
        let mut endings = Vec::new();
        let mut going: Option<SpaceMark> = None;
        for mark in self.0.get(name).into_iter().flatten() {
            match mark.turn {
                SpaceTurn::Going => going = going.or_else(|| Some(mark.clone())),
                SpaceTurn::Gone { emptied } => {
                    endings.push(Ending { going: going.take(), gone: Some((mark.clone(), emptied)) });
                }
                SpaceTurn::Made => {
                    if let Some(begun) = going.take() {
                        let when = mark.begun.max(begun.when);
                        let gone = SpaceMark { when, ..mark.clone() };
                        endings.push(Ending { going: Some(begun), gone: Some((gone, true)) });
                    }
                }
            }
        }
        endings.extend(going.map(|begun| Ending { going: Some(begun), gone: None }));
        endings
    }
}
