//! Audit logs of any size, as fast as the disk takes them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::path::PathBuf;

use super::cast::{Cast, Who};
use super::clock::{DAY, SECOND, START, hour_and_weekday, micros};
use super::fill::{Facts, Filler, Template};
use super::json::{Json, object};
use super::logs::{Layout, Logs, Written};
use super::rng::Rng;
use super::shapes::{SHAPES, Shape};

/// The length of an average line, measured: it spreads the log over the days asked for.
const AVERAGE_LINE: u64 = 2160;
/// How busy each hour of a day is; 12 on average.
const BUSY: [i64; 24] = [6, 6, 5, 5, 5, 6, 8, 11, 16, 19, 20, 19, 17, 19, 20, 20, 18, 15, 12, 10, 9, 8, 7, 7];

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) out: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) seed: u64,
    pub(crate) days: u32,
    pub(crate) gzip: bool,
    pub(crate) file_size: u64,
}

/// A shape made ready.
struct Ready {
    first: Template,
    last: Template,
    actors: (usize, usize),
    shape: Shape,
}

/// A long-running request that has not ended: when it will, which kind it is, what it is about.
type Pending = Reverse<(i64, usize, Facts)>;

struct Stream<'a> {
    rng: Rng,
    filler: Filler<'a>,
    ready: Vec<Ready>,
    sums: Vec<u64>,
    pending: BinaryHeap<Pending>,
    facts: Facts,
    now: i64,
    /// The average time between two lines.
    pace: i64,
    version: u64,
    line: Vec<u8>,
    logs: Logs,
    ended: u64,
}

/// Generates it all; gives a line for the record.
pub(crate) fn generate(options: &Options) -> io::Result<String> {
    super::logs::empty_dir(&options.out)?;
    let cast = Cast::new(options.seed);
    let layout = Layout { dir: options.out.join("audit"), file_size: options.file_size, gzip: options.gzip };
    let lines = (options.bytes / AVERAGE_LINE).max(1);
    let span = i64::from(options.days).saturating_mul(DAY);
    let mut sum = 0;
    let sums = SHAPES.iter().map(|s| {
        sum += s.weight;
        sum
    });
    let mut stream = Stream {
        rng: Rng::new(options.seed, "stream"),
        filler: Filler::new(&cast),
        ready: ready(&cast)?,
        sums: sums.collect(),
        pending: BinaryHeap::new(),
        facts: Facts::default(),
        now: START,
        pace: (span / i64::try_from(lines).unwrap_or(i64::MAX)).max(1),
        version: 41_000_000,
        line: Vec::new(),
        logs: Logs::create(layout)?,
        ended: 0,
    };
    while stream.logs.bytes() < options.bytes {
        stream.step()?;
    }
    let (end, unfinished, ended) = (stream.now, stream.pending.len() as u64, stream.ended);
    let written = stream.logs.finish()?;
    std::fs::write(options.out.join("generated.json"), record(options, written, end, unfinished, ended).pretty(2))?;
    Ok(format!("{} events, {} bytes in {} files", written.lines, written.bytes, written.files))
}

fn ready(cast: &Cast) -> io::Result<Vec<Ready>> {
    let compile = |text: String| Template::compile(&text).map_err(io::Error::other);
    let one = |shape: &Shape| {
        let actors = cast.group(shape.who);
        Ok(Ready { first: compile(shape.line(false))?, last: compile(shape.line(true))?, actors, shape: *shape })
    };
    SHAPES.iter().map(one).collect()
}

impl Stream<'_> {
    /// One line: a request that ends now, or the next one.
    fn step(&mut self) -> io::Result<()> {
        let (hour, weekday) = hour_and_weekday(self.now);
        let busy = BUSY.get(hour).copied().unwrap_or(12) * if weekday < 5 { 5 } else { 3 };
        // Lines come in bursts: four in five follow closely.
        let reach = if self.rng.below(5) > 0 { self.pace / 2 } else { self.pace * 8 };
        let step = self.rng.range(0, reach) * 54 / busy;
        let last = self.now;
        self.now += step + 1;
        if self.pending.peek().is_some_and(|Reverse((end, ..))| *end <= self.now) {
            return self.end();
        }
        let place = self.rng.below(self.sums.last().copied().unwrap_or(1));
        let place = self.sums.partition_point(|s| *s <= place);
        // A few lines are written after others that are a little younger.
        let stage = if self.rng.per_mille(4) { last - self.rng.range(1, 5000) } else { self.now };
        self.request(place, stage)
    }

    fn request(&mut self, place: usize, stage: i64) -> io::Result<()> {
        let Some(ready) = self.ready.get(place) else { return Ok(()) };
        let facts = &mut self.facts;
        facts.draw(&mut self.rng, self.filler.cast);
        facts.actor = ready.actors.0 + self.rng.index(ready.actors.1);
        if ready.shape.who == Who::Kubelet {
            facts.node = facts.actor - ready.actors.0;
        }
        if let Some(home) = self.filler.cast.actors.get(facts.actor).and_then(|a| a.home) {
            facts.deployed = home;
        }
        let (least, most) = ready.shape.text;
        if most > 0 {
            // Each doubling is as likely as the next, so that long bodies are rare but there.
            let doublings = (most / least).max(1).ilog2();
            let base = least << self.rng.below(u64::from(doublings) + 1);
            let bytes = base + self.rng.index(base);
            facts.take_text(&mut self.rng, self.filler.cast, bytes.min(most));
        }
        let slow = if self.rng.per_mille(5) { 900_000 } else { 14_000 };
        facts.received = stage - self.rng.range(800, slow);
        self.version += 1 + self.rng.below(4);
        facts.version = self.version;
        self.line.clear();
        self.filler.fill(&mut self.line, &ready.first, facts, stage);
        if let Some((least, most)) = ready.shape.lasts {
            let end = stage + self.rng.range(least * SECOND, most * SECOND);
            self.pending.push(Reverse((end, place, facts.clone())));
        }
        self.logs.line(&self.line, stage)
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(Reverse((end, place, facts))) = self.pending.pop() else { return Ok(()) };
        let Some(ready) = self.ready.get(place) else { return Ok(()) };
        self.ended += 1;
        self.line.clear();
        self.filler.fill(&mut self.line, &ready.last, &facts, end);
        self.logs.line(&self.line, end)
    }
}

fn record(options: &Options, written: Written, end: i64, unfinished: u64, ended: u64) -> Json {
    let number = |n: u64| Json::Number(i64::try_from(n).unwrap_or(i64::MAX));
    object()
        .with("mode", "audit")
        .with("seed", options.seed.to_string())
        .with("files", number(written.files))
        .with("lines", number(written.lines))
        .with("bytes", number(written.bytes))
        .with("long_running_ended", number(ended))
        .with("long_running_unfinished", number(unfinished))
        .with("from", micros(START))
        .with("to", micros(end))
        .done()
}
