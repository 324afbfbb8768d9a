//! The text log of Kubernetes before 1.12.
#![no_main]
use kubesleuth_fuzz::judge::{self, MAX};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX {
        return;
    }
    judge::read(bytes, "audit.log");
    let line = [b"2026-11-24T00:41:01.025568086Z AUDIT: ", bytes].concat();
    let judge = judge::lines(&line);
    assert!(judge.records() > 0);
});
