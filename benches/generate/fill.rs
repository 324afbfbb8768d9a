//! Lines from templates: text with fields in angle brackets, which Go's JSON never holds, compiled once into parts
//! that are copied. Nothing is parsed or escaped while lines are written.

use super::cast::Cast;
use super::clock::Stamper;
use super::rng::Rng;

/// A field of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Id,
    Received,
    Stage,
    Now,
    Actor,
    User,
    Reason,
    Namespace,
    App,
    Uid,
    Hash,
    SetUid,
    Created,
    Node,
    Random,
    New,
    Suffix,
    Version,
    Former,
    Number,
    Message,
    Text,
}

const FIELDS: [(&str, Field); 22] = [
    ("id", Field::Id),
    ("received", Field::Received),
    ("stage", Field::Stage),
    ("now", Field::Now),
    ("actor", Field::Actor),
    ("user", Field::User),
    ("reason", Field::Reason),
    ("ns", Field::Namespace),
    ("app", Field::App),
    ("uid", Field::Uid),
    ("hash", Field::Hash),
    ("setuid", Field::SetUid),
    ("created", Field::Created),
    ("node", Field::Node),
    ("random", Field::Random),
    ("new", Field::New),
    ("suffix", Field::Suffix),
    ("version", Field::Version),
    ("former", Field::Former),
    ("number", Field::Number),
    ("message", Field::Message),
    ("text", Field::Text),
];

#[derive(Clone, Debug)]
enum Part {
    Literal(Box<[u8]>),
    Field(Field),
}

/// A compiled template.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// Compiles it; the error names a field that there is not.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('<') {
            let (name, after) = tail.split_once('>').ok_or_else(|| format!("no end of a field in {tail}"))?;
            let field = FIELDS.iter().find(|(n, _)| *n == name).ok_or_else(|| format!("no field `{name}`"))?;
            parts.push(Part::Literal(literal.as_bytes().into()));
            parts.push(Part::Field(field.1));
            rest = after;
        }
        parts.push(Part::Literal(rest.as_bytes().into()));
        Ok(Self(parts))
    }
}

/// What one request is about: small numbers, from which all fields follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Facts {
    pub(crate) id: Vec<u8>,
    pub(crate) received: i64,
    pub(crate) actor: usize,
    pub(crate) deployed: usize,
    pub(crate) node: usize,
    pub(crate) random: Vec<u8>,
    pub(crate) new: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    pub(crate) version: u64,
    pub(crate) number: u64,
    pub(crate) message: usize,
    pub(crate) text: (usize, usize),
}

impl Facts {
    /// Draws anew, keeping the memory of the strings.
    pub(crate) fn draw(&mut self, rng: &mut Rng, cast: &Cast) {
        for uuid in [&mut self.id, &mut self.random] {
            uuid.clear();
            rng.push_uuid(uuid);
        }
        self.new.clear();
        rng.push_suffix(&mut self.new, 10);
        self.suffix.clear();
        rng.push_suffix(&mut self.suffix, 5);
        self.deployed = rng.low_index(cast.deployed.len());
        self.node = rng.index(cast.nodes.len());
        self.number = rng.below(10);
        self.message = rng.index(cast.messages.len());
        self.text = (0, 0);
    }

    /// Takes about this many bytes of text, whole lines.
    pub(crate) fn take_text(&mut self, rng: &mut Rng, cast: &Cast, bytes: usize) {
        let latest = cast.text.len().saturating_sub(bytes);
        let boundary =
            |at: usize| cast.lines.get(cast.lines.partition_point(|l| *l < at)).copied().unwrap_or(cast.text.len());
        let from = boundary(rng.index(latest));
        self.text = (from, boundary(from.saturating_add(bytes)));
    }
}

/// Fills templates.
pub(crate) struct Filler<'a> {
    pub(crate) cast: &'a Cast,
    received: Stamper,
    stage: Stamper,
}

impl<'a> Filler<'a> {
    pub(crate) fn new(cast: &'a Cast) -> Self {
        Self { cast, received: Stamper::default(), stage: Stamper::default() }
    }

    /// Writes one line, without a line feed.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, template: &Template, facts: &Facts, stage: i64) {
        for part in &template.0 {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Field(field) => self.field(out, *field, facts, stage),
            }
        }
    }

    fn field(&mut self, out: &mut Vec<u8>, field: Field, facts: &Facts, stage: i64) {
        let deployed = self.cast.deployed.get(facts.deployed);
        let actor = self.cast.actors.get(facts.actor);
        let text: Option<&[u8]> = match field {
            Field::Received => return self.received.push(out, facts.received),
            Field::Stage => return self.stage.push(out, stage),
            Field::Now => return self.received.push_second(out, facts.received),
            Field::Version => return push_number(out, facts.version),
            Field::Former => return push_number(out, facts.version.saturating_sub(facts.number).saturating_sub(1)),
            Field::Number => return push_number(out, facts.number),
            Field::Id => Some(&facts.id),
            Field::Random => Some(&facts.random),
            Field::New => Some(&facts.new),
            Field::Suffix => Some(&facts.suffix),
            Field::Actor => actor.map(|a| a.members.as_slice()),
            Field::User => actor.map(|a| a.name.as_slice()),
            Field::Reason => actor.map(|a| a.reason.as_slice()),
            Field::Namespace => deployed.map(|d| d.namespace.as_slice()),
            Field::App => deployed.map(|d| d.app.as_slice()),
            Field::Uid => deployed.map(|d| d.uid.as_slice()),
            Field::Hash => deployed.map(|d| d.hash.as_slice()),
            Field::SetUid => deployed.map(|d| d.set_uid.as_slice()),
            Field::Created => deployed.map(|d| d.created.as_slice()),
            Field::Node => self.cast.nodes.get(facts.node).map(Vec::as_slice),
            Field::Message => self.cast.messages.get(facts.message).map(Vec::as_slice),
            Field::Text => self.cast.text.get(facts.text.0..facts.text.1),
        };
        out.extend_from_slice(text.unwrap_or_default());
    }
}

fn push_number(out: &mut Vec<u8>, number: u64) {
    let digits = number.checked_ilog10().map_or(1, |d| d.saturating_add(1));
    super::clock::push_digits(out, number, digits);
}
