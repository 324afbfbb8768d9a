//! Tells lines that were split, by their first bytes.

use super::super::cri;
use super::super::fields::{Fields, text};
use super::super::legacy_text::Half;
use super::super::recognise::BOM;
use super::super::spot::offset_in;

/// What lines a format splits look like, told by the first bytes.
pub(super) enum Kind<'l> {
    Plain,
    /// A part of a CRI line, or a whole line of a stream.
    Cri(cri::Line<'l>),
    /// A Docker or Fluent Bit line: its stream, the place of the literal, whether more follows.
    Docker {
        stream: String,
        literal: (usize, usize),
        partial: bool,
    },
    Half(Half<'l>),
}

/// Looks at the start of a line. `looking`: parts wait, so lines that may continue them matter.
pub(super) fn kind(line: &[u8], looking: bool) -> Kind<'_> {
    // Places in Docker's lines are counted from their start, and these never begin with a mark.
    let line = line.strip_prefix(BOM).filter(|l| !l.starts_with(b"{")).unwrap_or(line);
    match line.first() {
        Some(b'{') => docker_kind(line, looking).unwrap_or(Kind::Plain),
        Some(b'0'..=b'9') => {
            let Ok(text) = std::str::from_utf8(line) else { return Kind::Plain };
            if let Some(parsed) = cri::Line::of(text) {
                return if parsed.partial || looking { Kind::Cri(parsed) } else { Kind::Plain };
            }
            Half::of(text).map_or(Kind::Plain, Kind::Half)
        }
        _ => Kind::Plain,
    }
}

fn docker_kind(line: &[u8], looking: bool) -> Option<Kind<'_>> {
    let docker = line.starts_with(b"{\"log\":\"");
    let marked = !line.starts_with(b"{\"kind\"") && memchr::memmem::find(line, b"\"_p\":\"P\"").is_some();
    if !marked && !looking && (!docker || ends_with_newline(line)) {
        return None;
    }
    let fields = Fields::of(std::str::from_utf8(line).ok()?).ok()?;
    let log = fields.get("log")?;
    let content = text(log)?;
    let flag = fields.text("_p");
    let partial = match flag.as_deref() {
        Some(flag) => flag == "P",
        None => {
            docker && !content.ends_with('\n') && content.starts_with('{') && !is_whole(&content)
                || docker && looking && !content.ends_with('\n')
        }
    };
    let pod = fields.object("kubernetes").and_then(|k| k.text("pod_name"));
    let stream =
        format!("{} {}", fields.text("stream").as_deref().unwrap_or_default(), pod.as_deref().unwrap_or_default());
    let start = offset_in(std::str::from_utf8(line).ok()?, log.get()) + 1;
    (partial || looking).then_some(Kind::Docker {
        stream,
        literal: (start, start + log.get().len().saturating_sub(2)),
        partial,
    })
}

/// Whether Docker's text ends in a newline, which ends the record. Told from the raw bytes.
fn ends_with_newline(line: &[u8]) -> bool {
    let Some(end) = memchr::memmem::rfind(line, b"\",\"stream\":\"") else { return false };
    let Some(literal) = line.get(..end).and_then(|l| l.strip_suffix(b"n")) else { return false };
    literal.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

pub(super) fn text_of(literal: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{literal}\"")).ok()
}

/// Whether text is one whole JSON object.
pub(super) fn is_whole(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Turns the flag of the first part into that of a whole line.
pub(super) fn finish_cri(line: &mut [u8]) {
    let flag = memchr::memchr_iter(b' ', line).nth(1).map(|i| i + 1);
    if let Some(flag) = flag.and_then(|i| line.get_mut(i)) {
        *flag = b'F';
    }
}
