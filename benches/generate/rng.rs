//! Seeded random numbers: splitmix64 spreads the seed, xoshiro256++ draws. Integers only, so that a seed gives
//! the same bytes on every machine.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rng([u64; 4]);

impl Rng {
    /// The stream of this name for this seed; streams of other names do not disturb it.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        let name =
            stream.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mut state = seed ^ name.rotate_left(17);
        Self(std::array::from_fn(|_| splitmix(&mut state)))
    }

    /// The next 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.0 = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// A number below `n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low.saturating_add_unsigned(self.below(high.abs_diff(low).saturating_add(1)))
    }

    /// True `n` times in a thousand.
    pub(crate) fn per_mille(&mut self, n: u64) -> bool {
        self.below(1000) < n
    }

    /// A place in a list of this length.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A place in a list of this length, low ones more often than high ones.
    pub(crate) fn low_index(&mut self, len: usize) -> usize {
        let reach = self.index(len).saturating_add(1);
        self.index(reach)
    }

    /// One of the items.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// One of the words.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.pick(words).copied().unwrap_or_default()
    }

    /// The place of one of the weights, heavy ones more often.
    pub(crate) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (place, weight) in weights.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    /// `count` different items, in random order.
    pub(crate) fn some<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut all: Vec<T> = items.to_vec();
        self.shuffle(&mut all);
        all.truncate(count);
        all
    }

    /// Puts the items in random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.index(place.saturating_add(1)));
        }
    }

    /// A random UUID, version 4, as RFC 9562 spells it.
    pub(crate) fn uuid(&mut self) -> String {
        let mut text = Vec::with_capacity(36);
        self.push_uuid(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Writes a random UUID.
    pub(crate) fn push_uuid(&mut self, out: &mut Vec<u8>) {
        let (high, low) = (self.next(), self.next());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0xc000 << 48)) | (0x8000 << 48);
        push_hex(out, high >> 32, 8);
        out.push(b'-');
        push_hex(out, high >> 16, 4);
        out.push(b'-');
        push_hex(out, high, 4);
        out.push(b'-');
        push_hex(out, low >> 48, 4);
        out.push(b'-');
        push_hex(out, low, 12);
    }

    /// `digits` random hex digits, 16 at most.
    pub(crate) fn hex(&mut self, digits: u32) -> String {
        let mut text = Vec::new();
        push_hex(&mut text, self.next(), digits);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Writes `count` letters and digits of the alphabet that generated names use, 12 at most.
    pub(crate) fn push_suffix(&mut self, out: &mut Vec<u8>, count: u32) {
        const ALPHABET: &[u8; 32] = b"bcdfghjklmnpqrstvwxz2456789bcdfg";
        let bits = self.next();
        out.extend((0..count).filter_map(|i| ALPHABET.get((bits >> (i * 5)) as usize & 31)));
    }
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes the lowest `digits` hex digits of a number.
fn push_hex(out: &mut Vec<u8>, number: u64, digits: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..digits).rev().filter_map(|i| DIGITS.get((number >> (i * 4)) as usize & 15)));
}
