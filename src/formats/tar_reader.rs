//! Reads tar archives as a stream (POSIX ustar, pax, GNU long names). Written out here because members
//! must be readable on another thread while the archive goes on, and because a damaged header must not
//! end the archive: headers are checked, and the next good one is looked for.

use std::io::{self, Read};

/// Size of a block.
const BLOCK: usize = 512;
/// The longest name or pax record that is read.
const MAX_META: u64 = 1 << 20;

/// What a header describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its name as bytes.
    pub(super) name: Vec<u8>,
    /// Its type: `0` for files.
    pub(super) kind: u8,
    /// Bytes of content.
    pub(super) size: u64,
}

/// Why a header is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A member; its content follows.
    Member(Header),
    /// Blocks were passed over that are no header.
    Damaged { blocks: u64 },
    /// The archive ends.
    End,
}

/// Walks over the members of a tar stream.
pub(super) struct TarReader<R> {
    inner: R,
    /// Content of the current member not read yet, and its padding.
    left: u64,
    padding: u64,
    pending: Option<[u8; BLOCK]>,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0, pending: None }
    }

    /// The next member. Content of the one before is passed over.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        let mut pax = Pax::default();
        loop {
            self.pass()?;
            let Some(block) = self.block()? else { return Ok(Next::End) };
            if block.iter().all(|b| *b == 0) {
                // One zero block may be padding; the end is two, and then whatever fills the tape.
                match self.block()? {
                    Some(next) if next.iter().any(|b| *b != 0) => self.pending = Some(next),
                    _ => return Ok(Next::End),
                }
                continue;
            }
            let Some(mut header) = parse(&block) else { return self.resume() };
            (self.left, self.padding) = (header.size, (BLOCK as u64 - header.size % BLOCK as u64) % BLOCK as u64);
            match header.kind {
                b'x' => pax.read(&self.meta()?),
                b'g' => {
                    self.meta()?;
                }
                b'L' => pax.path = Some(until_nul(&self.meta()?)),
                b'K' => {
                    self.meta()?;
                }
                _ => {
                    if let Some(size) = pax.size {
                        header.size = size;
                        (self.left, self.padding) = (size, (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64);
                    }
                    header.name = pax.path.take().unwrap_or(header.name);
                    // Old archives mark folders by a slash only.
                    if header.kind == b'0' && header.name.ends_with(b"/") {
                        header.kind = b'5';
                    }
                    return Ok(Next::Member(header));
                }
            }
        }
    }

    /// Passes over what is no header, up to one or the end.
    fn resume(&mut self) -> io::Result<Next> {
        let mut blocks = 1;
        while let Some(block) = self.block()? {
            if parse(&block).is_some() {
                self.pending = Some(block);
                break;
            }
            blocks += 1;
        }
        Ok(Next::Damaged { blocks })
    }

    /// The content of an extension header.
    fn meta(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let wanted = self.left.min(MAX_META);
        self.by_ref().take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn pass(&mut self) -> io::Result<()> {
        let wanted = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let passed = io::copy(&mut self.inner.by_ref().take(wanted), &mut io::sink())?;
        if passed < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// The next block; `None` at the end of the stream.
    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        if let Some(block) = self.pending.take() {
            return Ok(Some(block));
        }
        let mut bytes = Vec::with_capacity(BLOCK);
        self.inner.by_ref().take(BLOCK as u64).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        match <[u8; BLOCK]>::try_from(bytes) {
            Ok(block) => Ok(Some(block)),
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Reads the content of the current member.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let n = self.inner.read(buf.get_mut(..most).unwrap_or_default())?;
        if n == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// A header whose checksum is right.
fn parse(block: &[u8; BLOCK]) -> Option<Header> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let sum: u64 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum();
    if number(field(148, 156))? != sum {
        return None;
    }
    let mut name = until_nul(field(0, 100));
    let prefix = until_nul(field(345, 500));
    // GNU archives keep times where POSIX keeps the start of long names.
    if field(257, 263) == b"ustar\0" && !prefix.is_empty() {
        name = [prefix, b"/".to_vec(), name].concat();
    }
    let kind = match *block.get(156)? {
        0 | b'7' => b'0',
        kind => kind,
    };
    // Links and devices have no content, whatever their header says.
    let size = number(field(124, 136))?;
    let size = if matches!(kind, b'1'..=b'6') { 0 } else { size };
    Some(Header { name, kind, size })
}

/// Octal digits, or a big-endian number marked by the top bit.
fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && *first & 0x80 != 0
    {
        let tail = rest.iter().rev().take(8).rev();
        return Some(tail.fold(0_u64, |n, b| n << 8 | u64::from(*b)));
    }
    let digits: Vec<u8> = field.iter().copied().filter(|b| !matches!(b, 0 | b' ')).collect();
    digits
        .iter()
        .try_fold(0_u64, |n, b| matches!(b, b'0'..=b'7').then(|| n.checked_mul(8)?.checked_add(u64::from(b - b'0')))?)
}

fn until_nul(field: &[u8]) -> Vec<u8> {
    field.split(|b| *b == 0).next().unwrap_or_default().to_vec()
}

/// Extended values of the next member.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Pax {
    /// Records `<length> <key>=<value>\n`.
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(space) = memchr::memchr(b' ', bytes) {
            let length = bytes.get(..space).and_then(|d| std::str::from_utf8(d).ok()?.parse::<usize>().ok());
            let Some((record, rest)) = length.and_then(|l| bytes.split_at_checked(l)) else { return };
            let body = record.get(space + 1..).unwrap_or_default();
            let body = body.strip_suffix(b"\n").unwrap_or(body);
            if let Some(path) = body.strip_prefix(b"path=") {
                self.path = Some(path.to_vec());
            } else if let Some(size) = body.strip_prefix(b"size=") {
                self.size = std::str::from_utf8(size).ok().and_then(|s| s.parse().ok());
            }
            bytes = rest;
        }
    }
}
