//! Signatures and lists of allowed signers, held against the real ssh-keygen.

use std::fs;

use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

use crate::common::{self, Lab};
use crate::support::{
    NAMESPACE, SIG, Signed, TAGS, evidence, files_of, kubesleuth, make_key, public, ssh_accepts, ssh_keygen, ssh_sign,
    verify, verify_alone,
};

/// One P-521 key in two has a secret number that begins with zeros: several, so that both are met.
const KINDS: [&str; 12] = [
    "ed25519",
    "rsa:2048",
    "rsa:4096",
    // Longer than the library below takes by itself; 8192 would take ssh-keygen a minute.
    "rsa:4608",
    "ecdsa:256",
    "ecdsa:384",
    "ecdsa:521",
    "ecdsa:521",
    "ecdsa:521",
    "ecdsa:521",
    "ecdsa:521",
    "ecdsa:521",
];

#[test]
fn ssh_keygen_accepts_what_we_sign_and_we_accept_what_it_signs() {
    let lab = Lab::new();
    let input = evidence(&lab);
    for (i, kind) in KINDS.iter().enumerate() {
        let name = format!("{}-{i}", kind.replace(':', "-"));
        // Every second one is protected.
        let key = make_key(&lab, &name, kind, if i % 2 == 0 { "" } else { "secret" });
        let plain = lab.path(&format!("{name}-plain"));
        fs::copy(&key, &plain).unwrap();
        ssh_keygen(&["-q", "-p", "-P", "secret", "-N", "", "-f", plain.to_str().unwrap()], b"");
        let allowed = lab.write("allowed", format!("{name}@example.com {}\n", public(&key)));
        let who = format!("{name}@example.com");
        for suffix in ["", ".tar"] {
            let bundle = lab.path(&format!("bag-{name}{suffix}"));
            let mut command = common::command();
            command.args(["collect", "files"]).arg(&input).arg("--out").arg(&bundle).arg("--sign-key").arg(&key);
            let ran = common::finish(command.env("KUBESLEUTH_KEY_PASSPHRASE", "secret")).expect(0);
            assert!(ran.err.contains("signed by SHA256:"), "{}", ran.err);
            let mut files = files_of(&bundle);
            let signature = lab.write("sig", &files[SIG]);
            assert!(ssh_accepts(&allowed, &who, &signature, &files[TAGS], &[]), "{kind}: ssh-keygen refuses ours");
            let good = verify(&bundle, &allowed, &["--signer", &who]);
            good.is_good(kind);
            assert_eq!(good.json["question"]["accepted"], json!([who]));
            // RSA signs with SHA-512: the signature names it.
            if kind.starts_with("rsa") && suffix.is_empty() {
                let text = String::from_utf8(files[SIG].clone()).unwrap();
                let blob: String = text.lines().filter(|l| !l.starts_with('-')).collect();
                assert!(decode(&blob).windows(12).any(|w| w == b"rsa-sha2-512"), "{kind}");
            }
            // The other way.
            files.insert(SIG.into(), ssh_sign(&plain, NAMESPACE, &files[TAGS]));
            crate::support::put(&bundle, &files);
            verify(&bundle, &allowed, &[]).is_good(&format!("{kind} signed by ssh-keygen"));
            // The log tells of who signed.
            fs::remove_file(lab.path(&format!("bag-{name}{suffix}.custody.jsonl"))).unwrap();
            kubesleuth(&[&"copy", &bundle, &lab.path("copy")]).expect(0);
            let copy = verify(&lab.path("copy"), &allowed, &[]);
            copy.is_good("a copy of what ssh-keygen signed");
            assert_eq!(copy.of("custody-not-recorded").len(), 1, "{copy:?}");
            for left in ["copy", "copy.custody.jsonl"] {
                let left = lab.path(left);
                if left.is_dir() { fs::remove_dir_all(left).unwrap() } else { fs::remove_file(left).unwrap() }
            }
        }
    }
}

/// Base64 without line breaks.
fn decode(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values: Vec<u32> =
        text.bytes().filter(|b| *b != b'=').map(|b| digits.iter().position(|d| *d == b).unwrap() as u32).collect();
    let group = |c: &[u32]| {
        let n = c.iter().fold(0, |n, v| n << 6 | v) << (6 * (4 - c.len()));
        n.to_be_bytes()[1..c.len()].to_vec()
    };
    values.chunks(4).flat_map(group).collect()
}

