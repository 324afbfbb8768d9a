//! The history of a large cluster's RBAC: two snapshots, the audit log between them, and questions about it.

use std::io;
use std::path::PathBuf;

use super::clock::{DAY, HOUR, MINUTE, SECOND, START, hour_and_weekday};
use super::event::Journal;
use super::json::{Json, object};
use super::kinds::Kind;
use super::logs::{Layout, Logs, Written, empty_dir};
use super::objects::Thing;
use super::populate::{Filling, Sizes};
use super::reviews::Reviews;
use super::rng::Rng;
use super::snapshot;
use super::world::{Actors, Counts, World};

/// How long the history is.
const DAYS: i64 = 90;
/// When the snapshots are taken: changes happen between them.
const FIRST: (i64, i64) = (START + 5 * MINUTE, START + 5 * MINUTE + 4 * SECOND);
const LAST: (i64, i64) = (END - 10 * MINUTE, END - 10 * MINUTE + 4 * SECOND);
const END: i64 = START + DAYS * DAY;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) seed: u64,
    pub(crate) scale: f64,
    pub(crate) changes: u64,
    pub(crate) reviews: u64,
    pub(crate) file_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Lease,
    Read,
    Review,
    Fruitless,
    Account,
    Namespace,
    /// A change; the number is its place among all.
    Change(u64),
}

/// Generates it all; gives a line for the record.
pub(crate) fn generate(options: &Options) -> io::Result<String> {
    empty_dir(&options.out)?;
    let sizes = Sizes::scaled(options.scale);
    let filled = Filling::new(options.seed, &sizes);
    snapshot::write(&options.out.join("snapshots/start"), &filled.cluster, FIRST)?;
    let layout = Layout { dir: options.out.join("audit"), file_size: options.file_size, gzip: true };
    let journal = Journal::new(Logs::create(layout)?, options.seed, START + 10 * SECOND);
    let mut rng = Rng::new(options.seed, "history");
    let world = World {
        actors: Actors::new(&mut rng, &filled.cluster),
        rng,
        cluster: filled.cluster,
        people: filled.people,
        owners: filled.owners,
        journal,
        version: filled.version,
        counts: Counts::default(),
    };
    let timeline = timeline(options);
    let mut history = History {
        world,
        sizes,
        total: options.changes,
        reviews: Reviews::default(),
        asking: Rng::new(options.seed, "reviews"),
    };
    for (time, slot) in timeline {
        history.world.journal.wait_until(time);
        history.happen(slot)?;
    }
    history.finish(options)
}

/// Everything that will happen, in order of time.
fn timeline(options: &Options) -> Vec<(i64, Slot)> {
    let mut rng = Rng::new(options.seed, "timeline");
    let mut all = Vec::new();
    let mut time = START + 10 * SECOND;
    while time < END {
        all.push((time, Slot::Lease));
        time += rng.range(160 * SECOND, 240 * SECOND);
    }
    let times = office_hours(&mut rng, options.changes);
    all.extend(times.into_iter().zip(0..).map(|(time, place)| (time, Slot::Change(place))));
    let share = |parts: u64| options.changes.saturating_mul(parts) / 10_000;
    for (slot, count) in [
        (Slot::Read, share(4500)),
        (Slot::Fruitless, share(300)),
        (Slot::Account, share(400)),
        (Slot::Namespace, share(8)),
    ] {
        all.extend(office_hours(&mut rng, count).into_iter().map(|time| (time, slot)));
    }
    all.extend((0..options.reviews).map(|_| (rng.range(START + 6 * MINUTE, END - 11 * MINUTE), Slot::Review)));
    all.sort_unstable();
    all
}

/// Moments between the snapshots, most of them in working hours, many in bursts; in order.
fn office_hours(rng: &mut Rng, count: u64) -> Vec<i64> {
    const BY_HOUR: [i64; 24] = [2, 2, 2, 2, 2, 3, 5, 9, 18, 22, 22, 20, 16, 20, 22, 22, 20, 14, 9, 6, 5, 4, 3, 2];
    let (from, to) = (START + 10 * MINUTE, END - 20 * MINUTE);
    let mut sums = Vec::new();
    let mut sum = 0;
    for hour in 0..DAYS * 24 {
        let (of_day, weekday) = hour_and_weekday(START + hour * HOUR);
        let weight = BY_HOUR.get(of_day).copied().unwrap_or(1) * if weekday < 5 { 4 } else { 1 };
        sum += weight;
        sums.push(sum);
    }
    let mut times: Vec<i64> = Vec::new();
    while (times.len() as u64) < count {
        let burst =
            times.last().copied().filter(|_| rng.per_mille(450)).map(|last| last + rng.range(SECOND / 10, 8 * SECOND));
        let draw = rng.range(0, sum - 1);
        let hour = sums.partition_point(|s| *s <= draw) as i64;
        let time = burst.unwrap_or(START + hour * HOUR + rng.range(0, HOUR - 1));
        if (from..to).contains(&time) {
            times.push(time);
        }
    }
    times.sort_unstable();
    times
}

