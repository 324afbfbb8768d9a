//! Work that many threads do and one takes in order: parsing what one thread reads, rebuilding what one thread writes.
//! Nothing waits for a round to end: a job begins as soon as an earlier result was taken. Results come in the order of the
//! jobs, whatever the threads.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

/// Jobs, and how much of them is held at one time.
pub(super) struct Jobs<N, W> {
    /// Gives the next job; called on a thread of its own.
    pub(super) next: N,
    /// What a job weighs.
    pub(super) weight: W,
    /// Jobs that weigh so much together may have begun and not been taken; one is always let in.
    pub(super) room: usize,
}

/// Does all jobs on the pool, and takes their results on this thread, in order, until one cannot be taken. A thread of the
/// pool does all by itself: it must not wait for others.
pub(super) fn in_order<J: Send, R: Send, E>(
    jobs: Jobs<impl FnMut() -> Option<J> + Send, impl Fn(&J) -> usize + Send>,
    work: impl Fn(J) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let Jobs { mut next, weight, room } = jobs;
    if rayon::current_thread_index().is_some() {
        while let Some(job) = next() {
            take(work(job))?;
        }
        return Ok(());
    }
    let work = &work;
    let (sender, results) = channel();
    let (taken, mut gone) = channel();
    rayon::in_place_scope(|pool| {
        std::thread::scope(|threads| {
            threads.spawn(move || {
                let mut held = 0;
                for number in 0_usize.. {
                    let Some(job) = next() else { return };
                    let weight = weight(&job);
                    if !wait(&mut gone, &mut held, room.saturating_sub(weight)) {
                        return;
                    }
                    held += weight;
                    let sender = sender.clone();
                    // Nobody takes it when an earlier result could not be taken.
                    pool.spawn(move |_| drop(sender.send((number, weight, work(job)))));
                }
            });
            // Gone with this closure, so that a thread that waits for room does not wait for ever.
            let (taken, results) = (taken, results);
            let mut early = BTreeMap::new();
            let mut awaited = 0;
            for (number, weight, result) in results {
                early.insert(number, (weight, result));
                while let Some((weight, result)) = early.remove(&awaited) {
                    take(result)?;
                    awaited += 1;
                    // The thread that gives jobs may have ended.
                    let _ = taken.send(weight);
                }
            }
            Ok(())
        })
    })
}

/// Waits until no more than `most` is held, or nothing; `false` when nothing will be taken any more.
fn wait(gone: &mut Receiver<usize>, held: &mut usize, most: usize) -> bool {
    while *held > most && *held > 0 {
        match gone.recv() {
            Ok(weight) => *held = held.saturating_sub(weight),
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn squares(room: usize, until: usize) -> (Result<(), usize>, Vec<usize>, usize) {
        let (given, most, mut taken) = (AtomicUsize::new(0), AtomicUsize::new(0), Vec::new());
        let next = || {
            let number = given.fetch_add(1, Ordering::SeqCst);
            (number < 300).then_some(number)
        };
        let done = in_order(
            Jobs { next, weight: |n: &usize| n % 7, room },
            |n| {
                // Later jobs are often done earlier.
                std::thread::yield_now();
                if n % 3 == 0 {
                    std::thread::sleep(std::time::Duration::from_micros(200));
                }
                n * n
            },
            |square| {
                most.fetch_max(given.load(Ordering::SeqCst).saturating_sub(taken.len()), Ordering::SeqCst);
                taken.push(square);
                if taken.len() == until { Err(square) } else { Ok(()) }
            },
        );
        let most = most.load(Ordering::SeqCst);
        (done, taken, most)
    }

    #[test]
    fn results_come_in_order_and_few_at_a_time() {
        for room in [0, 1, 6, 40] {
            let (done, taken, most) = squares(room, usize::MAX);
            assert!(done.is_ok());
            assert_eq!(taken, (0..300).map(|n| n * n).collect::<Vec<_>>());
            // Each job weighs 3 on average, those of weight 0 come on top, and one is asked for ahead.
            assert!(most <= room + 8, "{room}: {most}");
        }
    }

    #[test]
    fn the_first_failure_ends_it() {
        let (done, taken, _) = squares(10, 5);
        assert_eq!((done, taken), (Err(16), vec![0, 1, 4, 9, 16]));
    }

    #[test]
    fn a_thread_of_the_pool_does_all_by_itself() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (done, taken, _) = pool.install(|| squares(10, usize::MAX));
        assert!(done.is_ok());
        assert_eq!(taken.len(), 300);
    }
}
