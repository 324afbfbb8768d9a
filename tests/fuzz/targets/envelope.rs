//! Any file: recognised, cut, joined, and opened by whatever envelope it seems to be. Lists that are taken apart
//! while they are read hold what the whole document does.
#![no_main]
use kubesleuth_fuzz::judge::{self, MAX};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() <= MAX {
        let whole = judge::read(bytes, "x.log");
        let apart = judge::read_apart(bytes, "x.log");
        if whole.rejects + apart.rejects == 0 {
            assert_eq!((apart.events, apart.skipped, apart.others), (whole.events, whole.skipped, whole.others));
        }
        judge::read(bytes, "a/audit_logs/kube-apiserver/n-audit.log");
    }
});
