//! Reads zip archives (APPNOTE 6.3.10) as a stream, member by member as they lie in the file. Written out
//! here because evidence may be cut before the directory at the end that other readers start from, may name
//! two members alike, or may let its directory point at the same bytes a million times. A member is read
//! once, where it lies; the directory is only held against what was read.
//!
//! Traded for it: that a member is a link stands in the directory alone, so it is known at the end.

use std::io::{self, BufRead as _, BufReader, Read};

use flate2::Crc;

use super::inflate::Inflate;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LISTED: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// General purpose flags: encrypted; sizes and checksum follow the content.
const ENCRYPTED: u16 = 1;
const SIZES_BEHIND: u16 = 8;

/// A member, from the header in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its name as bytes.
    pub(super) name: Vec<u8>,
    flags: u16,
    method: u16,
    /// CRC-32 and size of the content, where the header gives them.
    check: Option<(u32, u64)>,
    packed: Option<u64>,
}

impl Header {
    /// Why the content cannot be read.
    pub(super) fn unreadable(&self) -> Option<String> {
        if self.flags & ENCRYPTED != 0 {
            return Some("it is encrypted: decrypt it and import the files".to_owned());
        }
        match self.method {
            0 if self.packed.is_none() => Some("it is stored, and nothing says how long it is".to_owned()),
            0 | 8 => None,
            method => Some(format!("expected it stored or deflated, found compression method {method}")),
        }
    }
}

/// A line of the directory at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The member's name as bytes.
    pub(super) name: Vec<u8>,
    /// Whether it is a link, a device or a pipe.
    pub(super) special: bool,
}

/// What comes next in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A member; its content follows.
    Member(Header),
    /// A line of the directory.
    Listed(Listed),
    /// Bytes were passed over that are no part of an archive.
    Damaged { bytes: u64 },
    /// The archive ends.
    End,
}

/// Walks over the parts of a zip stream.
pub(super) struct ZipReader<R> {
    inner: BufReader<R>,
    pending: Option<[u8; 4]>,
}

impl<R: Read> ZipReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(1 << 16, inner), pending: None }
    }

    /// The next part. The content of a member must have been passed by [`Content::finish`].
    ///
    /// # Errors
    /// When the stream ends before the archive does, or cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            let signature = match self.pending.take() {
                Some(signature) => signature,
                None => self.array()?,
            };
            match signature {
                LOCAL => return self.local().map(Next::Member),
                LISTED => return self.listed().map(Next::Listed),
                END_64 => {
                    let length = u64::from_le_bytes(self.array()?);
                    self.pass(length)?;
                }
                LOCATOR_64 => self.pass(16)?,
                END => {
                    self.pass(16)?;
                    let comment = u16::from_le_bytes(self.array()?);
                    self.pass(comment.into())?;
                    // A checksum of the compression around it may follow.
                    io::copy(&mut self.inner, &mut io::sink())?;
                    return Ok(Next::End);
                }
                _ => return self.resume(signature),
            }
        }
    }

    /// The content of a member that is not [`Header::unreadable`].
    pub(super) fn content(&mut self, header: &Header) -> Content<'_, R> {
        let packed = (&mut self.inner).take(header.packed.unwrap_or(u64::MAX));
        let body = if header.method == 0 { Body::Stored(packed) } else { Body::Deflated(packed, Inflate::new()) };
        Content { body, crc: Crc::new(), size: 0, check: header.check, failed: false }
    }

    /// Goes on behind a member; `read` is what was read of it, `None` when it was passed over. Gives false
    /// when what follows says that the content is not what was packed.
    ///
    /// # Errors
    /// When the stream ends.
    pub(super) fn behind(&mut self, header: &Header, read: Option<Passed>) -> io::Result<bool> {
        match (read, header.packed) {
            (None, Some(packed)) => self.pass(packed)?,
            // Nothing says where it ends: the next member is looked for.
            (None, None) => return Ok(true),
            // Its length may be wrong too: what follows is looked for.
            (Some(read), _) if read.failed => return Ok(true),
            (Some(read), _) => self.pass(read.left)?,
        }
        if header.flags & SIZES_BEHIND == 0 {
            return Ok(true);
        }
        let mut crc: [u8; 4] = self.array()?;
        if crc == DESCRIPTOR {
            crc = self.array()?;
        }
        self.pass(8)?;
        // Sizes have four bytes or eight; which, only what follows can tell.
        let next: [u8; 4] = self.array()?;
        if next.starts_with(b"PK") {
            self.pending = Some(next);
        } else {
            self.pass(4)?;
        }
        Ok(read.is_none_or(|r| r.failed || r.crc == u32::from_le_bytes(crc)))
    }

    fn local(&mut self) -> io::Result<Header> {
        let fixed: [u8; 26] = self.array()?;
        let (flags, method) = (short(&fixed, 2), short(&fixed, 4));
        let (crc, mut packed, mut size) = (long(&fixed, 10), u64::from(long(&fixed, 14)), u64::from(long(&fixed, 18)));
        let name = self.bytes(short(&fixed, 22))?;
        let extra = self.bytes(short(&fixed, 24))?;
        // Zip64: the sizes that did not fit, in this order.
        let mut large = zip64(&extra).chunks_exact(8).map(|c| c.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)));
        if size == u64::from(u32::MAX) {
            size = large.next().unwrap_or(size);
        }
        if packed == u64::from(u32::MAX) {
            packed = large.next().unwrap_or(packed);
        }
        // Some writers give the sizes and repeat them behind the content.
        let unknown = flags & SIZES_BEHIND != 0 && packed == 0 && !name.ends_with(b"/");
        let check = (flags & SIZES_BEHIND == 0 || crc != 0).then_some((crc, size));
        Ok(Header { name, flags, method, check, packed: (!unknown).then_some(packed) })
    }

    fn listed(&mut self) -> io::Result<Listed> {
        let fixed: [u8; 42] = self.array()?;
        let name = self.bytes(short(&fixed, 24))?;
        self.pass(u64::from(short(&fixed, 26)) + u64::from(short(&fixed, 28)))?;
        // Made on Unix (3) or macOS (19): the upper half of the attributes is the mode.
        let unix = matches!(fixed.get(1), Some(3 | 19));
        let kind = long(&fixed, 34) >> 16 & 0o170_000;
        Ok(Listed { name, special: unix && !matches!(kind, 0 | 0o100_000 | 0o040_000) })
    }

    /// Passes over what is no part of an archive, up to one or the end.
    fn resume(&mut self, start: [u8; 4]) -> io::Result<Next> {
        let mut window = u32::from_be_bytes(start);
        let mut bytes = 0;
        loop {
            let buffer = self.inner.fill_buf()?;
            if buffer.is_empty() {
                return if bytes == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Next::Damaged { bytes }) };
            }
            let mut used = buffer.len();
            for (at, byte) in buffer.iter().enumerate() {
                window = window << 8 | u32::from(*byte);
                if matches!(window.to_be_bytes(), LOCAL | LISTED | END) {
                    self.pending = Some(window.to_be_bytes());
                    used = at + 1;
                    break;
                }
            }
            self.inner.consume(used);
            bytes += used as u64;
            if self.pending.is_some() {
                return Ok(Next::Damaged { bytes });
            }
        }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self, length: u16) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length.into()];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn pass(&mut self, length: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.inner.by_ref().take(length), &mut io::sink())?;
        if passed < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// The content of a member, checked at its end.
