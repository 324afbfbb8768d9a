//! The JSON formats in the order in which they are tried. A document is told by its keys.

use super::fields::Fields;
use super::open::{Around, Doc, Opener};
use super::{
    aks, cloudwatch, elasticsearch, event_list, fluent_bit, gke, journal, log_analytics, loki, rancher, refusals,
    splunk, vector,
};

/// Opens a document of one format.
pub(super) type Open = fn(&mut Opener<'_>, &Doc<'_>, Around<'_>);

/// Tells documents of one format by their keys.
type Recognises = fn(&Fields<'_>) -> bool;

const FORMATS: &[(Recognises, Open)] = &[
    (event_list::recognises, event_list::open),
    (cloudwatch::subscription::recognises, cloudwatch::subscription::open),
    (cloudwatch::pages::recognises, cloudwatch::pages::open),
    (cloudwatch::log_event::recognises, cloudwatch::log_event::open),
    (splunk::recognises_results, splunk::open_results),
    (cloudwatch::insights::recognises, cloudwatch::insights::open),
    (gke::recognises, gke::open),
    (aks::recognises_records, aks::open_records),
    (aks::recognises, aks::open),
    (log_analytics::recognises, log_analytics::open),
    (elasticsearch::recognises_hits, elasticsearch::open_hits),
    (elasticsearch::recognises, elasticsearch::open),
    (elasticsearch::recognises_source, elasticsearch::open_source),
    (splunk::recognises, splunk::open),
    (loki::recognises_range, loki::open_range),
    (loki::recognises, loki::open),
    (journal::recognises, journal::open),
    (fluent_bit::recognises, fluent_bit::open),
    (vector::recognises, vector::open),
    (rancher::recognises, rancher::open),
    (refusals::recognises, refusals::open),
];

/// How a document with these keys is opened; `None` when it is no known envelope.
pub(super) fn recognise(fields: &Fields<'_>) -> Option<Open> {
    FORMATS.iter().find(|(recognises, _)| recognises(fields)).map(|(_, open)| *open)
}
