//! Reading OpenSSH private keys. ssh-key 0.6.7 does it but for one thing: it refuses ECDSA keys whose secret number
//! has fewer bytes than the curve (half of all P-521 keys, one in 256 of the others), because ssh-keygen writes
//! numbers without leading zeros. Such a key is written out once more in memory, with the zeros, and read then.

use ssh_key::PrivateKey;
use ssh_key::private::KeypairData;

/// First bytes of the format (OpenSSH, PROTOCOL.key).
const MAGIC: &[u8] = b"openssh-key-v1\0";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";

/// Reads a key file; a protected key stays so.
///
/// # Errors
/// What ssh-key says.
pub(super) fn parse(text: &[u8]) -> Result<PrivateKey, ssh_key::Error> {
    PrivateKey::from_openssh(text).or_else(|e| from_narrow(text).ok_or(e))
}

/// Opens a protected key; `None` when the passphrase is not its own.
pub(super) fn decrypt(key: &PrivateKey, passphrase: &[u8]) -> Option<PrivateKey> {
    key.decrypt(passphrase).ok().or_else(|| {
        let KeypairData::Encrypted(secret) = key.key_data() else { return None };
        let (secret_key, iv) = key.kdf().derive_key_and_iv(key.cipher(), passphrase).ok()?;
        let mut section = secret.clone();
        key.cipher().decrypt(&secret_key, &iv, &mut section, None).ok()?;
        assemble(&key.public_key().to_bytes().ok()?, &section)
    })
}

/// A key that is not protected, from its file.
fn from_narrow(text: &[u8]) -> Option<PrivateKey> {
    let text = std::str::from_utf8(text).ok()?;
    let inside = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let bytes = base64(inside)?;
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let protection = (reader.string()?, reader.string()?, reader.string()?);
    if protection != (b"none", b"none", b"") || reader.number()? != 1 {
        return None;
    }
    let (public, section) = (reader.string()?, reader.string()?);
    assemble(public, section)
}

/// The key of a public part and a secret section in the clear, its number made as wide as the curve.
fn assemble(public: &[u8], section: &[u8]) -> Option<PrivateKey> {
    let mut reader = Reader(section);
    let (check, again) = (reader.number()?, reader.number()?);
    let kind = reader.string()?;
    let width = match kind {
        b"ecdsa-sha2-nistp256" => 32,
        b"ecdsa-sha2-nistp384" => 48,
        b"ecdsa-sha2-nistp521" => 66,
        _ => return None,
    };
    let (curve, point, number, comment) = (reader.string()?, reader.string()?, reader.string()?, reader.string()?);
    if check != again || number.len() > width {
        return None;
    }
    let wide = [vec![0; width.checked_sub(number.len())?].as_slice(), number].concat();
    let mut out = [check.to_be_bytes(), again.to_be_bytes()].concat();
    for part in [kind, curve, point, &wide, comment] {
        put(&mut out, part)?;
    }
    let padding = (8_usize.saturating_sub(out.len() % 8)) % 8;
    out.extend((1..=8_u8).take(padding));
    let mut whole = MAGIC.to_vec();
    for part in [b"none".as_slice(), b"none", b""] {
        put(&mut whole, part)?;
    }
    whole.extend(1_u32.to_be_bytes());
    put(&mut whole, public)?;
    put(&mut whole, &out)?;
    PrivateKey::from_bytes(&whole).ok()
}

/// Reads numbers and strings of RFC 4251, section 5.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }
}

fn put(out: &mut Vec<u8>, string: &[u8]) -> Option<()> {
    out.extend(u32::try_from(string.len()).ok()?.to_be_bytes());
    out.extend(string);
    Some(())
}

/// Base64 with line breaks (RFC 4648, section 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=');
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for byte in digits {
        held = (held << 6 | u32::from(digit(byte)?)) & 0xffff;
        bits = bits.saturating_add(6);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9v\r\nYmFy\n", "foobar")] {
            assert_eq!(base64(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64("Zm9*"), None);
    }

    #[test]
    fn what_is_no_key_is_refused_and_hostile_lengths_too() {
        let wrapped = |inside: &str| format!("{BEGIN}\n{inside}\n{END}\n");
        // The magic, then a string of 4 GiB.
        for text in ["", BEGIN, &wrapped(""), &wrapped("b3BlbnNzaC1rZXktdjEA/////w==")] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
