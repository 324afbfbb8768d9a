//! Damage to every format: cut, flipped, overwritten, deleted, inserted. Nothing outside the damage is
//! lost, and whatever is lost is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use formats_support::{All, Kept, folders, read_bytes};
use kubesleuth::formats::decode::peel;
use kubesleuth::formats::limits::{Budget, Limits};

/// A small generator of repeatable numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
    let budget = Budget::new(Limits::default());
    let mut out = Vec::new();
    let mut peeled = peel(Box::new(budget.metered(bytes)), &budget).ok()?;
    peeled.reader.read_to_end(&mut out).ok()?;
    Some(out)
}

/// Damages bytes; gives the range of the original that is touched.
fn damage(bytes: &[u8], how: usize, numbers: &mut Numbers) -> (Vec<u8>, Range<usize>) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(64)).min(bytes.len());
    let mut out = bytes.to_vec();
    match how {
        0 => (out[..at].to_vec(), at..bytes.len()),
        1 => {
            out[at] ^= 1 << numbers.below(8);
            (out, at..at + 1)
        }
        2 => {
            out[at..end].iter_mut().for_each(|b| *b = numbers.below(256) as u8);
            (out, at..end)
        }
        3 => {
            out.drain(at..end);
            (out, at..end)
        }
        _ => {
            let junk: Vec<u8> = (0..end - at).map(|_| numbers.below(256) as u8).collect();
            out.splice(at..at, junk);
            (out, at..at + 1)
        }
    }
}

fn counts<'a>(events: impl Iterator<Item = &'a Kept>) -> BTreeMap<(String, Option<String>), usize> {
    let mut all = BTreeMap::new();
    events.for_each(|e| *all.entry((e.audit_id.clone(), e.stage.clone())).or_default() += 1);
    all
}

fn told(all: &All) -> bool {
    !all.rejects().is_empty() || !all.warnings().is_empty()
}

#[test]
fn nothing_outside_the_damage_is_lost_and_what_is_lost_is_told() {
    damaged_everywhere(Limits::default());
}

#[test]
fn nothing_outside_the_damage_is_lost_in_lists_that_are_taken_apart() {
    damaged_everywhere(Limits { long: 3000, ..Limits::default() });
}

fn damaged_everywhere(limits: Limits) {
    let mut numbers = Numbers(2026);
    let mut wrong = Vec::new();
    let mut variants = 0;
    for (name, folder) in folders() {
        for (path, bytes) in folder.iter().filter(|(p, b)| *p != "expected.json" && b.len() > 2000) {
            let Some(bytes) = plain(bytes).filter(|b| b.len() < 200_000) else { continue };
            let before = read_bytes(path, &bytes, Limits::default());
            for how in 0..5 {
                for _ in 0..8 {
                    let (broken, range) = damage(&bytes, how, &mut numbers);
                    let after = read_bytes(path, &broken, limits);
                    variants += 1;
                    if let Some(why) = judge(&before, &after, &range) {
                        wrong.push(format!("{name} {path} damage {how} at {range:?}: {why}"));
                    }
                }
            }
        }
    }
    assert!(variants > 1000, "{variants}");
    assert!(
        wrong.is_empty(),
        "{} of {variants}:\n{}",
        wrong.len(),
        wrong.into_iter().take(40).collect::<Vec<_>>().join("\n")
    );
}

fn judge(before: &All, after: &All, range: &Range<usize>) -> Option<String> {
    let (had, has) = (counts(before.events()), counts(after.events()));
    // Damage can change an id; then one is gone and another is there.
    let lost: usize = had.iter().map(|(k, n)| n.saturating_sub(has.get(k).copied().unwrap_or(0))).sum();
    let spans: Vec<(usize, usize)> =
        before.events().map(|e| (e.span.offset as usize, (e.span.offset + e.span.length) as usize)).collect();
    let touched = spans.iter().filter(|(start, end)| *start <= range.end && range.start <= *end).count();
    if lost > touched {
        let reasons: Vec<_> = after.rejects().iter().map(|r| r.reason.clone()).collect();
        return Some(format!("{lost} events are lost, {touched} were touched; rejects {reasons:?}"));
    }
    // What a cut takes away whole cannot be known; what it cuts through can.
    let kept = spans.iter().filter(|(start, end)| *end <= range.start || *start >= range.end).count();
    let torn = spans
        .iter()
        .filter(|(start, end)| *start < range.start && range.start < *end || *start < range.end && range.end < *end)
        .count();
    if after.events().count() < kept + torn && !told(after) {
        return Some("an event is lost and nothing tells it".to_owned());
    }
    None
}
