//! How the memory that an import may take is shared out. Everything that grows with the evidence has a bound of its own,
//! and what is beyond it lies in nameless files beside the case. The bounds follow from one number, so that one flag
//! moves them all; together they leave some room for what the encoder and the allocator hold on the way.

/// What an import takes when nothing else is said: 512 MB.
pub const DEFAULT: u64 = 512_000_000;
/// Less than this is refused: blocks and buffers alone would not fit.
pub const LEAST: u64 = 64_000_000;

/// What an event remembered for telling copies takes.
const EVENT: usize = 40;

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of evidence, and of what its rows take besides, that are gathered before they are written. As much again
    /// is being written meanwhile.
    pub chunk: usize,
    /// Bytes that are read and not taken yet, beyond the line that reaches it.
    pub ahead: usize,
    /// Events that are remembered for telling copies.
    pub remembered: usize,
    /// Bytes of evidence whose history is rebuilt at one time, three of these for each thread. That takes some times as
    /// many.
    pub share: usize,
}

impl Room {
    /// Shares out `memory` bytes.
    pub fn of(memory: u64) -> Self {
        let part = |n: u64| usize::try_from(memory.max(LEAST) / n).unwrap_or(usize::MAX);
        Self { chunk: part(64).saturating_mul(11), ahead: part(32), remembered: part(8) / EVENT, share: part(128) }
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::of(DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_at_one_time_fits() {
        for memory in [LEAST, DEFAULT, 8_000_000_000] {
            let room = Room::of(memory);
            let reading = room.chunk * 2 + room.ahead + room.remembered * EVENT;
            assert!(reading as u64 <= memory * 5 / 8, "{memory}: {reading}");
        }
        assert_eq!(Room::of(0), Room::of(LEAST));
    }
}
