//! Evidence that was made to harm its reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::io::{Cursor, Write};

use formats_support::{All, read_bytes};
use kubesleuth::formats::blocks::Block;
use kubesleuth::formats::layout::Context;
use kubesleuth::formats::limits::Limits;
use kubesleuth::formats::source::{Batch, open_batch};
use proptest::prelude::*;

const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/","verb":"get","user":{"username":"u"},"stageTimestamp":"2026-11-24T00:41:02.025568Z"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        z.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        z.write_all(bytes).unwrap();
    }
    z.finish().unwrap().into_inner()
}

/// A tar archive written out by hand, so that it can hold what libraries refuse to write.
fn tar(members: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, bytes) in members {
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        block[156] = *kind;
        block[157..168].copy_from_slice(b"/etc/passwd");
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// 64 GiB of zeros as gzip members, 64 MiB in all, which gzip shrinks once more.
fn gigabytes() -> Vec<u8> {
    gzip(&vec![0_u8; 16 << 20]).repeat(4096)
}

/// Refused, and long before the end: the work done is bounded by the bytes unpacked.
fn refused_early(name: &str, bytes: &[u8]) {
    let all = read_bytes(name, bytes, Limits::default());
    assert!(all.warnings().contains("unpack-limit"), "{name}: {:?}", all.warnings());
    let most = (bytes.len() as u64 * Limits::default().ratio).max(Limits::default().floor) + (2 << 20);
    let told: Vec<&str> = all
        .rejects()
        .iter()
        .map(|r| r.reason.as_str())
        .chain(all.sources.iter().flat_map(|s| s.refused.iter().map(String::as_str)))
        .filter(|r| r.contains("unpacking stopped at"))
        .collect();
    assert!(!told.is_empty(), "{name}");
    for reason in told {
        let digits: String =
            reason.split_once("stopped at ").unwrap().1.chars().take_while(char::is_ascii_digit).collect();
        assert!(digits.parse::<u64>().unwrap() <= most, "{name}: {reason}");
    }
}

#[test]
fn sixty_four_kilobytes_that_unpack_to_sixty_four_gigabytes_are_refused_early() {
    let inner = gigabytes();
    let twice = gzip(&inner);
    assert!(twice.len() < 200 << 10, "{}", twice.len());
    refused_early("gz.gz", &twice);
    refused_early("tar.gz", &gzip(&tar(&[("a.gz", b'0', &inner)])));
    refused_early("zip", &zip(&[("a.gz", &inner)]));
    refused_early("zip in tar.gz", &gzip(&tar(&[("a.zip", b'0', &zip(&[("a.gz", &inner)]))])));
    refused_early(
        "zst",
        &zstd::encode_all(&zstd::encode_all(std::io::repeat(0).take_exact(1 << 30), 1).unwrap()[..], 3).unwrap(),
    );
}

trait TakeExact: Sized {
    fn take_exact(self, n: u64) -> std::io::Take<Self>;
}

impl<R: std::io::Read> TakeExact for R {
    fn take_exact(self, n: u64) -> std::io::Take<Self> {
        self.take(n)
    }
}

#[test]
fn records_repeated_without_end_are_bounded_too() {
    let lines = format!("{EVENT}\n").repeat(20_000);
    let limits = Limits { floor: 1 << 20, ..Limits::default() };
    let all = read_bytes("x.zst", &zstd::encode_all(lines.as_bytes(), 19).unwrap(), limits);
    let bounded = all.events().count();
    assert!(all.warnings().contains("unpack-limit") && (1000..20_000).contains(&bounded), "{bounded}");
    // The reject says which limit, and where.
    assert!(all.rejects().iter().any(|r| r.reason.contains("unpacking stopped")), "{:?}", all.rejects());
}

#[test]
fn what_lies_before_a_bomb_is_read() {
    let member = tar(&[("audit.log", b'0', format!("{EVENT}\n").as_bytes()), ("bomb.gz", b'0', &gigabytes())]);
    let all = read_bytes("x.tar.gz", &gzip(&member), Limits::default());
    assert_eq!(all.events().count(), 1);
    assert!(all.warnings().contains("unpack-limit"));
}

#[test]
fn members_that_lead_outside_and_links_and_devices_are_refused_and_told() {
    let line = format!("{EVENT}\n");
    let file = line.as_bytes();
    let members = [
        ("../../etc/cron.d/x", b'0', file),
        ("a/../../x", b'0', file),
        ("link", b'2', &b""[..]),
        ("hard", b'1', b""),
        ("dev", b'3', b""),
        ("fifo", b'6', b""),
        ("folder/", b'5', b""),
        ("/var/log/audit.log", b'0', file),
        ("Audit.log", b'0', file),
        ("audit.log", b'0', file),
        ("audit.log", b'0', file),
    ];
    let all = read_bytes("x.tar", &tar(&members), Limits::default());
    assert_eq!(all.events().count(), 4);
    assert_eq!(all.sources.last().unwrap().refused.len(), 6, "{:?}", all.sources.last().unwrap().refused);
    assert!(all.warnings().contains("archive-member-refused"));
    let paths: Vec<&str> = all.sources.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(paths, ["x.tar/var/log/audit.log", "x.tar/Audit.log", "x.tar/audit.log", "x.tar/audit.log#2", "x.tar"]);
    let all = read_bytes("x.zip", &zip(&[("../x", file), ("audit.log", file)]), Limits::default());
    assert_eq!((all.events().count(), all.sources.last().unwrap().refused.len()), (1, 1));
}

#[test]
fn archives_lie_in_archives_once_and_no_deeper() {
    let line = format!("{EVENT}\n");
    let inner = zip(&[("audit.log.gz", &gzip(line.as_bytes()))]);
    let once = gzip(&tar(&[("m/inner.zip", b'0', &inner)]));
    let all = read_bytes("x.tar.gz", &once, Limits::default());
    assert_eq!(all.events().count(), 1);
    assert!(all.sources.iter().any(|s| s.path == "x.tar.gz/m/inner.zip/audit.log.gz"));
    let deeper = zip(&[("x.tar.gz", &once)]);
    let all = read_bytes("y.zip", &deeper, Limits::default());
    assert_eq!(all.events().count(), 0);
    assert!(all.warnings().contains("nested-too-deep"));
}

#[test]
fn a_cut_archive_gives_what_lies_before_the_cut() {
    let file = format!("{EVENT}\n").repeat(100);
    let whole = tar(&[("a.log", b'0', file.as_bytes()), ("b.log", b'0', file.as_bytes())]);
    let cut = &whole[..whole.len() - 2000];
    let all = read_bytes("x.tar", cut, Limits::default());
    assert!((150..200).contains(&all.events().count()), "{}", all.events().count());
    assert!(all.warnings().contains("archive-truncated"), "{:?}", all.warnings());
    let mut broken = whole.clone();
    broken[512 + file.len().next_multiple_of(512) - 512 + 3] ^= 0x55;
    let at = 512 + file.len().next_multiple_of(512);
    broken[at + 3] ^= 0x55;
    let all = read_bytes("x.tar", &broken, Limits::default());
    assert!(all.events().count() >= 99 && all.warnings().contains("archive-damaged"), "{:?}", all.warnings());
}

#[test]
fn a_line_of_two_hundred_mebibytes_is_read() {
    let pad = "x".repeat(200 << 20);
    let line = EVENT.replace("\"requestURI\":\"/\"", &format!("\"requestURI\":\"/{pad}\""));
    let text = format!("{EVENT}\n{line}\n{EVENT}\n");
    let limits = Limits::default();
    let all = read_bytes("audit.log", text.as_bytes(), limits);
    assert_eq!((all.events().count(), all.rejects().len()), (3, 0));
}

#[test]
fn json_nested_a_hundred_thousand_deep_is_a_reject() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let objects = "{\"a\":".repeat(100_000);
    let texts = [
        open.clone(),
        format!("{open}{close}"),
        objects.clone(),
        format!("{objects}1{}", "}".repeat(100_000)),
        EVENT.replace("\"verb\"", &format!("\"requestObject\":{open}{close},\"verb\"")),
        format!("{{\n\"kind\":\"List\",\"items\":\n{open}{close}\n}}"),
    ];
    for text in texts {
        let all = read_bytes("x", format!("{text}\n{EVENT}\n").as_bytes(), Limits::default());
        assert_eq!((all.events().count(), all.rejects().len()), (1, 1), "{:.60}", text);
    }
}