#[test]
fn a_protected_key_needs_its_passphrase_and_is_asked_for_before_anything_is_collected() {
    let lab = Lab::new();
    let input = evidence(&lab);
    let key = make_key(&lab, "key", "ed25519", "open sésame");
    let passphrase = lab.write("passphrase", "open sésame\n");
    let wrong = lab.write("wrong", "open sesame\n");
    let (bag, dsa) =
        (lab.path("bag"), lab.write("pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"));
    let collect = |key: &std::path::Path| {
        let mut command = common::command();
        command.args(["collect", "files"]).arg(&input).arg("--out").arg(&bag).arg("--sign-key").arg(key);
        command.env_remove("KUBESLEUTH_KEY_PASSPHRASE");
        command
    };
    common::finish(&mut collect(&key)).refused(&["protected by a passphrase", "KUBESLEUTH_KEY_PASSPHRASE"]);
    common::finish(collect(&key).env("KUBESLEUTH_KEY_PASSPHRASE", "no")).refused(&["passphrase given is not that"]);
    common::finish(collect(&key).arg("--sign-key-passphrase-file").arg(&wrong)).refused(&["passphrase given is not"]);
    common::finish(collect(&key).arg("--sign-key-passphrase-file").arg(lab.path("none")))
        .refused(&["cannot read", "none"]);
    common::finish(&mut collect(&key.with_extension("pub"))).refused(&["it is a public key"]);
    common::finish(&mut collect(&dsa)).refused(&["another format", "ssh-keygen -p"]);
    common::finish(&mut collect(&passphrase)).refused(&["not a private key"]);
    common::finish(&mut collect(&lab.path("none"))).refused(&["cannot read the key"]);
    let old = lab.path("old");
    let made =
        ssh_keygen(&["-q", "-t", "ed25519", "-Z", "3des-cbc", "-N", "open sésame", "-f", old.to_str().unwrap()], b"");
    if made.status.success() {
        common::finish(collect(&old).env("KUBESLEUTH_KEY_PASSPHRASE", "open sésame"))
            .refused(&["3DES", "ssh-keygen -p"]);
    }
    assert!(!bag.exists() && !lab.path("bag.custody.jsonl").exists(), "nothing was collected");
    common::finish(collect(&key).env("KUBESLEUTH_KEY_PASSPHRASE", "open sésame")).expect(0);
    let other = lab.path("other.tar");
    let mut command = common::command();
    command.args(["collect", "files"]).arg(&input).arg("--out").arg(&other).arg("--sign-key").arg(&key);
    let ran = common::finish(command.arg("--sign-key-passphrase-file").arg(&passphrase)).expect(0);
    for (name, bytes) in
        common::tree(lab.dir.path()).iter().filter(|(n, _)| n.starts_with("bag") || n.starts_with("other"))
    {
        let secret = bytes.windows(12).any(|w| w == "open sésame".as_bytes());
        assert!(!secret, "the passphrase is in {name}");
    }
    assert!(!ran.err.contains("sésame"), "{}", ran.err);
    let allowed = lab.write("allowed", format!("k {}\n", public(&key)));
    for bundle in [&bag, &other] {
        verify(bundle, &allowed, &[]).is_good("signed with a protected key");
    }
}

