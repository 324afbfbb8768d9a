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

/// What comes next in the archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A member; its content follows.
    Member(Header),
    /// A block that should be a header is none. What lies behind it, up to the next header, follows as content.
    Damaged,
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
    /// Reading a member whose header is lost: what is left of its last block.
    lost: Option<Vec<u8>>,
    /// The mark of the end was met.
    ended: bool,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0, pending: None, lost: None, ended: false }
    }

    /// The next member. Content of the one before is passed over.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        let mut pax = Pax::default();
        loop {
            self.pass()?;
            let Some(block) = self.block()? else { return Ok(Next::End) };
            if block.iter().all(|b| *b == 0) {
                // One zero block may be padding; the end is two, and then whatever fills the tape: it is
                // passed over, for another archive may follow, and the checksum of a compressed one does.
                match self.block()? {
                    Some(next) if next.iter().any(|b| *b != 0) => self.pending = Some(next),
                    Some(_) => self.ended = true,
                    None => return Ok(Next::End),
                }
                continue;
            }
            if self.ended && parse(&block).is_none() {
                continue;
            }
            self.ended = false;
            let Some(mut header) = parse(&block) else {
                // A spoilt header is passed over. Where bytes are missing or too many, records lie here.
                let header = block.get(257..262) == Some(b"ustar") && block.ends_with(&[0; 12]);
                let mut lost = if header { Vec::new() } else { block.to_vec() };
                lost.extend((!header && block.ends_with(&[0; 12])).then_some(b'\n'));
                self.lost = Some(lost);
                return Ok(Next::Damaged);
            };
            (self.left, self.padding) = (header.size, (BLOCK as u64 - header.size % BLOCK as u64) % BLOCK as u64);
            match header.kind {
                // Nobody has a name of a mebibyte; what is cut off could be the size of the member behind it.
                b'x' | b'L' if header.size > MAX_META => {
                    self.pass()?;
                    self.lost = Some(Vec::new());
                    return Ok(Next::Damaged);
                }
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
                    if pax.sparse {
                        header.kind = b'S';
                    }
                    // Old archives mark folders by a slash only.
                    if header.kind == b'0' && header.name.ends_with(b"/") {
                        header.kind = b'5';
                    }
                    return Ok(Next::Member(header));
                }
            }
        }
    }

    /// Content behind a lost header: block by block, up to a header or the end.
    fn read_lost(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(rest) = &mut self.lost else { return Ok(0) };
        if rest.is_empty() {
            let mut block = [0; BLOCK];
            let mut filled = 0;
            while let Some(free) = block.get_mut(filled..).filter(|f| !f.is_empty()) {
                match self.inner.read(free)? {
                    0 => break,
                    n => filled += n,
                }
            }
            if filled == BLOCK && parse(&block).is_some() {
                self.pending = Some(block);
                filled = 0;
            }
            rest.extend_from_slice(block.get(..filled).unwrap_or_default());
            if rest.is_empty() {
                self.lost = None;
                return Ok(0);
            }
        }
        let n = rest.len().min(buf.len());
        buf.iter_mut().zip(rest.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(n)
    }

    /// The content of an extension header.
    fn meta(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let wanted = self.left.min(MAX_META);
        self.by_ref().take(wanted).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn pass(&mut self) -> io::Result<()> {
        if self.lost.is_some() {
            io::copy(self, &mut io::sink())?;
        }
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
            Err(_) if self.ended => Ok(None),
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Reads the content of the current member.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.lost.is_some() {
            return self.read_lost(buf);
        }
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
pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Header> {
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
        // Negative numbers and those above 64 bits are no size.
        let (high, tail) = rest.split_at_checked(rest.len().saturating_sub(8))?;
        let small = *first & 0x7f == 0 && high.iter().all(|b| *b == 0);
        return small.then(|| tail.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b)));
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
    /// The content is a map of a file with holes, and what lies between them.
    sparse: bool,
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
            } else if body.starts_with(b"GNU.sparse.") {
                self.sparse = true;
            }
            bytes = rest;
        }
    }
}
