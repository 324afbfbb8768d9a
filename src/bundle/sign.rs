//! Signing: an OpenSSH private key signs the tag manifest, which stands for every byte of the bundle. The form is
//! SSHSIG, because `ssh-keygen -Y verify` is on every reviewer's machine already; no format of our own is trusted.
//!
//! RSA is signed here with the `rsa` crate itself: ssh-key 0.6.7 hands it one prime twice, which it refuses. That
//! way the secret operation is blinded too.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rsa::sha2::Sha512;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, Cipher, HashAlg, LineEnding, PrivateKey, Signature, SshSig};

use super::openssh_key;

/// What a signature of a bundle's tag manifest is for: `ssh-keygen -Y verify -n kubesleuth-bundle`.
pub const BUNDLE_NAMESPACE: &str = "kubesleuth-bundle";
/// What a signature of a custody entry's hash is for.
pub const CUSTODY_NAMESPACE: &str = "kubesleuth-custody";
/// The largest key file that is read: keys take a few kilobytes.
const MAX_KEY_FILE: u64 = 1 << 20;
/// RSA keys below this can be broken; ssh-keygen makes none.
pub(super) const MIN_RSA_BITS: usize = 2048;
/// The longest RSA keys that OpenSSH makes.
pub(super) const MAX_RSA_BITS: usize = 16384;

/// A private key that signs. Its `Debug` form shows the fingerprint alone.
pub struct SigningKey {
    key: PrivateKey,
}

/// The passphrase of a private key. It has no printable form.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Vec<u8>);

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key file cannot be read.
    #[error("cannot read the key `{}`: {source}", path.display())]
    Unreadable {
        /// The key file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds something else.
    #[error("`{}` is not a private key: {why}", path.display())]
    NotAPrivateKey {
        /// The key file.
        path: PathBuf,
        /// What was expected and found.
        why: String,
    },
    /// The key is protected and no passphrase was given.
    #[error(
        "the key `{}` is protected by a passphrase: put it into the environment variable KUBESLEUTH_KEY_PASSPHRASE, or name a file that holds it",
        .0.display()
    )]
    PassphraseNeeded(PathBuf),
    /// The passphrase is another.
    #[error("the passphrase given is not that of the key `{}`: nothing was signed", .0.display())]
    WrongPassphrase(PathBuf),
    /// A kind of key that is not supported.
    #[error("the key `{}` cannot sign here: {why} (Ed25519, ECDSA and RSA keys of OpenSSH can)", path.display())]
    Unsupported {
        /// The key file.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// The operation itself failed.
    #[error("the key {fingerprint} does not sign: {why}")]
    Failed {
        /// Of the key.
        fingerprint: String,
        /// What the library says.
        why: String,
    },
}