#[test]
fn zeros_byte_order_marks_and_bad_bytes_cost_nothing_but_their_line() {
    let mut text = b"\xef\xbb\xbf\r\n".to_vec();
    text.extend_from_slice(format!("{EVENT}\r\n").as_bytes());
    text.extend_from_slice(EVENT.replace("\"u\"", "\"u\u{1b}[2J\"").as_bytes());
    text.extend_from_slice(b"\n{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"\xff\"}\n");
    text.extend_from_slice(format!("{EVENT}\n").as_bytes());
    text.extend_from_slice(&[0; 4096]);
    let all = read_bytes("audit.log", &text, Limits::default());
    // A raw escape in a string is no JSON; the API server writes it as \u001b.
    assert_eq!((all.events().count(), all.rejects().len()), (2, 2), "{:?}", all.rejects());
}

#[test]
fn a_body_that_looks_like_a_record_is_none() {
    let fake = EVENT.replace("\"a\"", "\"fake\"");
    let event = EVENT.replace("\"verb\"", &format!("\"requestObject\":{{\"items\":[{fake}],\"events\":[{{\"message\":{:?},\"eventId\":\"1\",\"timestamp\":1}}]}},\"verb\"", fake));
    for text in
        [event.clone(), event[..event.len() - 40].to_owned(), event.replacen(":\"Metadata\"", ":\"Meta\u{1}", 1)]
    {
        let all = read_bytes("audit.log", format!("{text}\n{EVENT}\n").as_bytes(), Limits::default());
        assert!(all.events().all(|e| e.audit_id == "a"), "{text}");
    }
}

