//! Archives that unpack to more than any disk holds, names that lead elsewhere, lines and nesting without end:
//! through the binary, in memory that is bounded from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use common::{Case, Lab, Ran, event, finish};
use serde_json::{Value, json};

/// Address space of the command, in KiB: what its threads and tables reserve, and no room for an unpacked bomb.
const MEMORY_KIB: u64 = 6 << 20;

/// Imports in bounded memory.
fn import(case: &Case, path: &Path, flags: &[&str]) -> Ran {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {MEMORY_KIB}; exec \"$@\"")).arg("sh");
    command.arg(env!("CARGO_BIN_EXE_kubesleuth")).arg("import").arg(path).arg("--case").arg(&case.dir).args(flags);
    finish(&mut command)
}

fn line(id: &str) -> Vec<u8> {
    format!("{}\n", event(id, "u", "get", 1)).into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

fn zip(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        z.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method)).unwrap();
        z.write_all(bytes).unwrap();
    }
    z.finish().unwrap().into_inner()
}

/// One member of a tar archive by hand; `change` may spoil the header before its checksum is made.
fn tar_member(name: &[u8], kind: u8, content: &[u8], change: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    change(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = [&block, content].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    [members.concat(), vec![0; 1024]].concat()
}

/// Zstandard that says of 64 KiB that each four bytes are 128 KiB of one byte: 2 GiB.
fn zstd_of_runs(blocks: usize) -> Vec<u8> {
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3];
    for n in 0..blocks {
        let head = (131_072_u32 << 3) | (1 << 1) | u32::from(n + 1 == blocks);
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.push(b' ');
    }
    out
}

/// Gibibytes as 4096 gzip members, packed once more.
fn gzip_of_gzip(content: &[u8]) -> Vec<u8> {
    gzip(&gzip(content).repeat(4096))
}

/// 64 KiB and less that unpack to 1 GiB to 64 GiB.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let zeros = vec![0_u8; 16 << 20];
    let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    (0..16).for_each(|_| bz.write_all(&zeros).unwrap());
    let bz = bz.finish().unwrap().repeat(64);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    (0..16).for_each(|_| xz.write_all(&zeros).unwrap());
    let twice = gzip_of_gzip(&zeros);
    vec![
        ("zeros.gz", twice.clone()),
        ("runs.zst", zstd_of_runs(16_000)),
        ("zeros.bz2", bz),
        ("zeros.xz", xz.finish().unwrap()),
        ("zeros.zip", zip(&[("a.gz", &gzip(&zeros).repeat(4096))], zip::CompressionMethod::Deflated)),
        ("zeros.tar.gz", gzip(&tar(&[tar_member(b"a.gz", b'0', &gzip(&zeros).repeat(4096), |_| {})]))),
    ]
}

#[test]
fn a_bomb_is_refused_with_its_name_and_the_flag_and_costs_no_memory() {
    let lab = Lab::in_memory();
    for (name, bytes) in bombs() {
        assert!(bytes.len() < 200 << 10, "{name}: {}", bytes.len());
        // Alone, nothing is imported; beside evidence, the evidence is, and the bomb is a reject.
        let path = lab.write(&format!("{name}.d/{name}"), &bytes);
        import(&lab.case("none"), &path, &[]).refused(&[name, "unpacking stopped", "--max-ratio"]);
        lab.write(&format!("{name}.d/audit.log"), line("a"));
        let case = lab.case(&format!("{name}.case"));
        import(&case, &lab.path(&format!("{name}.d")), &[]).expect(0);
        let rows = case.sql("SELECT s.path AS path, r.reason AS reason FROM rejects AS r JOIN sources AS s ON r.source_id = s.source_id");
        assert!(!rows.is_empty(), "{name}");
        for row in rows {
            assert!(
                row["path"].as_str().unwrap().contains(name) && row["reason"].as_str().unwrap().contains("--max-ratio"),
                "{row}"
            );
        }
        assert_eq!(case.count("SELECT count(*) FROM events"), 1);
    }
}

