//! Names of payload files: legible, but such that every file system and every BagIt tool can hold them.
//!
//! Bytes that are not UTF-8, characters that Windows forbids, control characters and the three characters that
//! RFC 8493 encodes in manifests (CR, LF, `%`) become `=HH`, so that a manifest needs no encoding of its own:
//! `sha256sum -c` and older BagIt tools do not undo it. Names that differ only by case, or not at all, get `~2`,
//! `~3`, ... The original name is never read back from the stored one: the collection record holds it whole.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::PAYLOAD;
use super::digest::Sha256Digest;

/// Longest part of a stored path in bytes; file systems take 255, and `.zst` and `~N` are still to come.
const MAX_PART: usize = 200;
/// Longest stored path in bytes. Systems take 1024 or more; the bag itself lies in some folder too.
const MAX_PATH: usize = 800;

/// A folder of the payload, to put files into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(String);

impl Folder {
    /// The payload's own folder.
    pub fn top() -> Self {
        Self(PAYLOAD.to_owned())
    }
}

/// Gives out stored paths, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Paths given out, in lower case.
    taken: HashSet<String>,
}

impl Names {
    /// A new folder; asked twice for the same name it gives two folders.
    pub(super) fn folder(&mut self, parent: &Folder, name: &[u8]) -> Folder {
        Folder(self.take(&parent.0, &portable(name), ""))
    }

    /// A new file; `extension` (with its dot) is added to the name.
    pub(super) fn file(&mut self, parent: &Folder, name: &[u8], extension: &str) -> String {
        let part = portable(name);
        let length = parent.0.len().saturating_add(part.len());
        if length <= MAX_PATH {
            return self.take(&parent.0, &part, extension);
        }
        let digest = Sha256Digest::of(format!("{}/{part}", parent.0).as_bytes()).to_string();
        self.take(&format!("{PAYLOAD}/long-paths"), digest.get(..32).unwrap_or(&digest), extension)
    }

    fn take(&mut self, parent: &str, part: &str, extension: &str) -> String {
        // The mark goes before the first dot, so that what follows still tells the kind of file.
        let dot = part.char_indices().find(|&(i, c)| i > 0 && c == '.').map_or(part.len(), |(i, _)| i);
        let (stem, rest) = part.split_at_checked(dot).unwrap_or((part, ""));
        let mut path = format!("{parent}/{part}{extension}");
        let mut n = 2_u64;
        while !self.taken.insert(path.to_lowercase()) {
            path = format!("{parent}/{stem}~{n}{rest}{extension}");
            n = n.saturating_add(1);
        }
        path
    }
}

/// One part of a path in a form that every file system can hold. Never empty, `.` or `..`, never with a `/`.
pub(super) fn portable(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_portable(c) { out.push(c) } else { escape(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes()) }
        }
        escape(&mut out, chunk.invalid());
    }
    // Windows drops a dot or blank at the end.
    if let Some(last) = out.pop() {
        if matches!(last, '.' | ' ') { escape(&mut out, &[last as u8]) } else { out.push(last) }
    }
    if is_device_name(&out) {
        let first = out.remove(0);
        let mut escaped = String::new();
        escape(&mut escaped, &[first as u8]);
        out.insert_str(0, &escaped);
    }
    if out.is_empty() {
        return "unnamed".to_owned();
    }
    shorten(out, name)
}

fn escape(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "={byte:02X}");
    }
}

fn is_portable(c: char) -> bool {
    match c {
        ' ' => true,
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' => false,
        // Marks that file systems and tools compose with the letter before, so that the name no longer matches.
        '\u{300}'..='\u{36f}' | '\u{1100}'..='\u{11ff}' | '\u{3099}' | '\u{309a}' => false,
        // Characters that are not seen, or that turn the text around.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => false,
        _ => !c.is_control() && !c.is_whitespace(),
    }
}

/// Names that Windows takes for devices, whatever the extension.
fn is_device_name(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered =
        |prefix: &str| stem.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// Cuts a part that is too long, and tells it apart by its digest from others that begin the same.
fn shorten(part: String, name: &[u8]) -> String {
    if part.len() <= MAX_PART {
        return part;
    }
    let digest = Sha256Digest::of(name).to_string();
    let room = part.floor_char_boundary(MAX_PART.saturating_sub(40));
    format!("{}~{}", part.get(..room).unwrap_or_default().trim_end(), digest.get(..32).unwrap_or(&digest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everyday_names_stay_as_they_are() {
        for name in
            ["audit.log", "date=2026-11-24", "kube-apiserver-audit_1 (copy).json", ".hidden", "отчёт.log", "$HOME"]
        {
            assert_eq!(portable(name.as_bytes()), name);
        }
    }

    #[test]
    fn odd_names_become_names_that_every_system_takes() {
        for (name, stored) in [
            (b"a\nb\r%.log".as_slice(), "a=0Ab=0D=25.log"),
            (b"\xff\xfe.log", "=FF=FE.log"),
            (b"C:\\x", "C=3A=5Cx"),
            (b"nul.txt", "=6Eul.txt"),
            (b"com1", "=63om1"),
            (b"ends. ", "ends.=20"),
            (b"..", ".=2E"),
            (b".", "=2E"),
            (b"", "unnamed"),
            ("e\u{301}".as_bytes(), "e=CC=81"),
            ("a\u{202e}gpj.exe".as_bytes(), "a=E2=80=AEgpj.exe"),
        ] {
            assert_eq!(portable(name), stored, "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_by_case_or_not_at_all_are_told_apart() {
        let mut names = Names::default();
        let top = Folder::top();
        assert_eq!(names.file(&top, b"audit.log.gz", ""), "data/audit.log.gz");
        assert_eq!(names.file(&top, b"Audit.log.gz", ""), "data/Audit~2.log.gz");
        assert_eq!(names.file(&top, b"audit.log", ".gz"), "data/audit~3.log.gz");
        assert_eq!(names.folder(&top, b".kube"), Folder("data/.kube".into()));
        assert_eq!(names.folder(&top, b".kube"), Folder("data/.kube~2".into()));
    }

    #[test]
    fn long_names_and_deep_paths_are_cut_and_stay_apart() {
        let mut names = Names::default();
        let (a, b) = (["x".repeat(250), "a".into()].concat(), ["x".repeat(250), "b".into()].concat());
        let (a, b) =
            (names.file(&Folder::top(), a.as_bytes(), ".zst"), names.file(&Folder::top(), b.as_bytes(), ".zst"));
        assert_ne!(a, b);
        assert!(a.len() < 220 && a.ends_with(".zst"));
        let mut deep = Folder::top();
        for _ in 0..100 {
            deep = names.folder(&deep, b"a-folder-name");
        }
        let file = names.file(&deep, b"audit.log", ".zst");
        assert!(file.starts_with("data/long-paths/") && file.len() < 60, "{file}");
    }

    proptest! {
        #[test]
        fn no_name_can_break_out_or_break_a_manifest(name in proptest::collection::vec(any::<u8>(), 0..300)) {
            let part = portable(&name);
            prop_assert!(!part.is_empty() && part != "." && part != ".." && part.len() <= MAX_PART);
            prop_assert!(!part.contains(['/', '\\', '%', '\r', '\n', '\0', ':']));
            prop_assert!(!part.ends_with([' ', '.']));
            prop_assert!(!is_device_name(&part));
        }
    }
}
