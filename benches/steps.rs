//! The inner steps of an import and of an answer, each on its own: `cargo bench --bench steps [NAME]`. Input comes from
//! the seeded generator, a few megabytes held in memory, so two versions are measured on the same bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, dead_code)]

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use kubesleuth::authz::Authorizer;
use kubesleuth::case::parquet_columns::write_columns;
use kubesleuth::formats::authenticator::AuthenticatorRecord;
use kubesleuth::formats::blocks::{Block, BlockReader, Piece};
use kubesleuth::formats::layout::Context;
use kubesleuth::formats::sink::{Envelope, EventRecord, Fact, JsonDocument, Sink, Skipped, Span};
use kubesleuth::formats::source::{Batch, open_batch};
use kubesleuth::formats::{Reject, audit, decode};
use kubesleuth::history::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use kubesleuth::import::dedup::Keying;
use kubesleuth::import::{parse, read_source};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use kubesleuth::model::review::{AccessReview, Action, ResourceTarget, Target};
use kubesleuth::model::time::{Interval, Timestamp};
use kubesleuth::tables::event_builder::{EventBuilder, Place};
use kubesleuth::tables::events;

#[path = "generate/all.rs"]
mod generate;

use generate::rng::Rng;

/// The same allocator as the program's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes of the log.
const LOG: u64 = 8_000_000;

fn main() {
    divan::main();
}

/// Native lines of a busy cluster.
static BLOCK: LazyLock<Block> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("log");
    let options = generate::audit::Options { out, bytes: LOG, seed: 1, days: 1, gzip: false, file_size: LOG * 2 };
    generate::audit::generate(&options).unwrap();
    let log = std::fs::read(options.out.join("audit/audit.log")).unwrap();
    Block { bytes: log.into(), offset: 0, first_line: 1 }
});

/// The rows of the log.
static ROWS: LazyLock<RecordBatch> = LazyLock::new(|| {
    let batch = Batch::Lines(BLOCK.clone());
    parse::parse(&batch, "s1", &Context::default(), &Keying::new()).unwrap().events.unwrap()
});

/// The log, gzipped.
static GZIPPED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&BLOCK.bytes).unwrap();
    packer.finish().unwrap()
});

fn bytes() -> BytesCount {
    BytesCount::new(BLOCK.bytes.len())
}

fn events() -> ItemsCount {
    ItemsCount::new(ROWS.num_rows())
}

/// Counts events and does nothing else with them.
#[derive(Default)]
struct Counting(usize);