#[test]
fn what_lies_before_a_bound_is_read_and_flags_move_the_bounds() {
    let lab = Lab::in_memory();
    let log: Vec<u8> = (0..40_000).flat_map(|n| line(&format!("id-{n}"))).collect();
    let path = lab.write("audit.log.gz", gzip(&log));
    let read = |name: &str, flags: &[&str]| {
        let case = lab.case(name);
        import(&case, &path, flags).expect(0);
        let reasons = case.sql("SELECT reason FROM rejects");
        let reasons: Vec<String> = reasons.iter().map(|r| r["reason"].as_str().unwrap().to_owned()).collect();
        (case.count("SELECT count(*) FROM events"), reasons.concat())
    };
    assert_eq!(read("all", &[]), (40_000, String::new()));
    let (events, why) = read("total", &["--max-decompressed", "2MiB"]);
    assert!((2000..39_000).contains(&events) && why.contains("--max-decompressed"), "{events} {why}");
    // Below 64 MiB the ratio is not judged, whatever it is.
    assert_eq!(read("ratio", &["--max-ratio", "1"]), (40_000, String::new()));
    let long = [line("a"), line(&"x".repeat(5000)), line("b")].concat();
    let path = lab.write("long.log", long);
    let case = lab.case("long");
    import(&case, &path, &["--max-line", "4KiB"]).expect(0);
    let rejects = case.sql("SELECT line, reason FROM rejects");
    assert_eq!((case.count("SELECT count(*) FROM events"), rejects.len(), &rejects[0]["line"]), (2, 1, &json!(2)));
    assert!(rejects[0]["reason"].as_str().unwrap().contains("--max-line"), "{rejects:?}");
    for (flag, value) in [("--max-line", "0"), ("--max-decompressed", "much"), ("--max-ratio", "-1")] {
        let ran = case.run(["import", path.to_str().unwrap(), &format!("{flag}={value}")]);
        ran.refused(&[flag]);
    }
}

#[test]
fn a_list_of_records_on_one_line_may_be_longer_than_lines_may() {
    let lab = Lab::in_memory();
    let records: Vec<String> =
        (0..40_000).map(|n| String::from_utf8(line(&format!("id-{n}"))).unwrap().trim_end().to_owned()).collect();
    let path = lab.write("list.json", format!("[{}]\n", records.join(",")));
    let case = lab.case("list");
    import(&case, &path, &["--max-line", "4MiB"]).expect(0);
    let places = case.sql("SELECT count(*) AS n, max(line) AS line, max(offset) AS offset FROM events");
    let last = 1 + records[..records.len() - 1].iter().map(|r| r.len() + 1).sum::<usize>();
    assert!(last > 8_000_000, "{last}");
    assert_eq!(places, [json!({"n": 40_000, "line": 1, "offset": last})]);
    assert_eq!(case.count("SELECT count(*) FROM rejects"), 0);
}

#[test]
fn memory_that_a_header_asks_for_is_not_given() {
    let lab = Lab::in_memory();
    let window = [&[0x28, 0xb5, 0x2f, 0xfd, 0, (31 - 10) << 3][..], &[1, 0, 0]].concat();
    import(&lab.case("zst"), &lab.write("w.zst", window), &[]).refused(&["w.zst", "memory", "zstd"]);
    let mut options = liblzma::stream::LzmaOptions::new_preset(1).unwrap();
    options.dict_size(1 << 30);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    // Made with a small dictionary, then told to be a large one would break its checksum; a real one it is.
    let stream = liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32);
    if let Ok(stream) = stream {
        let mut xz = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        xz.write_all(&line("a")).unwrap();
        let path = lab.write("d.xz", xz.finish().unwrap());
        import(&lab.case("xz"), &path, &[]).refused(&["d.xz", "memory", "xz"]);
    }
}