/// Every line is given to ssh-keygen as well; both must say the same.
#[test]
fn lists_of_allowed_signers_mean_what_they_mean_to_ssh_keygen() {
    let s = Signed::new("bag");
    let (key, other) = (public(&s.alice), public(&s.mallory));
    let files = files_of(&s.bundle);
    let signature = s.lab.write("sig", &files[SIG]);
    let lists = [
        format!("alice {key}"),
        format!("alice {other}"),
        format!("bob {key}"),
        format!("bob,alice {key} a comment"),
        format!("  \talice\t{key}\r"),
        format!("# alice {key}"),
        format!("al?ce {key}"),
        format!("a* {key}"),
        format!("*,!alice {key}"),
        format!("!alice,* {key}"),
        format!("ALICE {key}"),
        format!("\"alice\" {key}"),
        format!("\"alice smith,alice\" {key}"),
        format!("alice namespaces=\"file\" {key}"),
        format!("alice namespaces=\"{NAMESPACE}\" {key}"),
        format!("alice namespaces=\"file,kubesleuth-*\" {key}"),
        format!("alice namespaces=\"*,!kubesleuth-*\" {key}"),
        format!("alice NameSpaces=\"KUBESLEUTH-BUNDLE\" {key}"),
        format!("alice namespaces=\"\" {key}"),
        format!("alice namespaces={NAMESPACE} {key}"),
        format!("alice namespaces=\"file\" {key}\nalice {key}"),
        format!("alice valid-after=\"20200101\" {key}"),
        format!("alice valid-after=\"20400101\" {key}"),
        format!("alice valid-before=\"20200101\" {key}"),
        format!("alice valid-before=\"20400101\" {key}"),
        format!("alice valid-after=20200101 {key}"),
        format!("alice valid-after=\"202611240000\",valid-before=\"20261125000000Z\" {key}"),
        format!("alice valid-after=\"20261124120000Z\" {key}"),
        format!("alice valid-after=\"20261124120001Z\" {key}"),
        format!("alice valid-before=\"20261124115959Z\" {key}"),
        format!("alice valid-before=\"202611241200utc\" {key}"),
        format!("alice valid-after=\"20261124205959\" {key}"),
        format!("alice valid-after=\"20261124210001\" {key}"),
        format!("alice valid-before=\"20261124205959\" {key}"),
        format!("alice valid-after=\"20300101\",valid-before=\"20200101\" {key}"),
        format!("alice valid-after=\"2026\" {key}"),
        format!("alice no-such-option {key}"),
        format!("alice no-such-option {key}\nalice {key}"),
        format!("nonsense\n\nalice {key}"),
        format!("alice namespaces=\"a\",namespaces=\"{NAMESPACE}\" {key}"),
        format!("alice namespaces=\"{NAMESPACE}\", {key}"),
        format!("alice namespaces=\"{NAMESPACE}\"x {key}"),
        format!("alice cert-authority {key}"),
        "alice".to_owned(),
        String::new(),
    ];
    // Nine hours east of Greenwich, where noon UTC is 21:00.
    let zone = ("TZ", "Asia/Tokyo");
    let mut accepted = 0;
    for list in &lists {
        let allowed = s.lab.write("list", format!("{list}\n"));
        let text = |p: &std::path::Path| p.to_str().unwrap().to_owned();
        let theirs = std::process::Command::new("ssh-keygen")
            .args(["-Y", "verify", "-I", "alice", "-n", NAMESPACE, "-O", "verify-time=20261124120000Z"])
            .args(["-f", &text(&allowed), "-s", &text(&signature)])
            .env(zone.0, zone.1)
            .stdin(fs::File::open(s.bundle.join(TAGS)).unwrap())
            .output()
            .unwrap();
        let mut ours = common::command();
        ours.arg("verify").arg(&s.bundle).arg("--allowed-signers").arg(&allowed).env(zone.0, zone.1);
        ours.args(["--signer", "alice", "--verify-time", "2026-11-24T12:00:00.4Z", "-q", "-o", "json"]);
        let ours = common::finish(&mut ours);
        assert_eq!(
            theirs.status.success(),
            ours.code == Some(0),
            "`{list}`: ssh-keygen: {}; ours: {}",
            String::from_utf8_lossy(&theirs.stderr),
            ours.text()
        );
        accepted += usize::from(theirs.status.success());
    }
    assert!((15..lists.len() - 15).contains(&accepted), "{accepted} of {} lists", lists.len());
}