pub(super) struct Content<'z, R: Read> {
    body: Body<'z, R>,
    crc: Crc,
    size: u64,
    check: Option<(u32, u64)>,
    failed: bool,
}

enum Body<'z, R: Read> {
    Stored(io::Take<&'z mut BufReader<R>>),
    Deflated(io::Take<&'z mut BufReader<R>>, Inflate),
}

/// What was read of a content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    /// Packed bytes that are left.
    left: u64,
    crc: u32,
    failed: bool,
}

impl<R: Read> Content<'_, R> {
    /// Ends reading; the content must have been read to its end or its error.
    pub(super) fn finish(self) -> Passed {
        let limit = match &self.body {
            Body::Stored(body) => body.limit(),
            Body::Deflated(body, _) => body.limit(),
        };
        // Without a known length there is no rest: the content says itself where it ends.
        let left = if limit > u64::MAX / 2 { 0 } else { limit };
        Passed { left, crc: self.crc.sum(), failed: self.failed }
    }

    fn inflate(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = match &mut self.body {
            Body::Stored(body) => {
                let n = body.read(buf)?;
                if n == 0 && !buf.is_empty() && body.limit() > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                n
            }
            Body::Deflated(body, inflate) => inflate.read(body, buf)?,
        };
        self.crc.update(buf.get(..n).unwrap_or_default());
        self.size += n as u64;
        match self.check {
            Some(check) if n == 0 && !buf.is_empty() && check != (self.crc.sum(), self.size) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "the content does not match its checksum"))
            }
            _ => Ok(n),
        }
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(0);
        }
        let read = self.inflate(buf);
        self.failed = matches!(&read, Err(e) if e.kind() != io::ErrorKind::Interrupted);
        read
    }
}

/// The zip64 field of an extra block.
fn zip64(mut extra: &[u8]) -> &[u8] {
    while let Some((head, rest)) = extra.split_at_checked(4) {
        let Some((field, after)) = rest.split_at_checked(short(head, 2).into()) else { break };
        if short(head, 0) == 1 {
            return field;
        }
        extra = after;
    }
    &[]
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at.saturating_add(2)).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at.saturating_add(4)).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}