#[test]
fn an_event_with_a_key_twice_is_a_reject_and_not_nothing() {
    for twice in ["\"apiVersion\":\"audit.k8s.io/v1\"", "\"kind\":\"Event\"", "\"auditID\":\"b\"", "\"verb\":\"x\""] {
        let event = EVENT.replacen("\"level\"", &format!("{twice},\"level\""), 1);
        let quoted = serde_json::Value::from(event.as_str());
        let fluentd = format!("2026-11-24T00:41:03+00:00\ttag\t{{\"message\":{quoted}}}");
        for line in [event, fluentd] {
            let all = read_bytes("audit.log", format!("{line}\n{EVENT}\n").as_bytes(), Limits::default());
            assert_eq!((all.events().count(), all.rejects().len()), (1, 1), "{line}");
        }
    }
}

#[test]
fn a_reject_is_never_longer_than_its_source() {
    let text = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","logEvents":[1],"x":{"y":{"z":1}"#;
    for end in 60..text.len() {
        let cut = &text[..end];
        let all = read_bytes("audit.log", cut.as_bytes(), Limits::default());
        assert!(!all.rejects().is_empty(), "{cut}");
        for reject in all.rejects() {
            assert!(reject.offset + reject.length <= cut.len() as u64, "{cut}: {reject:?}");
        }
    }
}

#[test]
fn envelopes_in_envelopes_end() {
    let mut text = EVENT.to_owned();
    for _ in 0..8 {
        text = format!(
            "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"2026-11-24T00:41:02Z\"}}",
            serde_json::Value::from(text)
        );
    }
    let all = read_bytes("x.log", format!("{text}\n").as_bytes(), Limits::default());
    assert_eq!((all.events().count(), all.rejects().len()), (0, 1));
}

fn open_all(text: &[u8]) -> All {
    let mut all = read_bytes("a/audit_logs/kube-apiserver/n-audit.log", text, Limits::default());
    for batch in [
        Batch::Documents(text.to_vec()),
        Batch::Csv(text.to_vec()),
        Batch::Csv([b"@timestamp,@message\n", text].concat()),
        Batch::Csv([b"AuditId,RequestUri,ObjectRef,User,StageReceivedTime\n", text].concat()),
        Batch::Lines(Block { bytes: text.to_vec().into(), offset: 0, first_line: 1 }),
    ] {
        let mut found = formats_support::Found::default();
        open_batch(&batch, &Context::default(), &mut found);
        all.sources.push(found);
    }
    all
}

const WORDS: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\n",
    "\\",
    "null",
    "1",
    "\"kind\":\"Event\"",
    "\"apiVersion\":\"audit.k8s.io/v1\"",
    "\"items\":[",
    "\"events\":[",
    "\"message\":",
    "\"logEvents\":[",
    "\"records\":[",
    "\"category\":\"kube-audit\"",
    "\"properties\":{\"log\":",
    "\"_source\":{",
    "\"hits\":{\"hits\":[",
    "\"data\":{\"resultType\":\"streams\",\"result\":[",
    "\"values\":[[\"1795480862025568077\",",
    "\"result\":{\"_raw\":",
    "\"results\":[",
    "\"log\":",
    "\"stream\":\"stdout\"",
    "\"MESSAGE\":",
    "\"__REALTIME_TIMESTAMP\":\"1\"",
    "2026-11-24T00:41:02Z ",
    "stdout P ",
    "stdout F ",
    " AUDIT: id=\"a\" ",
    "uri=\"/\" ",
    "response=\"200\"",
    "time=\"2026-11-24T00:41:02Z\" level=info msg=x ",
    "\t",
    "\"protoPayload\":{\"@type\":\"google.cloud.audit.AuditLog\"",
    "\"auditID\":\"x\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        open_all(&bytes);
    }

    #[test]
    fn any_words_of_the_formats_are_read_without_panic(words in proptest::collection::vec(0..WORDS.len(), 0..40)) {
        let text: String = words.iter().map(|i| WORDS[*i]).collect();
        open_all(text.as_bytes());
        for wrap in [zstd::encode_all(text.as_bytes(), 1).unwrap(), tar(&[("a", b'0', text.as_bytes())])] {
            read_bytes("x", &wrap, Limits::default());
        }
    }
}
