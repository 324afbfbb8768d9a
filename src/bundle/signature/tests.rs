#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use super::*;
use rsa::signature::Signer as _;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::{Ed25519PublicKey, SkEd25519};
use ssh_key::rand_core::OsRng;
use ssh_key::sha2::{Digest as _, Sha256};
use ssh_key::{EcdsaCurve, PrivateKey, Signature};

const SPACE: &str = "kubesleuth-bundle";
const MESSAGE: &[u8] = b"a tag manifest\n";

fn sign(key: &PrivateKey, namespace: &str, hash: HashAlg) -> String {
    key.sign(namespace, hash, MESSAGE).unwrap().to_pem(LineEnding::LF).unwrap().trim_end().to_owned() + "\n"
}

fn code(text: &[u8]) -> &'static str {
    check(text, SPACE, MESSAGE).map_or_else(|bad| bad.code(), |_| "fits")
}

/// Every bit of the text: none can be changed without notice, whatever part of the signature it is in.
#[test]
fn every_bit_of_a_signature_counts() {
    let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP521].map(|curve| Algorithm::Ecdsa { curve });
    for algorithm in [Algorithm::Ed25519].into_iter().chain(curves) {
        let key = PrivateKey::random(&mut OsRng, algorithm.clone()).unwrap();
        let text = sign(&key, SPACE, HashAlg::Sha512).into_bytes();
        assert_eq!(code(&text), "fits");
        // Half of a P-521 signature is enough: each check takes a millisecond or more.
        let step = if matches!(algorithm, Algorithm::Ed25519) { 1 } else { 3 };
        for bit in (0..text.len() * 8).step_by(step) {
            let mut changed = text.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(code(&changed), "fits", "{algorithm}: bit {bit}");
        }
    }
}

#[test]
fn a_signature_is_told_from_its_likes() {
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519).unwrap();
    assert_eq!(code(sign(&key, SPACE, HashAlg::Sha256).as_bytes()), "fits");
    assert_eq!(code(sign(&key, "file", HashAlg::Sha512).as_bytes()), "signature-namespace");
    let good = sign(&key, SPACE, HashAlg::Sha512);
    assert_eq!(check(good.as_bytes(), SPACE, b"another").unwrap_err().code(), "signature-mismatch");
    let long = "A".repeat(1 << 16);
    for text in
        ["", "-----BEGIN SSH SIGNATURE-----\n", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n", &long]
    {
        assert_eq!(code(text.as_bytes()), "signature-unreadable", "{text}");
    }
    let short = format!("{}{good}", "x".repeat(100));
    assert_eq!(code(short.as_bytes()), "signature-unreadable");
}

/// What a security token gives (`ssh-keygen -Y verify` takes it too), made here as FIDO's U2F describes it: over the application, flags and a counter too.
fn token_signature(flags: u8) -> String {
    let pair = Ed25519Keypair::from_seed(&[7; 32]);
    let key = PrivateKey::from(pair.clone());
    let public = SkEd25519::new(Ed25519PublicKey(pair.public.0), "ssh:");
    let data = SshSig::signed_data(SPACE, HashAlg::Sha512, MESSAGE).unwrap();
    let trailer = [&[flags][..], &5_u32.to_be_bytes()].concat();
    let signed = [&Sha256::digest("ssh:")[..], &trailer, &Sha256::digest(&data)[..]].concat();
    let KeypairData::Ed25519(_) = key.key_data() else { panic!("another kind") };
    let raw = key.try_sign(&signed).unwrap();
    let signature = Signature::new(Algorithm::SkEd25519, [raw.as_bytes(), &trailer].concat()).unwrap();
    let whole = SshSig::new(KeyData::SkEd25519(public), SPACE, HashAlg::Sha512, signature).unwrap();
    whole.to_pem(LineEnding::LF).unwrap().trim_end().to_owned() + "\n"
}

#[test]
fn an_ed25519_key_on_a_security_token_is_understood() {
    let text = token_signature(1);
    assert_eq!(check(text.as_bytes(), SPACE, MESSAGE).unwrap().kind, "sk-ssh-ed25519@openssh.com");
    assert_eq!(check(text.as_bytes(), SPACE, b"another").unwrap_err().code(), "signature-mismatch");
}
