//! Opens one record: a line, a JSON document, or a string found in an envelope, always by the same
//! rules and by content alone. Envelopes lie in each other (a CRI line around Docker's JSON around an
//! event), to a fixed depth.
//!
//! A native line takes one typed pass and no copy. Everything else is read twice, first for its keys.

use super::audit::{self, NotAnEvent};
use super::fields::Fields;
use super::format::Format;
use super::layout::Context;
use super::sink::{Envelope, EventRecord, Fact, JsonDocument, Sink, Skipped, Span};
use super::spot::{Placer, Spot};
use super::units::{MAX_NESTING, too_deep};
use super::{Reject, json_formats, native, salvage, text_lines, warnings};
use crate::model::audit::AuditEvent;
use crate::model::event_times::EventTimes;

/// How deep envelopes may lie in each other.
pub(super) const MAX_DEPTH: u8 = 5;
/// How the API server starts an event.
const NATIVE_START: &str = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/";
/// What Azure puts in place of a body that is too big.
const TOO_BIG: &str = "\"skipped-too-big-size-object\"";

/// Opens records of one source.
pub(super) struct Opener<'s> {
    /// Facts from the source's path.
    pub(super) ctx: &'s Context,
    /// Where records go.
    pub(super) sink: &'s mut dyn Sink,
    /// The document being opened was repaired.
    pub(super) damaged: bool,
    /// The document being opened is a stretch of one, and more of it follows.
    pub(super) goes_on: bool,
}

/// A JSON document with its keys.
pub(super) struct Doc<'d> {
    /// Its text.
    pub(super) text: &'d str,
    /// Its top level.
    pub(super) fields: Fields<'d>,
}

/// What surrounds the text being opened.
#[derive(Clone, Copy)]
pub(super) struct Around<'e> {
    /// What envelopes around it say.
    pub(super) envelope: Envelope<'e>,
    /// The outermost envelope's format.
    pub(super) format: Option<Format>,
    /// Where the text lies.
    pub(super) spot: Spot,
    /// The source bytes of the record, for rejects of text quoted in it.
    pub(super) record: &'e [u8],
    /// Envelopes around it.
    pub(super) depth: u8,
    /// Its place admits nothing but audit events.
    pub(super) expect_event: bool,
    /// A line end follows.
    pub(super) ended: bool,
}

impl<'e> Around<'e> {
    /// Nothing but the source itself.
    pub(super) fn source(ctx: &'e Context, spot: Spot, record: &'e [u8], ended: bool) -> Self {
        let envelope = ctx.envelope();
        Self { envelope, format: None, spot, record, depth: 0, expect_event: false, ended }
    }

    /// For an element of the document: a slice of it at `spot`.
    pub(super) fn element(self, spot: Spot, text: &'e str) -> Self {
        let record = if spot.is_verbatim() { text.as_bytes() } else { self.record };
        Self { spot, record, ..self }
    }

    /// For text inside an envelope of this format; the outermost format counts.
    pub(super) fn of(self, format: Format) -> Self {
        Self { format: self.format.or(Some(format)), ..self }
    }

    /// For text decoded from this record.
    fn inside(self) -> Self {
        Self { spot: Spot::decoded(self.spot.span), depth: self.depth + 1, ..self }
    }

    /// Where the record lies.
    pub(super) fn span(self) -> Span {
        self.spot.span
    }
}

