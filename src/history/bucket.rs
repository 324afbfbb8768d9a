//! The evidence of one kind in one namespace, before any reasoning.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::time::Timestamp;

use super::act::Act;
use super::know::Origin;
use super::place::Sight;
use super::select::Select;
use super::step::KindOf;

/// All evidence of one name.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) name: String,
    pub(super) acts: Vec<Act>,
    pub(super) seen: Vec<Sight>,
}

/// A deletecollection, where more follows from it than the deletion of the objects that its response lists.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) begun: Timestamp,
    pub(super) when: Timestamp,
    pub(super) open: Option<&'static str>,
    pub(super) select: Select,
    /// The response lists all that there was: what is not in it was not there.
    pub(super) listed: bool,
    pub(super) origin: Arc<Origin>,
}

/// A creation under a name that the log does not show.
#[derive(Clone, Debug)]
pub(super) struct Birth {
    pub(super) when: Timestamp,
    /// What the generated name begins with; `""` when not known.
    pub(super) prefix: String,
    pub(super) open: bool,
    pub(super) origin: Arc<Origin>,
}

/// All evidence of one kind in one namespace.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) kind: Arc<KindOf>,
    pub(super) namespace: Arc<str>,
    pub(super) raws: Vec<Raw>,
    places: HashMap<String, usize>,
    pub(super) sweeps: Vec<Sweep>,
    /// When a deletecollection without selectors surely took all, whether its response lists them or not.
    pub(super) emptied: Vec<Timestamp>,
    pub(super) births: Vec<Birth>,
}

impl Bucket {
    pub(super) fn new(kind: &Arc<KindOf>, namespace: &str) -> Self {
        Self {
            kind: Arc::clone(kind),
            namespace: Arc::from(namespace),
            raws: Vec::new(),
            places: HashMap::new(),
            sweeps: Vec::new(),
            emptied: Vec::new(),
            births: Vec::new(),
        }
    }

    /// Whether any evidence shows an object of the name.
    pub(super) fn shows(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Requests about single objects.
    pub(super) fn acts(&self) -> usize {
        self.raws.iter().fold(0, |sum, raw| sum.saturating_add(raw.acts.len()))
    }

    /// Forgets the names that another share of the evidence is rebuilt from.
    pub(super) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.raws.retain(|raw| wanted(&raw.name));
        self.places = self.raws.iter().enumerate().map(|(place, raw)| (raw.name.clone(), place)).collect();
    }

    /// The evidence of one name, made when first asked for.
    pub(super) fn raw(&mut self, name: &str) -> Option<&mut Raw> {
        let next = self.raws.len();
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                self.places.insert(name.to_owned(), next);
                self.raws.push(Raw { name: name.to_owned(), ..Raw::default() });
                next
            }
        };
        self.raws.get_mut(place)
    }
}
