//! Manifests: one line for each file, its digest and its path (RFC 8493 sections 2.1.3 and 2.2.1).
//!
//! We write the form that `sha256sum -c` reads: two spaces, LF, sorted by path. What others write is read more
//! widely: CR and CRLF, tabs, `*` before the path, `./`, upper-case digits.

use std::collections::BTreeMap;

use super::digest::{Algorithm, Sha256Digest};
use super::tags::{BagVersion, lines};

/// A manifest as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Digest in lower-case hexadecimal, by path. The first of two lines that name the same path counts.
    pub(super) files: BTreeMap<String, String>,
    /// What is wrong with its lines.
    pub(super) problems: Vec<LineProblem>,
}

/// A line of a manifest that cannot be taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineProblem {
    /// Not a digest and a path.
    Unreadable {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A path that an earlier line names.
    Duplicate {
        /// Counted from 1.
        line: usize,
        /// The path.
        path: String,
    },
    /// A path that leads out of the bag.
    Unsafe {
        /// Counted from 1.
        line: usize,
        /// The path.
        path: String,
    },
}

/// A manifest as it is written. `files` must be sorted by path.
pub(super) fn render<'a>(files: impl Iterator<Item = (&'a str, Sha256Digest)>) -> String {
    files.map(|(path, digest)| format!("{digest}  {}\n", encode_path(path))).collect()
}

/// A manifest in the form we write, from what was read: for telling a touched one from ours.
pub(super) fn render_canonical(manifest: &Manifest) -> String {
    manifest.files.iter().map(|(path, digest)| format!("{digest}  {}\n", encode_path(path))).collect()
}

/// Reads a manifest.
pub(super) fn parse(bytes: &[u8], algorithm: Algorithm, version: BagVersion) -> Manifest {
    let mut manifest = Manifest::default();
    for (line, text) in lines(bytes) {
        match parse_line(text, algorithm, version) {
            Ok((_, path)) if !is_safe(&path) => manifest.problems.push(LineProblem::Unsafe { line, path }),
            Ok((_, path)) if manifest.files.contains_key(&path) => {
                manifest.problems.push(LineProblem::Duplicate { line, path });
            }
            Ok((digest, path)) => {
                manifest.files.insert(path, digest);
            }
            Err(why) => manifest.problems.push(LineProblem::Unreadable { line, why }),
        }
    }
    manifest
}

fn parse_line(bytes: &[u8], algorithm: Algorithm, version: BagVersion) -> Result<(String, String), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the line is not UTF-8".to_owned())?;
    let (digest, rest) = text.split_once([' ', '\t']).ok_or("expected a digest, blanks and a path, found no blank")?;
    let hex = digest.len() == algorithm.hex_len() && digest.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex {
        return Err(format!("expected {} hexadecimal digits, found `{digest}`", algorithm.hex_len()));
    }
    let path = rest.trim_start_matches([' ', '\t']);
    let path = path.strip_prefix('*').unwrap_or(path);
    let mut path = path;
    while let Some(shorter) = path.strip_prefix("./") {
        path = shorter;
    }
    if path.is_empty() {
        return Err("expected a path after the digest, found none".to_owned());
    }
    Ok((digest.to_ascii_lowercase(), decode_path(path, version)))
}

/// Whether a path of a manifest stays inside the bag. RFC 8493 section 5.1.
pub(super) fn is_safe(path: &str) -> bool {
    !path.starts_with(['/', '~'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains('\0')
}

/// CR, LF and `%` written as RFC 8493 section 2.1.3 demands.
fn encode_path(path: &str) -> String {
    path.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The path meant. Before version 1.0 only line breaks were encoded and `%25` meant itself.
fn decode_path(path: &str, version: BagVersion) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let meant = match after.get(..2).map(str::to_ascii_uppercase).as_deref() {
            Some("0D") => Some('\r'),
            Some("0A") => Some('\n'),
            Some("25") if version >= BagVersion::V1 => Some('%'),
            _ => None,
        };
        out.push(meant.unwrap_or('%'));
        rest = if meant.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(text: &str) -> Manifest {
        parse(text.as_bytes(), Algorithm::Sha256, BagVersion::V1)
    }

    #[test]
    fn what_other_tools_write_is_read() {
        let upper = DIGEST.to_uppercase();
        let manifest =
            read(&format!("{DIGEST} data/a\r\n{upper}\t*data/b c\r{DIGEST}   ./data/d%0Ae%250A\n\n{DIGEST}  data/%41"));
        assert_eq!(manifest.problems, []);
        let paths: Vec<&str> = manifest.files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["data/%41", "data/a", "data/b c", "data/d\ne%0A"]);
        assert!(manifest.files.values().all(|digest| digest == DIGEST));
    }

    #[test]
    fn before_version_1_a_percent_sign_meant_itself() {
        let old = BagVersion { major: 0, minor: 97 };
        let manifest = parse(format!("{DIGEST} data/100%25%0d").as_bytes(), Algorithm::Sha256, old);
        assert_eq!(manifest.files.keys().collect::<Vec<_>>(), ["data/100%25\r"]);
    }

    #[test]
    fn bad_lines_are_told_with_their_number_and_the_others_are_read() {
        let manifest = read(&format!(
            "{DIGEST}  data/a\nnonsense\nabc  data/b\n{DIGEST}  \n{DIGEST}  data/a\n{DIGEST}  data/../x\n{DIGEST}  /etc/passwd\n"
        ));
        assert_eq!(manifest.files.len(), 1);
        let lines: Vec<usize> = manifest
            .problems
            .iter()
            .map(|p| match p {
                LineProblem::Unreadable { line, .. }
                | LineProblem::Duplicate { line, .. }
                | LineProblem::Unsafe { line, .. } => *line,
            })
            .collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
        assert!(matches!(&manifest.problems[3], LineProblem::Duplicate { path, .. } if path == "data/a"));
    }

    proptest! {
        #[test]
        fn any_path_survives_being_written_and_read(name in "[^/\0\t ~]([^/\0]{0,20}[^/\0\t ])?") {
            prop_assume!(name != "." && name != "..");
            let path = format!("data/{name}");
            let text = render([(path.as_str(), Sha256Digest::of(b"abc"))].into_iter());
            let manifest = read(&text);
            prop_assert_eq!(&render_canonical(&manifest), &text);
            prop_assert_eq!(manifest.problems, []);
            prop_assert_eq!(manifest.files.into_keys().collect::<Vec<_>>(), [path]);
        }
    }
}
