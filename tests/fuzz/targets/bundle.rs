//! A whole bundle as a tar file: opened, verified, every entry read.
#![no_main]
use std::io::{Read as _, Write as _};

use kubesleuth_fuzz::bundle::{Bundle, verify};
use kubesleuth_fuzz::model::progress::Silent;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if bytes.len() > 1 << 18 {
        return;
    }
    let folder = std::path::Path::new("/dev/shm");
    let mut file =
        if folder.is_dir() { tempfile::NamedTempFile::new_in(folder) } else { tempfile::NamedTempFile::new() }.unwrap();
    file.write_all(bytes).unwrap();
    let _ = Bundle::is_bundle(file.path());
    let verified = verify(file.path(), &Silent);
    if let Ok(bundle) = Bundle::open(file.path()) {
        for entry in bundle.entries() {
            let mut sink = std::io::sink();
            let _ = bundle.open_original(entry).map(|r| std::io::copy(&mut r.take(1 << 24), &mut sink));
        }
        if let Ok(v) = verified {
            assert!(v.is_whole() || !v.findings.is_empty(), "not whole, and nothing says why");
        }
    }
});
