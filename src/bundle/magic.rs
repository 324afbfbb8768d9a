//! Which files are compressed already, by their first bytes. Names are not asked: logs are renamed all the time.

/// How many first bytes [`is_compressed`] wants to see.
pub(super) const MAGIC_LEN: usize = 10;

/// Whether a file that begins so is compressed: gzip (RFC 1952), zstd (RFC 8878), bzip2, xz or zip.
/// Compressing such a file again gains nothing and hides it from other tools.
pub(super) fn is_compressed(first: &[u8]) -> bool {
    match first {
        [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => true,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, ..] => true,
        // A text may begin with `BZh1`; the mark of the first block (or of an empty stream) cannot be text.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => true,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_a_little_like_archives_are_not_taken_for_them() {
        for text in ["", "P", "PK", "PK is a name", "BZh9 is how bzip2 begins", "{\"kind\":\"Event\"}", "\u{1f}"] {
            assert!(!is_compressed(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_five_formats_are_known_by_their_first_bytes() {
        let known: [&[u8]; 6] = [
            b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
            b"\x28\xb5\x2f\xfd\x04\x58",
            b"BZh91AY&SY",
            b"BZh9\x17\x72\x45\x38\x50\x90",
            b"\xfd7zXZ\0\0\x04",
            b"PK\x03\x04\x14\0",
        ];
        assert!(known.into_iter().all(is_compressed));
    }
}
