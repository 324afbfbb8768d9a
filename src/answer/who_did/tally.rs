//! Counts of requests, and of their users.

use super::identity::{ByDigest, Digest};

/// What is counted of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Requests.
    pub(super) requests: u64,
    /// With a verb that changes something.
    pub(super) changes: u64,
    /// Answered with a status of 400 and above.
    pub(super) failed: u64,
    /// Forbidden by the authorizer.
    pub(super) denied: u64,
}

impl Counts {
    fn each(&mut self, other: Self, put: impl Fn(u64, u64) -> u64) {
        self.requests = put(self.requests, other.requests);
        self.changes = put(self.changes, other.changes);
        self.failed = put(self.failed, other.failed);
        self.denied = put(self.denied, other.denied);
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        self.each(other, u64::saturating_add);
    }

    /// Takes others away, which were added before.
    pub(super) fn remove(&mut self, other: Self) {
        self.each(other, u64::saturating_sub);
    }
}

/// The requests of a stretch of time.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Their counts.
    pub(super) counts: Counts,
    /// Requests by user.
    users: ByDigest<u64>,
}

impl Tally {
    /// Adds requests of a user, whose counts are added elsewhere.
    pub(super) fn add_user(&mut self, user: Digest, requests: u64) {
        let of = self.users.entry(user).or_default();
        *of = of.saturating_add(requests);
    }

    /// Takes a request of a user away.
    pub(super) fn remove_user(&mut self, user: Digest) {
        if let Some(requests) = self.users.get_mut(&user) {
            *requests = requests.saturating_sub(1);
            if *requests == 0 {
                self.users.remove(&user);
            }
        }
    }

    /// Adds another.
    pub(super) fn add(&mut self, mut other: Self) {
        self.counts.add(other.counts);
        // The smaller into the larger.
        if self.users.len() < other.users.len() {
            std::mem::swap(&mut self.users, &mut other.users);
        }
        for (user, requests) in other.users {
            self.add_user(user, requests);
        }
    }

    /// How many users there are.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }
}