struct History {
    world: World,
    sizes: Sizes,
    total: u64,
    reviews: Reviews,
    asking: Rng,
}

impl History {
    fn happen(&mut self, slot: Slot) -> io::Result<()> {
        match slot {
            Slot::Lease => self.world.renew_lease(),
            Slot::Read => self.world.read(),
            Slot::Review => {
                self.world.journal.wait(1000);
                self.reviews.ask(&self.world, &mut self.asking);
                self.world.journal.wait(1000);
                Ok(())
            }
            Slot::Fruitless => {
                let kind = self.kind();
                self.world.fruitless(kind)
            }
            Slot::Account => {
                let grow = self.grows(Kind::ServiceAccount);
                self.world.churn_account(grow)
            }
            // Near the end a namespace, with all it holds, would overshoot the number of changes.
            Slot::Namespace if self.total.saturating_sub(self.world.counts.changes) < 300 => Ok(()),
            Slot::Namespace if self.grows(Kind::Namespace) => {
                let number = self.world.rng.index(self.sizes.namespaces.saturating_mul(5) / 4);
                self.world.begin_namespace(number)
            }
            Slot::Namespace => self.world.end_namespace(),
            Slot::Change(place) => self.change(place),
        }
    }

    /// Makes as many changes as are due by this slot. What a change brings about counts too.
    fn change(&mut self, place: u64) -> io::Result<()> {
        let mut tries = 0;
        while self.world.counts.changes <= place && tries < 50 {
            tries += 1;
            let kind = self.kind();
            if self.total.saturating_sub(self.world.counts.changes) < 40 {
                self.one_update(Kind::RoleBinding)?;
                continue;
            }
            match self.world.rng.below(100) {
                0..52 => self.one_update(kind)?,
                52..58 => {
                    if let Some(thing) = self.one(kind) {
                        self.world.recreate(&thing)?;
                    }
                }
                _ if self.grows(kind) => {
                    if let Some(thing) = self.world.draft(kind) {
                        self.world.create(thing)?;
                    }
                }
                _ => {
                    if let Some(thing) = self.one(kind) {
                        self.world.delete(&thing)?;
                    }
                }
            }
            if kind == Kind::ClusterRole {
                self.world.aggregate()?;
            }
            self.world.moment();
        }
        Ok(())
    }

    fn one(&mut self, kind: Kind) -> Option<Thing> {
        self.world.cluster.pick_changeable(kind, &mut self.world.rng).cloned()
    }

    fn one_update(&mut self, kind: Kind) -> io::Result<()> {
        match self.one(kind) {
            Some(thing) => self.world.update(&thing).map(|_| ()),
            None => Ok(()),
        }
    }

    fn kind(&mut self) -> Kind {
        Kind::RBAC.get(self.world.rng.weighted(&[13, 12, 20, 55])).copied().unwrap_or(Kind::RoleBinding)
    }

    /// Whether there should be more of a kind: numbers stay near what the first snapshot shows.
    fn grows(&mut self, kind: Kind) -> bool {
        let (have, want) = (self.world.cluster.of(kind).len() as u64, self.sizes.of(kind) as u64);
        let share = 500_u64
            .saturating_add(want.saturating_mul(4000) / want.max(1))
            .saturating_sub(have.saturating_mul(4000) / want.max(1));
        self.world.rng.per_mille(share.clamp(100, 900))
    }

    fn finish(self, options: &Options) -> io::Result<String> {
        snapshot::write(&options.out.join("snapshots/end"), &self.world.cluster, LAST)?;
        let counts = self.world.counts.clone();
        let sizes =
            Kind::ALL.iter().fold(object(), |o, k| o.with(k.plural(), number(self.world.cluster.of(*k).len() as u64)));
        let reviews = self.reviews.counts();
        let mut rng = self.asking.clone();
        self.reviews.write(&options.out, &mut rng)?;
        let written = self.world.journal.finish()?;
        let record = record(options, &counts, written).with("objects_at_the_end", sizes.done());
        let record = record.with("reviews", number(reviews.0)).with("reviews_allowed", number(reviews.1)).done();
        std::fs::write(options.out.join("generated.json"), record.pretty(2))?;
        Ok(format!(
            "{} changes, {} events, {} bytes of log, {} reviews",
            counts.changes, written.lines, written.bytes, reviews.0
        ))
    }
}

fn number(n: u64) -> Json {
    Json::Number(i64::try_from(n).unwrap_or(i64::MAX))
}

fn record(options: &Options, counts: &Counts, written: Written) -> super::json::Builder {
    let by = counts.by.iter().fold(object(), |o, (key, n)| o.with(key.clone(), number(*n)));
    object()
        .with("mode", "rbac")
        .with("seed", options.seed.to_string())
        .with("scale", options.scale.to_string())
        .with("changes", number(counts.changes))
        .with("objects_by_verb", by.done())
        .with("files", number(written.files))
        .with("lines", number(written.lines))
        .with("bytes", number(written.bytes))
}
