//! The times of an audit event, read and checked: what formats find and tables store.

use super::time::Timestamp;

/// The times of an event, read before it is appended so that a bad one can still become a reject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// `stageTimestamp`.
    pub stage: Option<Timestamp>,
    /// `requestReceivedTimestamp`.
    pub received: Option<Timestamp>,
}

impl EventTimes {
    /// The time the event is filed under.
    pub fn filed(self) -> Option<Timestamp> {
        self.stage.or(self.received)
    }
}
