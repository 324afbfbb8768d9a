//! Which records may be of one request with another: those that share their time of arrival.
//!
//! A record is seen as 64 bits, the microsecond within the hour and its number, and those of an hour are sorted by
//! themselves: eight bytes a record, where texts would take hundreds. Records that tell no arrival are seen by a digest
//! of what makes their identity instead.

use std::collections::HashMap;

use rayon::prelude::*;

/// Microseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000;

/// Records that can share anything lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    /// Those of an hour, counted from 1970.
    Hour(i64),
    /// Those whose digest begins so.
    Digest(u8),
}

/// All records that were seen: of each place, in pieces.
#[derive(Debug, Default)]
pub(super) struct Sightings(HashMap<Place, Vec<Vec<u64>>>);

impl Sightings {
    /// Adds records of one hour, as arrival and number.
    pub(super) fn arrived(&mut self, hour: i64, records: impl Iterator<Item = (i64, u32)>) {
        let mut piece = Vec::with_capacity(records.size_hint().1.unwrap_or_default());
        piece.extend(
            records.map(|(arrival, number)| sighting(u32::try_from(arrival.rem_euclid(HOUR)).unwrap_or(0), number)),
        );
        self.0.entry(Place::Hour(hour)).or_default().push(piece);
    }

    /// Adds a record without arrival.
    pub(super) fn timeless(&mut self, digest: u64, number: u32) {
        let [first, _, _, _, rest @ ..] = digest.to_be_bytes();
        let (pieces, seen) =
            (self.0.entry(Place::Digest(first)).or_default(), sighting(u32::from_be_bytes(rest), number));
        match pieces.last_mut() {
            Some(piece) => piece.push(seen),
            None => pieces.push(vec![seen]),
        }
    }

    /// Adds others.
    pub(super) fn add(&mut self, other: Self) {
        for (place, mut seen) in other.0 {
            self.0.entry(place).or_default().append(&mut seen);
        }
    }

    /// The numbers of records that are not alone, in heaps of at least so many, the last excepted. Records of one request
    /// lie in one heap.
    pub(super) fn shared(self, heap: usize) -> Vec<Vec<u32>> {
        let mut places: Vec<(Place, Vec<Vec<u64>>)> = self.0.into_iter().collect();
        places.sort_unstable_by_key(|(place, _)| *place);
        let each: Vec<Vec<u32>> = places.into_par_iter().map(|(_, pieces)| not_alone(pieces.concat())).collect();
        let mut heaps: Vec<Vec<u32>> = Vec::new();
        for mut numbers in each.into_iter().filter(|numbers| !numbers.is_empty()) {
            match heaps.last_mut().filter(|last| last.len() < heap) {
                Some(last) => last.append(&mut numbers),
                None => heaps.push(numbers),
            }
        }
        heaps
    }
}

fn sighting(what: u32, number: u32) -> u64 {
    (u64::from(what) << 32) | u64::from(number)
}

fn not_alone(mut seen: Vec<u64>) -> Vec<u32> {
    seen.sort_unstable();
    let same = |a: &u64, b: &u64| a >> 32 == b >> 32;
    let shared = seen.chunk_by(same).filter(|records| records.len() > 1).flatten();
    shared.filter_map(|seen| u32::try_from(seen & u64::from(u32::MAX)).ok()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shares_its_time_or_digest_is_found() {
        let mut all = Sightings::default();
        all.arrived(0, [(5, 0), (HOUR - 1, 1), (5, 2), (6, 3)].into_iter());
        let mut more = Sightings::default();
        // The same microsecond of another hour, and of the hour before 1970.
        more.arrived(1, [(HOUR + 5, 4)].into_iter());
        more.arrived(-1, [(-1, 5), (5 - HOUR, 6), (-1, 7)].into_iter());
        more.arrived(0, [(6, 8)].into_iter());
        more.timeless(7, 9);
        more.timeless(7, u32::MAX);
        more.timeless(7 << 56, 11);
        all.add(more);
        let mut heaps = all.shared(2);
        heaps.iter_mut().for_each(|heap| heap.sort_unstable());
        assert_eq!(heaps, [vec![5, 7], vec![0, 2, 3, 8], vec![9, u32::MAX]]);
        assert!(Sightings::default().shared(1).is_empty());
    }
}
