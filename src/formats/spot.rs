//! Keeps track of where the text being opened lies in its source.

use super::sink::Span;

/// Where a text comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// The record's place.
    pub(super) span: Span,
    /// The text is a verbatim slice of the source, so places inside it can be told. Text that was
    /// quoted in an envelope is not: its place is the envelope's.
    verbatim: bool,
}

impl Spot {
    /// A slice of the source.
    pub(super) fn verbatim(offset: u64, line: u64, length: usize) -> Self {
        Self { span: Span { offset, line, length: length as u64 }, verbatim: true }
    }

    /// Text decoded from the record at `span`.
    pub(super) fn decoded(span: Span) -> Self {
        Self { span, verbatim: false }
    }

    /// Whether places inside the text are places in the source.
    pub(super) fn is_verbatim(&self) -> bool {
        self.verbatim
    }
}

/// Finds the places of slices of one text. Asked in order, it reads the text once.
pub(super) struct Placer<'d> {
    text: &'d str,
    spot: Spot,
    seen: usize,
    lines: u64,
}

impl<'d> Placer<'d> {
    /// For slices of `text`, which lies at `spot`.
    pub(super) fn new(text: &'d str, spot: Spot) -> Self {
        Self { text, spot, seen: 0, lines: 0 }
    }

    /// Where `part`, a slice of the text, lies.
    pub(super) fn spot(&mut self, part: &str) -> Spot {
        if !self.spot.verbatim {
            return self.spot;
        }
        let at = offset_in(self.text, part);
        if at < self.seen {
            (self.seen, self.lines) = (0, 0);
        }
        let between = self.text.as_bytes().get(self.seen..at).unwrap_or_default();
        self.lines += memchr::memchr_iter(b'\n', between).count() as u64;
        self.seen = at;
        Spot::verbatim(self.spot.span.offset + at as u64, self.spot.span.line + self.lines, part.len())
    }
}

/// Offset of a slice in the text it is a slice of.
pub(super) fn offset_in(text: &str, part: &str) -> usize {
    // Both lie in one buffer, so the difference of their addresses is the offset.
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_placed_by_offset_and_line_in_any_order() {
        let text = "a\nb\nc\nd";
        let mut placer = Placer::new(text, Spot::verbatim(100, 7, text.len()));
        for (at, line) in [(2, 8), (6, 10), (4, 9)] {
            let span = placer.spot(text.get(at..=at).unwrap()).span;
            assert_eq!((span.offset, span.line, span.length), (100 + at as u64, line, 1));
        }
        let fixed = Spot::decoded(Span { offset: 5, line: 2, length: 9 });
        assert_eq!(Placer::new(text, fixed).spot(text.get(4..).unwrap()).span, fixed.span);
    }
}