impl Sink for Counting {
    fn event(&mut self, record: EventRecord<'_>) {
        black_box(record.event);
        self.0 += 1;
    }
    fn json(&mut self, _: JsonDocument<'_>) {}
    fn authenticator(&mut self, _: &AuthenticatorRecord<'_>, _: Span, _: Option<&str>) {}
    fn skip(&mut self, _: Skipped, _: Span) {}
    fn reject(&mut self, _: Reject) {}
    fn warn(&mut self, _: &'static str) {}
    fn fact(&mut self, _: Fact<'_>) {}
}

/// A stream into blocks of whole lines.
#[divan::bench]
fn cut_into_blocks(bencher: Bencher<'_, '_>) {
    bencher.counter(bytes()).bench(|| {
        let mut reader = BlockReader::new(&*BLOCK.bytes, 1 << 20);
        let mut blocks = 0;
        while let Some(Piece::Lines(block)) = reader.next_piece() {
            blocks += black_box(block).bytes.len();
        }
        blocks
    });
}

/// A block into lines.
#[divan::bench]
fn cut_into_lines(bencher: Bencher<'_, '_>) {
    bencher.counter(bytes()).bench(|| BLOCK.lines().map(|l| l.bytes.len()).sum::<usize>());
}

/// Native lines into events, rows not yet made.
#[divan::bench]
fn parse_native_lines(bencher: Bencher<'_, '_>) {
    let (batch, context) = (Batch::Lines(BLOCK.clone()), Context::default());
    bencher.counter(bytes()).counter(events()).bench(|| {
        let mut sink = Counting::default();
        open_batch(&batch, &context, &mut sink);
        assert_eq!(sink.0, ROWS.num_rows());
    });
}

/// The same lines by the parser that takes any order of keys and decides what is broken.
#[divan::bench]
fn parse_any_lines(bencher: Bencher<'_, '_>) {
    bencher.counter(bytes()).counter(events()).bench(|| {
        BLOCK.lines().filter(|l| audit::parse(l.bytes).is_ok_and(|event| black_box(event).0.audit_id.is_some())).count()
    });
}

/// Events that are parsed into columns.
#[divan::bench]
fn build_columns(bencher: Bencher<'_, '_>) {
    let events: Vec<_> = BLOCK.lines().map(|l| (audit::parse(l.bytes).unwrap(), l)).collect();
    bencher.counter(ItemsCount::new(events.len())).bench(|| {
        let mut builder = EventBuilder::new(&BLOCK.bytes);
        for ((event, times), line) in &events {
            let length = line.bytes.len() as u64;
            let place = Place { source_id: "s1", offset: line.offset, line: line.number, length };
            builder.push(event, *times, &Envelope::default(), place);
        }
        builder.finish().unwrap()
    });
}

/// A block as the import reads it: parsed, told from copies, made into columns.
#[divan::bench]
fn parse_block(bencher: Bencher<'_, '_>) {
    let (batch, context, keying) = (Batch::Lines(BLOCK.clone()), Context::default(), Keying::new());
    let parse = || parse::parse(&batch, "s1", &context, &keying).unwrap();
    bencher.counter(bytes()).counter(events()).bench(parse);
}

/// SHA-256 of a source.
#[divan::bench]
fn sha256(bencher: Bencher<'_, '_>) {
    bencher.counter(bytes()).bench(|| read_source::sha256_of_bytes(&BLOCK.bytes));
}

/// Gzip, in bytes of the log that come out.
#[divan::bench]
fn gunzip(bencher: Bencher<'_, '_>) {
    bencher.counter(bytes()).bench(|| {
        let (_, mut reader) = decode::decoded(Box::new(GZIPPED.as_slice())).unwrap();
        let mut out = Vec::with_capacity(BLOCK.bytes.len());
        reader.read_to_end(&mut out).unwrap();
        assert_eq!(out.len(), BLOCK.bytes.len());
    });
}

/// A row group of `events` into Parquet, all columns.
#[divan::bench]
fn encode_row_group(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("part.parquet");
    bencher.counter(bytes()).counter(events()).bench(|| {
        let column =
            |column: usize, rows: std::ops::Range<usize>| Ok(ROWS.column(column).slice(rows.start, rows.len()));
        write_columns(&path, &events::TABLE, ROWS.num_rows(), column).unwrap();
    });
}

/// The digests that tell copies of a record.
#[divan::bench]
fn digest_for_copies(bencher: Bencher<'_, '_>) {
    let keying = Keying::new();
    bencher.counter(bytes()).bench(|| {
        BLOCK.lines().map(|l| keying.content(l.bytes) ^ keying.identity(None, "id", None, None)).fold(0, |a, b| a ^ b)
    });
}

/// One access review in a cluster of 20,000 bindings.
#[divan::bench]
fn access_review(bencher: Bencher<'_, '_>) {
    let (authorizer, mut rng) = (Authorizer::new(cluster()), Rng::new(1, "reviews"));
    let reviews: Vec<AccessReview> = (0..1000).map(|_| review(&mut rng)).collect();
    let at = Timestamp::from_micros(1);
    let mut next = reviews.iter().cycle();
    bencher
        .counter(ItemsCount::new(1_usize))
        .with_inputs(|| next.next().unwrap())
        .bench_local_refs(|review| authorizer.review(review, at));
}

const NAMESPACES: u64 = 400;
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "delete"];
const RESOURCES: [&str; 6] = ["pods", "secrets", "configmaps", "services", "deployments", "leases"];

/// Roles in every namespace, bound to people, groups and service accounts.
fn cluster() -> RbacTimeline {
    let mut rng = Rng::new(1, "cluster");
    let mut timeline = RbacTimeline::default();
    for number in 0..20_000 {
        let (namespace, name) = (format!("ns-{}", number % NAMESPACES), format!("r-{number}"));
        let verbs = rng.some(&VERBS, 3).into_iter().map(str::to_owned).collect();
        let resources = rng.some(&RESOURCES, 2).into_iter().map(str::to_owned).collect();
        let rule = PolicyRule { verbs, api_groups: vec![String::new()], resources, ..PolicyRule::default() };
        let subject = Subject { kind: "User".to_owned(), name: user(&mut rng), ..Subject::default() };
        let role_ref = RoleRef { kind: "Role".to_owned(), name: name.clone(), ..RoleRef::default() };
        let (namespace, name): (Arc<str>, Arc<str>) = (namespace.into(), name.into());
        let (held, basis) = (Interval::ALWAYS, Basis::Observed);
        timeline.roles.push(RoleVersion {
            kind: RbacKind::Role,
            namespace: Arc::clone(&namespace),
            name: Arc::clone(&name),
            held,
            basis,
            state: RoleState::Rules([rule].into()),
        });
        let state = BindingState::Known { role_ref, subjects: [subject].into() };
        timeline.bindings.push(BindingVersion { kind: RbacKind::RoleBinding, namespace, name, held, basis, state });
    }
    for kind in [RbacKind::Role, RbacKind::ClusterRole, RbacKind::RoleBinding, RbacKind::ClusterRoleBinding] {
        timeline.known_sets.push(KnownSet { kind, namespace: None, held: Interval::ALWAYS, basis: Basis::Observed });
    }
    timeline
}

fn user(rng: &mut Rng) -> String {
    format!("user-{}", rng.below(3000))
}

fn review(rng: &mut Rng) -> AccessReview {
    let target = ResourceTarget {
        resource: rng.word(&RESOURCES).to_owned(),
        namespace: format!("ns-{}", rng.below(NAMESPACES)),
        ..ResourceTarget::default()
    };
    let action = Action { verb: rng.word(&VERBS).to_owned(), target: Target::Resource(target) };
    AccessReview { user: user(rng), groups: vec!["system:authenticated".to_owned()], action }
}
