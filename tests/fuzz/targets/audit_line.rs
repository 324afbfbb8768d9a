//! Lines of the native audit log.
#![no_main]
use kubesleuth_fuzz::formats::audit;
use kubesleuth_fuzz::judge::{self, MAX};

const HEAD: &[u8] = b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > MAX {
        return;
    }
    let _ = audit::parse(bytes);
    judge::lines(bytes);
    let line = [HEAD, bytes].concat();
    let whole = serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok();
    let judge = judge::lines(&line);
    // A line that is one whole JSON value is exactly one record, whatever it says.
    if whole && !bytes.contains(&b'\n') {
        assert_eq!(judge.records(), 1, "{:?}", String::from_utf8_lossy(&line));
    }
});
