//! Who vouches for a bundle: its signatures, and whether their keys are among those the reviewer allows.
//!
//! A signature that does not fit is damage, whoever asks. That nobody allowed has signed is a finding only where the
//! reviewer has said who is allowed; then one good signature is enough, and others beside it are told of.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::model::finding::{Finding, Severity};
use crate::model::time::Timestamp;

use super::allowed_signers::{AllowedSigners, Standing};
use super::inventory::Inventory;
use super::sign::BUNDLE_NAMESPACE;
use super::signature::{self, BadSignature, MAX_SIGNATURE, Signed};
use super::{SIGNATURE_FILE, TAG_MANIFEST_FILE, companions, finding};

/// Whom a reviewer trusts. The default asks for no signature; those that are there are still checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// Whose signatures count; `None`: nothing is said about it.
    pub allowed: Option<&'a AllowedSigners>,
    /// All of these must have signed; empty: anyone allowed.
    pub signers: &'a [String],
    /// The moment that a key must be valid at; `None`: when the bundle was sealed, as it says.
    pub at: Option<Timestamp>,
}

/// A signature of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleSignature {
    /// The file it is in: a path inside the bag, or of a file beside it.
    pub file: String,
    /// Fingerprint of the key inside, `SHA256:...`; `None` when the signature does not fit.
    pub fingerprint: Option<String>,
    /// The principals of the line that lets this key sign; `None` when none does or nobody asked.
    pub principals: Option<String>,
}

/// A signature file with what became of it.
struct Judged {
    file: String,
    outcome: Result<Signed, BadSignature>,
}

/// Checks all signatures of a bundle. `tag_manifest` is what they sign, `None` when it cannot be read; `sealed` is
/// when the bundle says that it was sealed.
pub(super) fn judge(
    inventory: &Inventory,
    tag_manifest: Option<&[u8]>,
    sealed: Option<Timestamp>,
    trust: &Trust<'_>,
) -> (Vec<BundleSignature>, Vec<Finding>) {
    let judged = find(inventory, tag_manifest);
    let mut findings = Vec::new();
    for Judged { file, outcome } in &judged {
        if let Err(bad) = outcome {
            findings.push(finding(Severity::High, bad.code(), format!("`{file}` {bad}")));
        }
    }
    let good: Vec<(&str, &Signed)> =
        judged.iter().filter_map(|j| Some((j.file.as_str(), j.outcome.as_ref().ok()?))).collect();
    let at = trust.at.or(sealed);
    match trust.allowed {
        None => findings.extend(good.iter().map(|(file, signed)| unasked(file, signed))),
        Some(allowed) if judged.is_empty() => findings.push(unsigned(allowed)),
        Some(allowed) => weigh(&good, allowed, trust.signers, at, &mut findings),
    }
    let signatures = judged.iter().map(|j| {
        let standing = |key| trust.allowed.map(|allowed| allowed.standing(key, None, BUNDLE_NAMESPACE, at));
        let signed = j.outcome.as_ref().ok();
        let principals = match signed.and_then(|s| standing(&s.key)) {
            Some(Standing::Allowed { principals, .. }) => Some(principals),
            _ => None,
        };
        BundleSignature { file: j.file.clone(), fingerprint: signed.map(|s| s.fingerprint.clone()), principals }
    });
    (signatures.collect(), findings)
}

/// A signature where nobody has said who is allowed.
fn unasked(file: &str, signed: &Signed) -> Finding {
    let (key, kind) = (&signed.fingerprint, &signed.kind);
    let message = format!("`{file}`: signed by {key} ({kind}), not checked against allowed signers");
    finding(Severity::Info, "signed", message)
}

fn unsigned(allowed: &AllowedSigners) -> Finding {
    let list = allowed.path().display();
    let message = format!("there is no signature: expected `{SIGNATURE_FILE}` by a signer that `{list}` allows");
    finding(Severity::High, "unsigned", message)
}

/// Holds good signatures against the list.
fn weigh(
    good: &[(&str, &Signed)],
    allowed: &AllowedSigners,
    signers: &[String],
    at: Option<Timestamp>,
    findings: &mut Vec<Finding>,
) {
    let standing = |signed: &Signed, principal| allowed.standing(&signed.key, principal, BUNDLE_NAMESPACE, at);
    let mut refused = Vec::new();
    let mut any = false;
    for (file, signed) in good {
        let by = format!("{} ({})", signed.fingerprint, signed.kind);
        match standing(signed, None) {
            Standing::Allowed { principals, line } => {
                any = true;
                let message = format!("`{file}`: signed by `{principals}`, {by}; line {line} of the allowed signers");
                findings.push(finding(Severity::Info, "signed", message));
            }
            Standing::Refused { code, why } => refused.push((code, format!("`{file}`: signed by {by}, but {why}"))),
            Standing::Unlisted => {
                let list = allowed.path().display();
                refused
                    .push(("signer-not-allowed", format!("`{file}`: signed by {by}, which `{list}` does not allow")));
            }
        }
    }
    let severity = if any { Severity::Info } else { Severity::High };
    findings.extend(refused.into_iter().map(|(code, message)| finding(severity, code, message)));
    demand(good, allowed, signers, at, findings);
    for unused in allowed.unused() {
        let message = format!("line {} of `{}` allows nobody: {}", unused.number, allowed.path().display(), unused.why);
        findings.push(finding(Severity::Info, "allowed-signers-line", message));
    }
}

/// Everyone who must have signed has.
fn demand(
    good: &[(&str, &Signed)],
    allowed: &AllowedSigners,
    signers: &[String],
    at: Option<Timestamp>,
    findings: &mut Vec<Finding>,
) {
    let standing = |signed: &Signed, principal| allowed.standing(&signed.key, principal, BUNDLE_NAMESPACE, at);
    for principal in signers {
        let signed =
            |(_, signed): &(&str, &Signed)| matches!(standing(signed, Some(principal)), Standing::Allowed { .. });
        if !good.iter().any(signed) {
            let message =
                format!("no signature is by a key that `{}` allows for `{principal}`", allowed.path().display());
            findings.push(finding(Severity::High, "signer-missing", message));
        }
    }
}

/// The signature inside the bag, then those beside it.
fn find(inventory: &Inventory, tag_manifest: Option<&[u8]>) -> Vec<Judged> {
    let check = |text: io::Result<Vec<u8>>| match (text, tag_manifest) {
        (Err(e), _) => Err(BadSignature::Unreadable(e.to_string())),
        (_, None) => Err(BadSignature::Unreadable(format!("there is no `{TAG_MANIFEST_FILE}` that it could sign"))),
        (Ok(text), Some(message)) => signature::check(&text, BUNDLE_NAMESPACE, message),
    };
    let inside = inventory.files.get(SIGNATURE_FILE).map(|member| {
        let text = inventory.open(member).and_then(read);
        Judged { file: SIGNATURE_FILE.to_owned(), outcome: check(text) }
    });
    let beside = companions::signatures_of(&inventory.path).into_iter().map(|path| {
        let outcome = check(read_plain(&path));
        Judged { file: path.display().to_string(), outcome }
    });
    inside.into_iter().chain(beside).collect()
}

/// Reads a file that is no link.
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    read(File::open(path)?)
}

fn read(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    reader.take(MAX_SIGNATURE.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SIGNATURE {
        return Err(io::Error::other(format!("it is longer than {MAX_SIGNATURE} bytes")));
    }
    Ok(text)
}