impl Passphrase {
    /// From the bytes as they are.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Reads it from a file; one line break at the end does not belong to it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_KEY_FILE).read_to_end(&mut bytes)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}

impl SigningKey {
    /// Reads an OpenSSH private key; `passphrase` is asked for only when the key is protected.
    ///
    /// # Errors
    /// [`SignError`], all but `Failed`: what is wrong with the key shows here, before anything is collected.
    pub fn load(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, SignError> {
        let unreadable = |source| SignError::Unreadable { path: path.to_owned(), source };
        let mut text = Vec::new();
        File::open(path).and_then(|f| f.take(MAX_KEY_FILE).read_to_end(&mut text)).map_err(unreadable)?;
        let key = openssh_key::parse(&text)
            .map_err(|e| SignError::NotAPrivateKey { path: path.to_owned(), why: what_it_is(&text, &e) })?;
        if key.cipher() == Cipher::TDesCbc {
            let why = "it is protected with 3DES; `ssh-keygen -p -f FILE` protects it anew".to_owned();
            return Err(SignError::Unsupported { path: path.to_owned(), why });
        }
        let key = match (key.is_encrypted(), passphrase) {
            (false, _) => key,
            (true, None) => return Err(SignError::PassphraseNeeded(path.to_owned())),
            (true, Some(Passphrase(secret))) => {
                openssh_key::decrypt(&key, secret).ok_or_else(|| SignError::WrongPassphrase(path.to_owned()))?
            }
        };
        let key = Self { key };
        key.check().map_err(|why| SignError::Unsupported { path: path.to_owned(), why })?;
        Ok(key)
    }

    /// The key's fingerprint as `ssh-keygen -l` prints it: `SHA256:...`.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Signs a message: the armoured SSHSIG text.
    ///
    /// # Errors
    /// [`SignError::Failed`].
    pub(super) fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SignError> {
        let signature = match self.key.key_data() {
            KeypairData::Rsa(pair) => sign_rsa(pair, namespace, message),
            _ => self.key.sign(namespace, HashAlg::Sha512, message).map_err(|e| e.to_string()),
        };
        let text = signature.and_then(|s| s.to_pem(LineEnding::LF).map_err(|e| e.to_string()));
        let fingerprint = self.fingerprint();
        // OpenSSH ends the file with a line break, PEM need not.
        text.map(|text| format!("{}\n", text.trim_end())).map_err(|why| SignError::Failed { fingerprint, why })
    }

    /// Whether this kind of key can sign here.
    fn check(&self) -> Result<(), String> {
        match self.key.key_data() {
            KeypairData::Ed25519(_) | KeypairData::Ecdsa(_) => Ok(()),
            KeypairData::Rsa(pair) => rsa_key(pair).map(drop),
            _ => Err(format!("its kind is {}", self.key.algorithm())),
        }
    }
}

/// What a file that is no OpenSSH private key may be instead.
fn what_it_is(text: &[u8], error: &ssh_key::Error) -> String {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start();
    if ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix)) {
        "it is a public key; name the file without `.pub`".to_owned()
    } else if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        format!("it is damaged or of an unknown kind ({error})")
    } else if text.starts_with("-----BEGIN ") {
        "it is in another format than OpenSSH's; `ssh-keygen -p -f FILE` converts a copy of it".to_owned()
    } else {
        "expected `-----BEGIN OPENSSH PRIVATE KEY-----` at its beginning".to_owned()
    }
}

/// The key as the `rsa` crate takes it.
fn rsa_key(pair: &RsaKeypair) -> Result<rsa::RsaPrivateKey, String> {
    let number = |n: &ssh_key::Mpint| rsa::BigUint::try_from(n).map_err(|e| e.to_string());
    let (public, private) = (&pair.public, &pair.private);
    let bits = number(&public.n)?.bits();
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(format!("it is an RSA key of {bits} bits, expected {MIN_RSA_BITS} to {MAX_RSA_BITS}"));
    }
    let primes = vec![number(&private.p)?, number(&private.q)?];
    rsa::RsaPrivateKey::from_components(number(&public.n)?, number(&public.e)?, number(&private.d)?, primes)
        .map_err(|e| format!("its RSA numbers do not fit together ({e})"))
}

/// RSASSA-PKCS1-v1_5 with SHA-512, `rsa-sha2-512` of RFC 8332.
fn sign_rsa(pair: &RsaKeypair, namespace: &str, message: &[u8]) -> Result<SshSig, String> {
    let data = SshSig::signed_data(namespace, HashAlg::Sha512, message).map_err(|e| e.to_string())?;
    let key = rsa::pkcs1v15::SigningKey::<Sha512>::new(rsa_key(pair)?);
    let raw = key.try_sign_with_rng(&mut OsRng, &data).map_err(|e| e.to_string())?;
    let signature = Signature::new(Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, raw.to_vec());
    signature
        .and_then(|s| SshSig::new(pair.public.clone().into(), namespace, HashAlg::Sha512, s))
        .map_err(|e| e.to_string())
}