#[test]
fn what_is_asked_of_signers_is_answered_with_the_reason() {
    let s = Signed::new("bag");
    let (key, other) = (public(&s.alice), public(&s.mallory));
    let with = |list: String, flags: &[&str]| verify(&s.bundle, &s.lab.write("list", list), flags);
    with(format!("a {other}\n"), &[]).must("signer-not-allowed", SIG, &[], "another's key");
    with(String::new(), &[]).must("signer-not-allowed", SIG, &[], "an empty list");
    with(format!("a namespaces=\"file\" {key}\n"), &[]).must("signer-namespace-not-allowed", SIG, &[], "namespace");
    let late = with(format!("a {other}\nb valid-before=\"20200101Z\" {key}\n"), &[]);
    late.must("signer-key-not-valid", SIG, &[], "expired");
    assert!(late.of("signer-key-not-valid")[0].contains("line 2 of "), "{late:?}");
    // The bundle was sealed before: the key counts from the day it became valid.
    with(format!("a valid-after=\"20990101Z\" {key}\n"), &[]).must("signer-key-not-valid", SIG, &[], "too early");
    with(format!("a valid-after=\"20990101Z\" {key}\n"), &["--verify-time", "2099-01-02"]).is_good("at another time");
    with(format!("a {key}\n"), &["--signer", "b"]).must("signer-missing", "b", &[], "--signer");
    with(format!("a {key}\n"), &["--signer", "a", "--signer", "b"]).must("signer-missing", "b", &[], "two signers");
    let ca = with(format!("a cert-authority {key}\n"), &[]);
    ca.must("signer-not-allowed", SIG, &[], "a certificate authority");
    assert!(ca.of("allowed-signers-line")[0].contains("certificate authorities are not supported"), "{ca:?}");
    kubesleuth(&[&"verify", &s.bundle, &"--allowed-signers", &s.lab.path("none")]).refused(&["cannot read", "none"]);
    kubesleuth(&[&"verify", &s.bundle, &"--signer", &"a"]).refused(&["--allowed-signers"]);
    // Without a list the key is told and nothing is demanded.
    let alone = verify_alone(&s.bundle);
    alone.is_good("without a list");
    assert!(alone.of("signed")[0].contains("not checked against allowed signers"), "{alone:?}");
    let fingerprint = alone.json["question"]["signed_by"][0].as_str().unwrap();
    assert!(alone.of("signed")[0].contains(fingerprint) && fingerprint.starts_with("SHA256:"));
}

#[test]
fn further_people_sign_beside_the_sealed_bundle() {
    let lab = Lab::new();
    let input = evidence(&lab);
    let (a, b, c) =
        (make_key(&lab, "a", "ed25519", ""), make_key(&lab, "b", "rsa:2048", ""), make_key(&lab, "c", "ed25519", ""));
    let allowed = lab.write("allowed", format!("a@x {}\nb@x {}\n", public(&a), public(&b)));
    for name in ["bag", "bag.tar"] {
        let bundle = lab.path(name);
        kubesleuth(&[&"collect", &"files", &input, &"--out", &bundle]).expect(0);
        let before = files_of(&bundle);
        verify(&bundle, &allowed, &[]).must("unsigned", SIG, &[], "not signed yet");
        verify_alone(&bundle).is_good("not signed, not asked");
        for key in [&a, &b, &c] {
            kubesleuth(&[&"sign", &bundle, &"--key", key]).expect(0);
        }
        kubesleuth(&[&"sign", &bundle, &"--key", &a]).refused(&["signed it before"]);
        assert_eq!(files_of(&bundle), before, "the sealed bundle was written");
        let both = verify(&bundle, &allowed, &["--signer", "a@x", "--signer", "b@x"]);
        both.is_good("both signed");
        // A signature that nobody asked for takes nothing away.
        assert_eq!(both.of("signer-not-allowed").len(), 1, "{both:?}");
        let signatures: Vec<_> = common::names_in(lab.dir.path())
            .into_iter()
            .filter(|n| n.starts_with(&format!("{name}.signed-")))
            .collect();
        assert_eq!(signatures.len(), 3, "{signatures:?}");
        let accepted =
            |who| signatures.iter().filter(|f| ssh_accepts(&allowed, who, &lab.path(f), &before[TAGS], &[])).count();
        assert_eq!((accepted("a@x"), accepted("b@x")), (1, 1));
        // One of them changed or gone is seen.
        let of_b = signatures.iter().find(|f| ssh_accepts(&allowed, "b@x", &lab.path(f), &before[TAGS], &[])).unwrap();
        let bytes = fs::read(lab.path(of_b)).unwrap();
        fs::write(lab.path(of_b), ssh_sign(&b, NAMESPACE, b"something else")).unwrap();
        let path = lab.path(of_b).display().to_string();
        verify(&bundle, &allowed, &[]).must("signature-mismatch", &path, &["signature-missing"], "of something else");
        fs::remove_file(lab.path(of_b)).unwrap();
        let gone = verify(&bundle, &allowed, &[]);
        assert_eq!(gone.wrong(), ["signature-missing"], "the custody log tells of it: {gone:?}");
        fs::write(lab.path(of_b), bytes).unwrap();
        verify(&bundle, &allowed, &[]).is_good("put back");
    }
    // A damaged bundle is not signed.
    fs::write(lab.path("bag/data/new"), "x").unwrap();
    let d = make_key(&lab, "d", "ed25519", "");
    kubesleuth(&[&"sign", &lab.path("bag"), &"--key", &d]).refused(&[
        "was not signed",
        "not whole",
        "kubesleuth verify",
    ]);
}

