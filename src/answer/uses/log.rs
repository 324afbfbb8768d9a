//! What the log itself can show in a stretch of time: where it runs, where it pauses, and which verbs it
//! records at all. What was never logged cannot be told from what never happened.

use super::{Outcome, Uses};
use crate::case::{Case, CaseError};
use crate::import::coverage::log_stretches;
use crate::model::time::{Interval, Timestamp};

/// Verbs that a working cluster always sees.
const USUAL: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
/// Gaps named in a note; more are counted.
const NAMED: usize = 5;

/// The log in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogView {
    /// The stretch asked about, cut to what the log spans.
    pub spans: Option<Interval>,
    /// Where it does not run inside the stretch asked about, its ends included.
    pub gaps: Vec<Interval>,
    /// The usual verbs of which it shows no request at all.
    pub silent: Vec<&'static str>,
}

impl LogView {
    /// Looks at the log of a cluster.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn of(case: &Case, cluster: &str, within: Interval, uses: &Uses) -> Result<Self, CaseError> {
        let stretches = log_stretches(case, cluster)?;
        Ok(Self::new(&stretches, within, uses))
    }

    fn new(stretches: &[Interval], within: Interval, uses: &Uses) -> Self {
        let inside: Vec<Interval> = stretches.iter().map(|s| s.intersect(within)).filter(|s| !s.is_empty()).collect();
        let mut gaps = Vec::new();
        let mut since = within.from;
        for stretch in &inside {
            // The open ends of time are no gap: nobody asked for them.
            if since < stretch.from && since != Timestamp::MIN {
                gaps.push(Interval::new(since, stretch.from));
            }
            since = since.max(stretch.to);
        }
        if since < within.to && within.to != Timestamp::MAX {
            gaps.push(Interval::new(since, within.to));
        }
        let spans = inside.first().zip(inside.last()).map(|(first, last)| Interval::new(first.from, last.to));
        let shapes = uses.shapes();
        let seen = |verb: &str| shapes.iter().any(|s| s.on_resource() && s.verb() == verb);
        Self { spans, gaps, silent: USUAL.into_iter().filter(|verb| !seen(verb)).collect() }
    }

    /// What a reader of "never used" must know, in words.
    pub fn notes(&self, uses: &Uses) -> Vec<String> {
        let mut notes = Vec::new();
        match self.spans {
            None => notes.push("the audit log does not reach into this stretch: nothing can be told of use".to_owned()),
            Some(spans) => notes.push(format!("the audit log was read from {} to {}", spans.from, spans.to)),
        }
        if self.spans.is_some() {
            let gap = |g: &Interval| format!("the log has a gap from {} to {}: use in it is not seen", g.from, g.to);
            notes.extend(self.gaps.iter().take(NAMED).map(gap));
            if self.gaps.len() > NAMED {
                notes.push(format!("the log has {} more gaps", self.gaps.len() - NAMED));
            }
            if !self.silent.is_empty() {
                notes.push(format!(
                    "the log of this stretch shows no request at all with verb {}: an audit policy that leaves them out cannot be told from no use",
                    self.silent.join(", ")
                ));
            }
            notes.push(
                "an audit policy may leave out requests by user, resource or namespace (level None): what is not in the log may still have been done"
                    .to_owned(),
            );
        }
        notes.extend(doubts(uses));
        notes
    }
}

fn doubts(uses: &Uses) -> Vec<String> {
    let mut notes = Vec::new();
    let unclear = uses.count(Outcome::Unclear);
    if unclear > 0 {
        notes.push(format!("{unclear} requests are left out: their records do not tell whether they were allowed"));
    }
    if uses.unreadable > 0 {
        notes.push(format!(
            "{} requests are left out: their records tell no user, or neither resource nor path",
            uses.unreadable
        ));
    }
    let groupless = uses.identities.iter().filter(|i| i.groups.is_none()).count();
    if groupless > 0 {
        notes.push(format!(
            "the groups of {groupless} users are not in their records: use of a grant to a group may be missing"
        ));
    }
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn stretch(from: i64, to: i64) -> Interval {
        Interval::new(Timestamp::from_micros(from), Timestamp::from_micros(to))
    }

    #[test]
    fn gaps_are_what_lies_between_and_at_the_ends_that_were_asked_for() {
        let log = [stretch(10, 20), stretch(30, 40)];
        let view = LogView::new(&log, stretch(5, 50), &Uses::default());
        assert_eq!(view.gaps, [stretch(5, 10), stretch(20, 30), stretch(40, 50)]);
        assert_eq!(view.spans, Some(stretch(10, 40)));
        assert_eq!(LogView::new(&log, Interval::ALWAYS, &Uses::default()).gaps, [stretch(20, 30)]);
    }

    #[test]
    fn a_stretch_without_log_says_so() {
        let view = LogView::new(&[stretch(10, 20)], stretch(50, 60), &Uses::default());
        assert_eq!(view.spans, None);
        assert!(view.notes(&Uses::default())[0].contains("does not reach"));
    }
}
