//! Log files of a CRI runtime: `<time> <stdout|stderr> <P|F> <text>`. The runtime splits long lines;
//! parts marked `P` are put together before they come here (see [`super::join`]).

use super::format::Format;
use super::open::{Around, Opener};
use super::warnings;
use crate::model::time::Timestamp;

/// One line taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'l> {
    /// When the runtime read it.
    pub(super) time: Timestamp,
    /// `stdout` or `stderr`.
    pub(super) stream: &'l str,
    /// More of the line follows.
    pub(super) partial: bool,
    /// The text.
    pub(super) text: &'l str,
}

impl<'l> Line<'l> {
    pub(super) fn of(text: &'l str) -> Option<Self> {
        let mut parts = text.splitn(4, ' ');
        let (time, stream, flags) = (parts.next()?, parts.next()?, parts.next()?);
        // Flags may be several with colons between; the first is P or F.
        let partial = match flags.split(':').next()? {
            "P" => true,
            "F" => false,
            _ => return None,
        };
        let known = matches!(stream, "stdout" | "stderr");
        let time = Timestamp::parse_rfc3339(time).filter(|_| known)?;
        Some(Self { time, stream, partial, text: parts.next().unwrap_or_default() })
    }
}

pub(super) fn open(opener: &mut Opener<'_>, line: &Line<'_>, around: Around<'_>) {
    opener.met(Format::Cri);
    let mut around = around.of(Format::Cri);
    around.envelope.time = Some(line.time);
    if line.partial {
        let why = "the rest of a line that the container runtime split is missing";
        let found = super::salvage::of(line.text).map(|s| format!("{why}; salvaged {s}"));
        return opener.reject(line.text, found.as_deref().unwrap_or(why), around, warnings::FRAGMENT);
    }
    opener.inner(line.text, around);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart_and_other_lines_are_none() {
        let line = Line::of("2026-11-24T00:41:02.026568944Z stdout F {\"a\": 1}");
        assert_eq!(line.map(|l| (l.stream, l.partial, l.text)), Some(("stdout", false, "{\"a\": 1}")));
        assert_eq!(Line::of("2026-11-24T00:41:02Z stderr P").map(|l| (l.partial, l.text)), Some((true, "")));
        for other in ["2026-11-24T00:41:02Z {}", "x stdout F y", "2026-11-24T00:41:02Z stdout X y", ""] {
            assert_eq!(Line::of(other), None, "{other}");
        }
    }
}
