//! Reading a signature and holding it against what it signs. Only the very text that ssh-keygen and we write is
//! taken: a signature file with one byte changed, added or gone is a finding, not another spelling.

use rsa::pkcs1v15::VerifyingKey;
use rsa::sha2::{Sha256, Sha512};
use rsa::signature::Verifier as _;
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Algorithm, HashAlg, LineEnding, SshSig};

use super::sign::{MAX_RSA_BITS, MIN_RSA_BITS};

/// The largest signature file that is read; one of RSA with 16384 bits takes 6 KiB.
pub(super) const MAX_SIGNATURE: u64 = 64 << 10;

/// A signature that was checked against its own key: whose key that is, is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    /// The key inside the signature.
    pub(super) key: KeyData,
    /// Its fingerprint, `SHA256:...`.
    pub(super) fingerprint: String,
    /// Its kind, `ssh-ed25519`.
    pub(super) kind: String,
}

/// Why a signature says nothing. The message goes on after the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadSignature {
    /// Not an SSH signature, or not as it was written.
    #[error("cannot be read as an SSH signature: {0}")]
    Unreadable(String),
    /// Made for another purpose.
    #[error("is a signature for `{found}`, expected one for `{expected}`")]
    Namespace {
        /// What it should be for.
        expected: &'static str,
        /// What it is for.
        found: String,
    },
    /// A kind of key that is not checked.
    #[error("is by a key that is not supported: {0}")]
    Unsupported(String),
    /// It signs something else.
    #[error("does not fit what it should sign: {fingerprint} signed something else, or the signature was changed")]
    Mismatch {
        /// Of the key inside.
        fingerprint: String,
    },
}

impl BadSignature {
    /// The code of the finding about it.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "signature-unreadable",
            Self::Namespace { .. } => "signature-namespace",
            Self::Unsupported(_) => "signature-key-unsupported",
            Self::Mismatch { .. } => "signature-mismatch",
        }
    }
}

/// Checks an armoured SSHSIG of `message` made for `namespace`.
///
/// # Errors
/// [`BadSignature`].
pub(super) fn check(text: &[u8], namespace: &'static str, message: &[u8]) -> Result<Signed, BadSignature> {
    let signature = parse(text)?;
    if signature.namespace() != namespace {
        return Err(BadSignature::Namespace { expected: namespace, found: signature.namespace().to_owned() });
    }
    check_kind(signature.public_key()).map_err(BadSignature::Unsupported)?;
    let key = ssh_key::PublicKey::from(signature.public_key().clone());
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    let kind = key.algorithm().to_string();
    let fits = match signature.public_key() {
        KeyData::Rsa(key) => fits_rsa(key, &signature, message).is_some(),
        _ => key.verify(namespace, message, &signature).is_ok(),
    };
    if fits {
        Ok(Signed { key: signature.public_key().clone(), fingerprint, kind })
    } else {
        Err(BadSignature::Mismatch { fingerprint })
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-2 (RFC 8332). ssh-key stops at 4096 bits, which is less than ssh-keygen makes.
fn fits_rsa(key: &RsaPublicKey, signature: &SshSig, message: &[u8]) -> Option<()> {
    if !signature.reserved().is_empty() {
        return None;
    }
    let data = SshSig::signed_data(signature.namespace(), signature.hash_alg(), message).ok()?;
    let number = |n| rsa::BigUint::try_from(n).ok();
    let key = rsa::RsaPublicKey::new_with_max_size(number(&key.n)?, number(&key.e)?, MAX_RSA_BITS).ok()?;
    let raw = rsa::pkcs1v15::Signature::try_from(signature.signature_bytes()).ok()?;
    match signature.algorithm() {
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) } => VerifyingKey::<Sha256>::new(key).verify(&data, &raw).ok(),
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) } => VerifyingKey::<Sha512>::new(key).verify(&data, &raw).ok(),
        _ => None,
    }
}

fn parse(text: &[u8]) -> Result<SshSig, BadSignature> {
    let unreadable = |why: String| BadSignature::Unreadable(why);
    let signature = SshSig::from_pem(text).map_err(|e| unreadable(e.to_string()))?;
    if signature.version() != SshSig::VERSION {
        return Err(unreadable(format!("expected version {}, found {}", SshSig::VERSION, signature.version())));
    }
    if matches!(signature.algorithm(), Algorithm::SkEcdsaSha2NistP256) {
        return Err(BadSignature::Unsupported("ECDSA on a security key".to_owned()));
    }
    let again = signature.to_pem(LineEnding::LF).map_err(|e| unreadable(e.to_string()))?;
    if text.strip_suffix(b"\n") == Some(again.trim_end().as_bytes()) {
        Ok(signature)
    } else {
        Err(unreadable("it is not written as ssh-keygen and kubesleuth write it: it was changed".to_owned()))
    }
}

/// DSA is broken, short RSA too; long RSA is for keeping a reader busy.
fn check_kind(key: &KeyData) -> Result<(), String> {
    match key {
        KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::Ecdsa(_) => Ok(()),
        KeyData::Rsa(rsa) => {
            let bits = rsa::BigUint::try_from(&rsa.n).map_or(0, |n| n.bits());
            if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) { Ok(()) } else { Err(format!("RSA of {bits} bits")) }
        }
        other => Err(other.algorithm().to_string()),
    }
}

#[cfg(test)]
mod tests;