#[test]
fn every_odd_member_is_told_by_name_and_the_others_are_read() {
    let lab = Lab::in_memory();
    let log = line("in-tar");
    let size = |text: &'static [u8]| move |b: &mut [u8; 512]| b[124..124 + text.len()].copy_from_slice(text);
    let none = |_: &mut [u8; 512]| {};
    let pax = |records: &str| tar_member(b"pax", b'x', records.as_bytes(), none);
    let members = [
        tar_member(b"../../up", b'0', &log, none),
        tar_member(b"C:\\..\\up", b'0', &log, none),
        tar_member(b"sym", b'2', b"", none),
        tar_member(b"hard", b'1', b"", none),
        tar_member(b"char", b'3', b"", none),
        tar_member(b"block", b'4', b"", none),
        tar_member(b"fifo", b'6', b"", none),
        tar_member(b"sparse", b'S', &log, none),
        pax("22 GNU.sparse.major=1\n"),
        tar_member(b"GNUSparseFile.0/x", b'0', &log, none),
        pax("13 path=../p\n"),
        tar_member(b"plain", b'0', &log, none),
        // Read: an absolute path is a label, a second member of a name gets a number, a name may be no text.
        tar_member(b"/var/log/audit.log", b'0', &line("absolute"), none),
        tar_member(b"twice", b'0', &line("first"), none),
        tar_member(b"twice", b'0', &line("second"), none),
        tar_member(b"n\xff\x1b[31m", b'0', &line("bytes"), none),
        // A size below zero: the header is none, what follows is read all the same.
        tar_member(b"negative", b'0', &line("negative"), size(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
        tar_member(b"last", b'0', &line("last"), none),
        // A name of more than anyone has, then a size beyond the end.
        tar_member(b"long", b'L', &vec![b'n'; 2 << 20], none),
        tar_member(b"behind", b'0', &line("behind"), none),
        tar_member(b"huge", b'0', &line("huge"), size(b"77777777777\0")),
    ];
    let case = lab.case("tar");
    import(&case, &lab.write("x.tar", tar(&members)), &[]).expect(0);
    let told = case.sql("SELECT message FROM findings WHERE code = 'archive-member-refused'");
    let told: String = told.iter().map(|f| f["message"].as_str().unwrap().to_owned() + "\n").collect();
    for name in
        ["../../up", "C:\\..\\up", "sym", "hard", "char", "block", "fifo", "sparse", "GNUSparseFile.0/x", "../p"]
    {
        assert!(told.contains(&format!("`{name}`")), "{name} is not told:\n{told}");
    }
    let read = case.sql("SELECT audit_id FROM events ORDER BY audit_id");
    let read: Vec<&str> = read.iter().map(|r| r["audit_id"].as_str().unwrap()).collect();
    assert_eq!(read, ["absolute", "behind", "bytes", "first", "huge", "last", "negative", "second"]);
}

#[test]
fn zip_members_are_read_where_they_lie() {
    let lab = Lab::in_memory();
    let whole =
        zip(&[("a.log", &line("a")), ("b.log", &line("b")), ("c.log", &line("c"))], zip::CompressionMethod::Deflated);
    let find = |bytes: &[u8], what: &[u8]| memchr::memmem::find_iter(bytes, what).collect::<Vec<_>>();
    let (locals, listed) = (find(&whole, b"PK\x03\x04"), find(&whole, b"PK\x01\x02"));
    let changed = |changes: &[(usize, &[u8])]| {
        let mut bytes = whole.clone();
        changes.iter().for_each(|(at, new)| bytes[*at..*at + new.len()].copy_from_slice(new));
        bytes
    };
    let link = (0o120_777_u32 << 16).to_le_bytes();
    let offset = |n: usize| u32::try_from(locals[n]).unwrap().to_le_bytes();
    let cases: [(&str, Vec<u8>, &[&str], &str); 7] = [
        ("whole", whole.clone(), &["a", "b", "c"], ""),
        ("encrypted", changed(&[(locals[1] + 6, &[1, 0]), (listed[1] + 8, &[1, 0])]), &["a", "c"], "encrypted"),
        (
            "method",
            changed(&[(locals[1] + 8, &[12, 0]), (listed[1] + 10, &[12, 0])]),
            &["a", "c"],
            "compression method 12",
        ),
        ("link", changed(&[(listed[1] + 5, &[3]), (listed[1] + 38, &link)]), &["a", "b", "c"], "a link or device"),
        // All lines of the directory point at one member, as bombs do: each is read once, where it lies.
        ("overlap", changed(&[(listed[1] + 42, &offset(0)), (listed[2] + 42, &offset(0))]), &["a", "b", "c"], ""),
        ("two of a name", changed(&[(locals[1] + 30, b"a"), (listed[1] + 46, b"a")]), &["a", "b", "c"], ""),
        ("no directory", whole[..listed[0]].to_vec(), &["a", "b", "c"], "cut off"),
    ];
    for (name, bytes, wanted, told) in cases {
        let case = lab.case(name);
        import(&case, &lab.write(&format!("{name}.zip"), bytes), &[]).expect(0);
        let read = case.sql("SELECT audit_id FROM events ORDER BY audit_id");
        let read: Vec<&str> = read.iter().map(|r| r["audit_id"].as_str().unwrap()).collect();
        assert_eq!(read, wanted, "{name}");
        let text = |query: &str| case.sql(query).iter().map(Value::to_string).collect::<String>();
        let said = text("SELECT reason FROM rejects") + &text("SELECT message FROM findings");
        assert!(said.contains(told), "{name}: {said}");
        if told.is_empty() {
            assert_eq!(case.count("SELECT count(*) FROM rejects"), 0, "{name}: {said}");
        }
    }
    // A member of another name than its directory says is told.
    let case = lab.case("hidden");
    import(&case, &lab.write("hidden.zip", changed(&[(listed[1] + 46, b"x")])), &[]).expect(0);
    let reasons: String = case.sql("SELECT reason FROM rejects").iter().map(Value::to_string).collect();
    assert!(
        reasons.contains("not in its directory") && reasons.contains("b.log") && reasons.contains("x.log"),
        "{reasons}"
    );
    // What lies behind a member can still be shown.
    let shown = lab.case("whole").run(["show", "b"]).expect(0);
    assert_eq!(shown.out, line("b"));
}

#[test]
fn a_line_of_two_hundred_mebibytes_becomes_a_row_and_can_be_shown() {
    let lab = Lab::new();
    let mut long = event("long", "u", "create", 2);
    long["requestObject"] = json!({"kind": "Secret", "data": {"x": "y".repeat(200 << 20)}});
    let text = [line("before"), format!("{long}\n").into_bytes(), line("after")].concat();
    let path = lab.write("audit.log", &text);
    let case = lab.case("case");
    import(&case, &path, &[]).expect(0);
    let rows = case.sql("SELECT audit_id, length FROM events ORDER BY line");
    assert_eq!((rows.len(), rows[1]["length"].as_u64().unwrap() > 200 << 20), (3, true), "{rows:?}");
    assert_eq!(case.run(["show", "long"]).expect(0).out.len() as u64, 1 + rows[1]["length"].as_u64().unwrap());
}

/// JSON a hundred thousand deep, in every place that is read: the command says so and does not fall over.
#[test]
fn nesting_without_end_is_a_reject_wherever_it_lies() {
    let lab = Lab::in_memory();
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let deep = format!("{open}{close}");
    let event = String::from_utf8(line("deep"))
        .unwrap()
        .trim()
        .replace("\"verb\"", &format!("\"requestObject\":{deep},\"verb\""));
    let quoted = Value::from(event.clone()).to_string();
    let object = format!(
        "{{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{{\"name\":\"r\"}},\"rules\":{deep}}}"
    );
    let yaml = |value: &str| {
        format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: r\nrules: {value}\n")
    };
    let csv =
        |value: &str| format!("@timestamp,@message\n2026-11-24 00:41:02.025,\"{}\"\n", value.replace('"', "\"\""));
    let places = [
        ("native.log", format!("{event}\n")),
        (
            "cloudwatch.json",
            format!("{{\"events\":[{{\"timestamp\":1795480862025,\"message\":{quoted},\"eventId\":\"1\"}}]}}\n"),
        ),
        ("docker.log", format!("{{\"log\":{quoted},\"stream\":\"stdout\",\"time\":\"2026-11-24T00:41:02Z\"}}\n")),
        ("cri.log", format!("2026-11-24T00:41:02.026568944Z stdout F {event}\n")),
        (
            "aks.json",
            format!(
                "{{\"category\":\"kube-audit\",\"properties\":{{\"log\":{quoted}}},\"time\":\"2026-11-24T00:41:02Z\"}}\n"
            ),
        ),
        (
            "gke.json",
            format!(
                "{{\"protoPayload\":{{\"@type\":\"type.googleapis.com/google.cloud.audit.AuditLog\",\"request\":{deep}}}}}\n"
            ),
        ),
        ("insights.csv", csv(&event)),
        ("objects.json", format!("{object}\n")),
        ("pretty.json", format!("{{\n \"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": [\n{object}\n]}}\n")),
        ("objects.yaml", yaml(&deep)),
        ("block.yaml", yaml(&format!("\n{}", (0..3000).map(|n| format!("{}- \n", " ".repeat(n))).collect::<String>()))),
        ("open.json", open.clone()),
        ("braces.json", "{\"a\":".repeat(100_000)),
        (
            "list.json",
            format!("{{\"kind\":\"RoleList\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"items\":[{deep}]}}\n"),
        ),
    ];
    for (name, text) in places {
        lab.write(&format!("{name}.d/{name}"), &text);
        lab.write(&format!("{name}.d/z.log"), line("whole"));
        let case = lab.case(&format!("{name}.case"));
        import(&case, &lab.path(&format!("{name}.d")), &[]).expect(0);
        assert_eq!(case.count("SELECT count(*) FROM events WHERE audit_id = 'whole'"), 1, "{name}");
        let rejects = case.sql("SELECT reason FROM rejects");
        let skipped = case.count("SELECT count(*) FROM sources WHERE format = 'unrecognised'");
        assert!(!rejects.is_empty() || skipped > 0, "{name}: nothing tells of it");
        assert_eq!(case.count("SELECT count(*) FROM events WHERE audit_id = 'deep'"), 0, "{name}: {rejects:?}");
        for question in [vec!["findings"], vec!["coverage"], vec!["rights", "*"]] {
            let ran = case.run(&question);
            assert!(ran.code.is_some(), "{name} {question:?} fell over: {}", ran.err);
        }
    }
}
