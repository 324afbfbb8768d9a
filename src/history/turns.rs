//! The requests that may have deleted many objects of one kind in one namespace, in order.

use std::sync::Arc;

use crate::model::time::Timestamp;

use super::bucket::{Bucket, Sweep};
use super::know::Origin;
use super::spaces::Ending;

/// A request that may have deleted many.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// It can have deleted from here on; what came to be after that may have escaped it.
    pub(super) begun: Timestamp,
    pub(super) when: Timestamp,
    pub(super) reach: Reaches,
    /// Until when objects in its reach may have existed that no evidence names; `None` when there can be none.
    pub(super) unseen_until: Option<Timestamp>,
    pub(super) origin: Arc<Origin>,
}

/// What a turn has in its reach.
#[derive(Clone, Debug)]
pub(super) enum Reaches {
    Selected(Box<Sweep>),
    /// All, surely.
    All,
    /// All, and what is still there when it comes was not there before: it is not in the response's list.
    Emptied,
    /// All, perhaps: a namespace is going, or went, without the log showing what became of what it held.
    Perhaps(&'static str),
}

/// The turns that concern a bucket, in order.
pub(super) fn turns(bucket: &Bucket, endings: &[Ending]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for sweep in &bucket.sweeps {
        let all = sweep.select.all() && sweep.open.is_none();
        let reach = match (all, sweep.listed) {
            (true, true) => Reaches::Emptied,
            (true, false) => Reaches::All,
            (false, _) => Reaches::Selected(Box::new(sweep.clone())),
        };
        let unseen_until = Some(sweep.when).filter(|_| sweep.select.only_name().is_none() && !sweep.listed);
        turns.push(Turn {
            begun: sweep.begun,
            when: sweep.when,
            reach,
            unseen_until,
            origin: Arc::clone(&sweep.origin),
        });
    }
    let mut emptied = bucket.emptied.clone();
    emptied.sort_unstable();
    for ending in endings {
        end_of_space(&mut turns, ending, is_emptied(&emptied, ending));
    }
    turns.sort_by(|a, b| (a.when, &a.origin.from).cmp(&(b.when, &b.origin.from)));
    turns
}

fn end_of_space(turns: &mut Vec<Turn>, ending: &Ending, emptied: bool) {
    let by_controller = ending.gone.as_ref().is_some_and(|(_, by_controller)| *by_controller);
    let sure = emptied || by_controller;
    // What is gone for sure is gone by then; anything else may last until a list shows that it does not.
    let until = ending.gone.as_ref().map(|(gone, _)| gone.when).filter(|_| sure).unwrap_or(Timestamp::MAX);
    if let Some(going) = ending.going.as_ref().filter(|_| !emptied) {
        turns.push(Turn {
            begun: going.begun,
            when: going.when,
            reach: Reaches::Perhaps("its namespace was being deleted"),
            unseen_until: Some(until),
            origin: Arc::clone(&going.origin),
        });
    }
    if let Some((gone, _)) = &ending.gone {
        let why = "its namespace was removed without the log showing that it was emptied";
        turns.push(Turn {
            begun: gone.when,
            when: gone.when,
            reach: if sure { Reaches::All } else { Reaches::Perhaps(why) },
            unseen_until: Some(until).filter(|_| ending.going.is_none()),
            origin: Arc::clone(&gone.origin),
        });
    }
}

/// Whether the log shows the controller (or anybody) empty the bucket while its namespace was going. The times are
/// sorted.
fn is_emptied(emptied: &[Timestamp], ending: &Ending) -> bool {
    let Some(going) = &ending.going else { return false };
    let to = ending.gone.as_ref().map_or(Timestamp::MAX, |(gone, _)| gone.when);
    emptied.get(emptied.partition_point(|t| *t < going.begun)).is_some_and(|t| *t <= to)
}
