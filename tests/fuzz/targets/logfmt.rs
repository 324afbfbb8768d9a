//! The log of aws-iam-authenticator.
#![no_main]
use kubesleuth_fuzz::formats::authenticator;
use kubesleuth_fuzz::judge::{self, MAX};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX {
        return;
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(record) = authenticator::parse(text)
    {
        record.groups();
        record.is_about_access();
        for (key, _) in &record.fields {
            assert!(text.contains(key), "`{key}` is not in the line");
            let _ = record.get(key);
        }
    }
    judge::read(bytes, "authenticator.log");
    let line = [b"time=\"2026-11-24T00:41:02Z\" level=info msg=", bytes].concat();
    assert!(judge::lines(&line).records() > 0);
});
