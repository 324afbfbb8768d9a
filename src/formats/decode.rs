//! Peels the compression off a file, told by its magic bytes.
//!
//! A damaged or cut stream yields everything before the damage; the error comes after the last good
//! byte, so the caller can keep what was read and record one reject.

use std::fmt;
use std::io::{self, BufReader, Read};

use super::inflate::Gunzip;
use super::limits::Budget;
use super::tar_reader;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, possibly of many members (RFC 1952).
    Gzip,
    /// Zstandard, possibly of many frames (RFC 8878).
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Compression {
    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Told by the first bytes of a file.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A zstd stream may begin with a skippable frame.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Memory an xz stream may ask for; its dictionary can be as large as the writer liked.
const XZ_MEMORY: u64 = 512 << 20;
/// Bytes that tell what a layer is: the mark of tar lies at 257.
const HEAD: usize = 512;

/// What lies under the compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file.
    Plain,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
}

impl Content {
    /// Told by the first bytes.
    pub fn of(head: &[u8]) -> Self {
        // Archives of before 1988 have no mark, but a checksum.
        let header = || head.first_chunk().is_some_and(|block| tar_reader::parse(block).is_some());
        if head.get(257..262) == Some(b"ustar") || header() {
            Self::Tar
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Self::Zip
        } else {
            Self::Plain
        }
    }
}

/// A file without its compression.
pub struct Peeled<'r> {
    /// The layers taken off, outermost first.
    pub layers: Vec<Compression>,
    /// There are more layers than [`super::limits::Limits::depth`]; they were left on.
    pub too_deep: bool,
    /// What was found.
    pub content: Content,
    /// Its bytes.
    pub reader: Box<dyn Read + Send + 'r>,
}

impl Peeled<'_> {
    /// The layers in one word: `none`, `gzip`, `gzip+gzip`.
    pub fn compression(&self) -> String {
        if self.layers.is_empty() {
            return Compression::None.to_string();
        }
        self.layers.iter().map(|c| c.as_str()).collect::<Vec<_>>().join("+")
    }
}

/// Takes off all layers of compression. What comes out is bounded by the budget.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn peel<'r>(reader: Box<dyn Read + Send + 'r>, budget: &Budget) -> io::Result<Peeled<'r>> {
    let mut reader = reader;
    let mut layers = Vec::new();
    loop {
        let mut head = Vec::with_capacity(HEAD);
        let failure = reader.by_ref().take(HEAD as u64).read_to_end(&mut head).err();
        let compression = Compression::of(&head);
        if let (Some(e), true) = (&failure, layers.is_empty()) {
            return Err(io::Error::new(e.kind(), e.to_string()));
        }
        let content = Content::of(&head);
        let whole = io::Cursor::new(head).chain(Failing(failure)).chain(reader);
        if compression == Compression::None || layers.len() >= budget.limits().depth as usize {
            let too_deep = compression != Compression::None;
            return Ok(Peeled { layers, too_deep, content, reader: Box::new(whole) });
        }
        layers.push(compression);
        reader = Box::new(budget.bounded(Named { compression, inner: decoder(compression, Box::new(whole))? }));
    }
}

/// Says in words what decoders say in codes.
struct Named<R> {
    compression: Compression,
    inner: R,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|e| {
            let said = e.to_string().to_lowercase();
            let greedy = said.contains("memory limit") || said.contains("requires too much memory");
            if !greedy || super::limits::LimitExceeded::behind(&e).is_some() {
                return e;
            }
            let name = self.compression.as_str();
            let why = format!("unpacking needs more memory than is given to one file; unpack it with the {name} tool and import the result");
            io::Error::new(io::ErrorKind::OutOfMemory, why)
        })
    }
}

/// Repeats an error at its place in a stream.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn decoder<'r>(compression: Compression, reader: Box<dyn Read + Send + 'r>) -> io::Result<Box<dyn Read + Send + 'r>> {
    let buffered = BufReader::with_capacity(1 << 18, reader);
    Ok(match compression {
        Compression::None => Box::new(buffered),
        Compression::Gzip => Box::new(Gunzip::new(buffered)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered)),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(buffered, stream))
        }
    })
}

/// Wraps a reader so that it yields decompressed bytes, one layer, without a bound.
///
/// # Errors
/// When the first bytes cannot be read.
pub fn decoded<'r>(mut reader: Box<dyn Read + Send + 'r>) -> io::Result<(Compression, Box<dyn Read + Send + 'r>)> {
    let mut head = Vec::with_capacity(6);
    reader.by_ref().take(6).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    let whole = io::Cursor::new(head).chain(reader);
    Ok((compression, decoder(compression, Box::new(whole))?))
}

/// What a read error means for what was read, as a code for `sources.warnings`.
pub fn failure_code(layers: &[Compression], error: &io::Error) -> String {
    if super::limits::LimitExceeded::behind(error).is_some() {
        return super::warnings::UNPACK_LIMIT.to_owned();
    }
    let what = layers.last().map_or("archive", |c| c.as_str());
    format!("{what}-{}", if error.kind() == io::ErrorKind::UnexpectedEof { "truncated" } else { "damaged" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(text).unwrap();
        e.finish().unwrap()
    }

    fn read(bytes: Vec<u8>) -> (Compression, Vec<u8>, bool) {
        let (c, mut r) = decoded(Box::new(io::Cursor::new(bytes))).unwrap();
        let mut out = Vec::new();
        let failed = r.read_to_end(&mut out).is_err();
        (c, out, failed)
    }

    #[test]
    fn every_member_of_a_gzip_file_is_read() {
        let both = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(read(both), (Compression::Gzip, b"one\ntwo\n".to_vec(), false));
    }

    #[test]
    fn a_cut_gzip_file_yields_what_lies_before_the_cut() {
        let text: Vec<u8> =
            (0..200_000_u32).flat_map(|i| format!("{}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        let mut bytes = gzip(&text);
        bytes.truncate(bytes.len() / 2);
        let (_, out, failed) = read(bytes);
        assert!(failed);
        assert!(out.len() > text.len() / 4 && text.starts_with(&out), "{} of {}", out.len(), text.len());
    }

    #[test]
    fn zstd_and_plain_are_told_apart_and_an_empty_file_is_plain() {
        let packed = zstd::encode_all(&b"x"[..], 1).unwrap();
        assert_eq!(read(packed), (Compression::Zstd, b"x".to_vec(), false));
        assert_eq!(read(b"{".to_vec()), (Compression::None, b"{".to_vec(), false));
        assert_eq!(read(Vec::new()), (Compression::None, Vec::new(), false));
    }
}