/// A folder of bundles is imported without taking their logs and signatures for evidence.
#[test]
fn what_lies_beside_a_bundle_is_no_evidence() {
    let lab = Lab::new();
    let key = make_key(&lab, "key", "ed25519", "");
    let input = evidence(&lab);
    fs::create_dir(lab.path("shelf")).unwrap();
    kubesleuth(&[&"collect", &"files", &input.join("audit.log"), &"--out", &lab.path("shelf/bag.tar")]).expect(0);
    kubesleuth(&[&"sign", &lab.path("shelf/bag.tar"), &"--key", &key]).expect(0);
    assert_eq!(common::names_in(&lab.path("shelf")).len(), 3);
    let case = lab.case("case");
    let ran = case.import([lab.path("shelf")], &[]);
    assert!(!ran.err.contains("not evidence"), "{}", ran.err);
    assert_eq!(case.sources().len(), 1);
}

/// A bag that another tool made, in the form of an old draft, which lets one manifest list what another does not.
#[test]
fn a_signature_of_another_tools_bag_covers_what_its_tag_manifest_leads_to_and_no_more() {
    let lab = Lab::new();
    let key = make_key(&lab, "key", "ed25519", "");
    let allowed = lab.write("allowed", format!("k {}\n", public(&key)));
    let bag = lab.path("bag");
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let sha256 = |text: &str| hex(&Sha256::digest(text));
    let sha512 = |text: &str| hex(&Sha512::digest(text));
    let log = common::lines([common::event("a", "alice", "get", 1)]);
    let manifest = format!("{}  data/audit.log\n", sha256(&log));
    let tags = format!("{}  manifest-sha256.txt\n", sha256(&manifest));
    let declaration = "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n";
    for (name, text) in [
        ("bagit.txt", declaration),
        ("data/audit.log", &log),
        ("manifest-sha256.txt", &manifest),
        (TAGS, &tags),
        ("tagmanifest-sha512.txt", &format!("{}  manifest-sha256.txt\n", sha512(&manifest))),
    ] {
        lab.write(&format!("bag/{name}"), text);
    }
    kubesleuth(&[&"sign", &bag, &"--key", &key]).expect(0);
    let good = verify(&bag, &allowed, &["--signer", "k"]);
    good.is_good("a bag of another tool");
    assert!(good.of("extra-file")[0].contains("bagit.txt"), "nothing protects it: {good:?}");
    // Files added with manifests of their own, which lists them: whole by the rules of BagIt.
    let more = format!("{}  data/planted.log\n{}  data/audit.log\n", sha512("planted"), sha512(&log));
    lab.write("bag/data/planted.log", "planted");
    lab.write("bag/manifest-sha512.txt", &more);
    lab.write(
        "bag/tagmanifest-sha512.txt",
        format!("{}  manifest-sha256.txt\n{}  manifest-sha512.txt\n", sha512(&manifest), sha512(&more)),
    );
    let planted = verify(&bag, &allowed, &[]);
    planted.must("not-signed", "data/planted.log", &[], "planted");
    planted.must("not-signed", "manifest-sha512.txt", &[], "planted");
    // A key that is valid for some time only, and a bag that does not say when it was sealed.
    let timed = lab.write("timed", format!("k valid-after=\"20200101Z\" {}\n", public(&key)));
    for added in ["data/planted.log", "manifest-sha512.txt", "tagmanifest-sha512.txt"] {
        fs::remove_file(bag.join(added)).unwrap();
    }
    let file = common::names_in(lab.dir.path()).into_iter().find(|n| n.contains(".signed-")).unwrap();
    let file = lab.path(&file).display().to_string();
    verify(&bag, &timed, &[]).must("signer-key-not-valid", &file, &[], "when?");
    verify(&bag, &timed, &["--verify-time", "2026-01-01"]).is_good("then");
    // Without a list of its own kind there is nothing to sign.
    fs::rename(bag.join(TAGS), bag.join("tagmanifest-md5.txt")).unwrap();
    let other = make_key(&lab, "other", "ed25519", "");
    kubesleuth(&[&"sign", &bag, &"--key", &other]).refused(&["not"]);
}
