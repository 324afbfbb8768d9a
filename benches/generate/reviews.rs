//! Questions for the authorizer, asked at random moments of the history, with the answers of [`Cluster::allows`].

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::clock::micros;
use super::grants::{Drawing, Granted};
use super::json::{Json, object};
use super::rng::Rng;
use super::world::World;

/// Questions asked so far, with their answers.
#[derive(Debug, Default)]
pub(crate) struct Reviews {
    lines: Vec<(Vec<u8>, bool)>,
}

impl Reviews {
    /// Asks one question now.
    pub(crate) fn ask(&mut self, world: &World, rng: &mut Rng) {
        let at = world.journal.now();
        let mut drawing = Drawing { rng, cluster: &world.cluster, people: &world.people };
        let drawn = (0..1000).find_map(|_| match drawing.rng.below(100) {
            0..25 => drawing.granted(),
            25..60 => {
                let granted = drawing.granted();
                granted.map(|g| drawing.twisted(g))
            }
            _ => drawing.anything(),
        });
        if let Some(granted) = drawn {
            let allowed = world.cluster.allows(&granted.user, &granted.groups, &granted.ask);
            self.lines.push((line(at, &granted), allowed));
        }
    }

    /// How many were asked, and how many of them are allowed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.lines.len() as u64, self.lines.iter().filter(|(_, allowed)| *allowed).count() as u64)
    }

    /// Writes `reviews.jsonl` and, line by line in the same random order, `reviews-answers.jsonl`.
    pub(crate) fn write(mut self, dir: &Path, rng: &mut Rng) -> io::Result<()> {
        rng.shuffle(&mut self.lines);
        let mut questions = BufWriter::new(File::create(dir.join("reviews.jsonl"))?);
        let mut answers = BufWriter::new(File::create(dir.join("reviews-answers.jsonl"))?);
        for (line, allowed) in &self.lines {
            questions.write_all(line)?;
            questions.write_all(b"\n")?;
            writeln!(answers, "{{\"allowed\":{allowed}}}")?;
        }
        questions.flush()?;
        answers.flush()
    }
}

fn line(at: i64, granted: &Granted) -> Vec<u8> {
    let ask = &granted.ask;
    let spec = object().with("user", granted.user.as_str()).texts("groups", &granted.groups);
    let spec = if ask.path.is_empty() {
        let attributes = object()
            .with("verb", ask.verb.as_str())
            .with("group", ask.group.as_str())
            .with("version", "*")
            .with("resource", ask.resource.as_str())
            .text("subresource", &ask.subresource)
            .text("namespace", &ask.namespace)
            .text("name", &ask.name);
        spec.with("resourceAttributes", attributes.done())
    } else {
        spec.with(
            "nonResourceAttributes",
            object().with("path", ask.path.as_str()).with("verb", ask.verb.as_str()).done(),
        )
    };
    let mut out = Vec::new();
    object().with("at", Json::from(micros(at))).with("spec", spec.done()).done().push_compact(&mut out);
    out
}