impl Opener<'_> {
    /// Opens text found in an envelope.
    pub(super) fn inner(&mut self, text: &str, around: Around<'_>) {
        let around = around.inside();
        let text = text.trim();
        match text.as_bytes().first() {
            _ if around.depth > MAX_DEPTH => {
                self.reject(text, &format!("envelopes deeper than {MAX_DEPTH}"), around, warnings::REJECTED_LINE)
            }
            None => self.sink.skip(Skipped::Text, around.span()),
            Some(b'{' | b'[') if too_deep(text.as_bytes()) => {
                let why = format!("JSON nested deeper than {MAX_NESTING}");
                self.reject(text, &why, around, warnings::REJECTED_LINE);
            }
            Some(_) if super::recognise::starts_json(text.as_bytes()) => self.inner_json(text, around),
            Some(_) => text_lines::open(self, text, around),
        }
    }

    fn inner_json(&mut self, text: &str, around: Around<'_>) {
        let Err(error) = self.json(text, around) else { return };
        // Some collectors put several records into one message.
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>();
        let mut at = 0;
        while let Some(Ok(raw)) = values.next() {
            at = values.byte_offset();
            if self.json(raw.get(), around).is_err() {
                break;
            }
        }
        let rest = text.get(at..).unwrap_or_default().trim();
        if !rest.is_empty() {
            let code = if error.is_eof() { warnings::INNER_JSON_TRUNCATED } else { warnings::REJECTED_LINE };
            self.broken(rest, &error, around, code);
        }
    }

    /// Opens one JSON value.
    ///
    /// # Errors
    /// When the text is not one whole JSON value; nothing was handed on then.
    pub(super) fn json(&mut self, text: &str, around: Around<'_>) -> Result<(), serde_json::Error> {
        if self.native(text, around) {
            return Ok(());
        }
        if text.starts_with(NATIVE_START) && !has_collector_key(text) && self.native_text(text, around)? {
            return Ok(());
        }
        if text.starts_with('[') {
            return self.array(text, around);
        }
        let doc = Doc { text, fields: Fields::of(text)? };
        self.document(&doc, around)
    }

    /// Opens one element of an envelope, whose JSON is known to be whole.
    pub(super) fn element(&mut self, raw: &serde_json::value::RawValue, placer: &mut Placer<'_>, around: Around<'_>) {
        let text = raw.get();
        let around = around.element(placer.spot(text), text);
        if text != "null"
            && let Err(e) = self.json(text, around)
        {
            self.broken(text, &e, around, warnings::REJECTED_LINE);
        }
    }

    fn document(&mut self, doc: &Doc<'_>, around: Around<'_>) -> Result<(), serde_json::Error> {
        if doc.fields.is("kind", "Event") {
            let version = doc.fields.text("apiVersion");
            let version = version.as_deref().unwrap_or_default();
            if version.starts_with("audit.k8s.io/") {
                let around = super::fluent_bit::merged(&doc.fields, around);
                if !self.native_text(doc.text, around)? {
                    let why = "expected an audit event, found one whose `kind` or `apiVersion` is given twice";
                    self.reject(doc.text, why, around, warnings::REJECTED_LINE);
                }
                return Ok(());
            }
            if version == "v1" || version.starts_with("events.k8s.io/") {
                self.sink.warn(warnings::CLUSTER_EVENTS);
                self.sink.skip(Skipped::ClusterEvent, around.span());
                return Ok(());
            }
        }
        match json_formats::recognise(&doc.fields) {
            Some(open) => {
                if doc.fields.has_duplicates() {
                    self.sink.warn(warnings::DUPLICATE_KEYS);
                }
                open(self, doc, around);
            }
            None => self.other_object(doc, around),
        }
        Ok(())
    }

    /// An object of no known format. One with an audit ID was an audit event before it was damaged.
    fn other_object(&mut self, doc: &Doc<'_>, around: Around<'_>) {
        if super::wrapped::is_untyped(&doc.fields) {
            return super::wrapped::untyped(self, doc.text, around);
        }
        if doc.fields.has("auditID") || doc.fields.has("requestURI") && doc.fields.has("stage") {
            let [kind, version] =
                ["kind", "apiVersion"].map(|k| doc.fields.text(k).map(|t| t.to_string()).unwrap_or_default());
            let why = format!("expected an audit event, found kind `{kind}` of `{version}`");
            return self.reject(doc.text, &why, around, warnings::REJECTED_LINE);
        }
        if super::wrapped::in_object(self, doc, around) {
            return;
        }
        self.other_json(doc.text, around);
    }

    /// JSON of no known format: at the top level objects may be in it, inside an envelope it is skipped.
    pub(super) fn other_json(&mut self, text: &str, around: Around<'_>) {
        let span = around.span();
        if around.depth > 0 {
            if around.expect_event || text_lines::looks_like_audit(text) {
                return self.reject(text, "expected an audit event", around, warnings::REJECTED_LINE);
            }
            return self.sink.skip(Skipped::OtherJson, span);
        }
        if self.damaged && super::damaged::open_items(self, text, around) {
            return;
        }
        self.sink.json(JsonDocument { text, span, damaged: self.damaged });
    }

    fn array(&mut self, text: &str, around: Around<'_>) -> Result<(), serde_json::Error> {
        let elements: Vec<&serde_json::value::RawValue> = serde_json::from_str(text)?;
        if super::loki::is_entry(&elements) {
            super::loki::entry(self, text, &elements, around);
            return Ok(());
        }
        if super::cloudwatch::insights::is_row(&elements) {
            super::cloudwatch::insights::row(self, text, around);
            return Ok(());
        }
        if !elements.iter().any(|e| e.get().starts_with(['{', '['])) {
            if super::wrapped::in_list(self, text, &elements, around) {
                return Ok(());
            }
            self.other_json(text, around);
            return Ok(());
        }
        if around.depth >= MAX_DEPTH {
            self.reject(text, &format!("envelopes deeper than {MAX_DEPTH}"), around, warnings::REJECTED_LINE);
            return Ok(());
        }
        let mut placer = Placer::new(text, around.spot);
        // Lists in lists are followed to the same depth as envelopes.
        let deeper = Around { depth: around.depth + u8::from(text.starts_with("[[")), ..around };
        elements.iter().for_each(|e| self.element(e, &mut placer, deeper));
        Ok(())
    }

    /// Opens text with the type of an audit event; false when it is another kind after all.
    fn native_text(&mut self, text: &str, around: Around<'_>) -> Result<bool, serde_json::Error> {
        match audit::parse(text.as_bytes()) {
            Ok((event, times)) => self.event(&event, times, text, around),
            Err(NotAnEvent::OtherKind) => return Ok(false),
            Err(NotAnEvent::Broken(why)) => {
                serde_json::from_str::<serde::de::IgnoredAny>(text)?;
                self.reject(text, &why, around, warnings::REJECTED_LINE);
            }
        }
        Ok(true)
    }

    /// Opens a native event of the common shape; false, and nothing handed on, when it is anything else.
    pub(super) fn native(&mut self, text: &str, around: Around<'_>) -> bool {
        if !text.starts_with(NATIVE_START) {
            return false;
        }
        let mut event = AuditEvent::default();
        let Some(times) = native::read(text, &mut event) else { return false };
        self.shallow_event(&event, times, text, around);
        true
    }

    /// Hands an event on, unless it is nested too deep.
    pub(super) fn event(&mut self, event: &AuditEvent<'_>, times: EventTimes, raw: &str, around: Around<'_>) {
        // Bodies that were quoted in an envelope, a cell or a string are looked at for the first time here.
        let bodies = [event.request_object, event.response_object];
        if bodies.iter().flatten().any(|b| too_deep(b.get().as_bytes())) {
            let why = format!("JSON nested deeper than {MAX_NESTING}");
            return self.reject(raw, &why, around, warnings::REJECTED_LINE);
        }
        self.shallow_event(event, times, raw, around);
    }

    fn shallow_event(&mut self, event: &AuditEvent<'_>, times: EventTimes, raw: &str, around: Around<'_>) {
        let format =
            around.format.or(self.ctx.layout).unwrap_or_else(|| audit::format_of(event.api_version.as_deref()));
        let mut envelope = around.envelope;
        if event.annotations.as_ref().and_then(|a| a.get("audit.k8s.io/truncated")) == Some("true") {
            self.sink.warn(warnings::TRUNCATED_EVENT);
        }
        if [event.request_object, event.response_object].iter().flatten().any(|b| b.get() == TOO_BIG) {
            self.sink.warn(warnings::BODY_SKIPPED_TOO_BIG);
            envelope.truncated = true;
        }
        self.sink.event(EventRecord { event, times, envelope, format, raw: raw.as_bytes(), span: around.span() });
    }

    /// Says that a document of a format was met.
    pub(super) fn met(&mut self, format: Format) {
        self.sink.fact(Fact::Format(format));
    }

    /// Rejects text that is not whole JSON, with what can still be told from it.
    pub(super) fn broken(&mut self, text: &str, error: &serde_json::Error, around: Around<'_>, code: &'static str) {
        let mut why = format!("expected JSON: {error}");
        if let Some(found) = salvage::of(text) {
            why.push_str("; salvaged ");
            why.push_str(&found.to_string());
        }
        self.reject(text, &why, around, code);
    }

    /// Rejects a record.
    pub(super) fn reject(&mut self, text: &str, why: &str, around: Around<'_>, code: &'static str) {
        let Span { offset, line, .. } = around.span();
        // A repaired text is not what lies in the source.
        let bytes = if around.spot.is_verbatim() && !self.damaged { text.as_bytes() } else { around.record };
        self.sink.reject(Reject::new(offset, line, bytes, why));
        self.sink.warn(code);
    }
}

/// Whether a collector may have put its own key behind the event's. May be wrong (a body can hold the
/// same words), which only costs a second look. A key put in front changes the start of the line.
fn has_collector_key(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), b",\"kubernetes\":{").is_some()
}
