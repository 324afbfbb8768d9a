//! DEFLATE (RFC 1951) and gzip (RFC 1952, many members), giving every byte before damage. Usual decoders lose
//! what the call that meets the damage had unpacked: up to a buffer full of good records.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// One DEFLATE stream.
pub(super) struct Inflate {
    raw: Decompress,
    failure: Option<io::Error>,
    ended: bool,
}

impl Inflate {
    pub(super) fn new() -> Self {
        Self { raw: Decompress::new(false), failure: None, ended: false }
    }

    fn again(&mut self) {
        self.raw.reset(false);
        self.ended = false;
    }

    /// Unpacks into `buf`; 0 at the end of the stream, behind which `from` then stands.
    ///
    /// # Errors
    /// At the damage, once all before it was given; when `from` ends early.
    pub(super) fn read(&mut self, from: &mut impl BufRead, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(e) = self.failure.take() {
            return Err(e);
        }
        while !self.ended && !buf.is_empty() {
            let input = from.fill_buf()?;
            let at_end = input.is_empty();
            let (read, given) = (self.raw.total_in(), self.raw.total_out());
            let flush = if at_end { FlushDecompress::Finish } else { FlushDecompress::None };
            let status = self.raw.decompress(input, buf, flush);
            from.consume(difference(self.raw.total_in(), read));
            let n = difference(self.raw.total_out(), given).min(buf.len());
            let failure = match status {
                Ok(Status::StreamEnd) => {
                    self.ended = true;
                    None
                }
                Ok(_) if n == 0 && at_end => Some(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => None,
                Err(_) => Some(io::Error::new(io::ErrorKind::InvalidData, "corrupt deflate stream")),
            };
            match failure {
                Some(e) if n == 0 => return Err(e),
                failure => self.failure = failure,
            }
            if n > 0 {
                return Ok(n);
            }
        }
        Ok(0)
    }
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

/// A gzip file of one or more members.
pub(super) struct Gunzip<R> {
    inner: R,
    inflate: Inflate,
    crc: Crc,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Body,
    Between,
    Done,
}

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, inflate: Inflate::new(), crc: Crc::new(), state: State::Header }
    }

    fn header(&mut self) -> io::Result<()> {
        let [id1, id2, method, flags, ..] = self.array::<10>()?;
        if (id1, id2, method) != (0x1f, 0x8b, 8) || flags & 0xe0 != 0 {
            return Err(damaged("expected the header of a gzip member, found other bytes"));
        }
        if flags & 4 != 0 {
            let length = u16::from_le_bytes(self.array()?);
            self.pass(|seen, _| seen >= length.into())?;
        }
        // Name, then comment: each up to a zero byte.
        for flag in [8, 16] {
            if flags & flag != 0 {
                self.pass(|_, last| last == Some(0))?;
            }
        }
        if flags & 2 != 0 {
            self.array::<2>()?;
        }
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        let [a, b, c, d, e, f, g, h] = self.array::<8>()?;
        let told = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let found = (self.crc.sum(), self.crc.amount());
        self.crc.reset();
        if told == found { Ok(()) } else { Err(damaged("the content does not match its checksum")) }
    }

    /// Whether another member follows. Zeros behind the last are padding.
    fn another(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.inner.fill_buf()?;
            let zeros = buffer.iter().take_while(|b| **b == 0).count();
            let (empty, more) = (buffer.is_empty(), zeros < buffer.len());
            self.inner.consume(zeros);
            if empty || more {
                return Ok(more);
            }
        }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Passes bytes until `done`, told how many were passed and which was the last.
    fn pass(&mut self, done: impl Fn(u64, Option<u8>) -> bool) -> io::Result<()> {
        let (mut seen, mut last) = (0, None);
        while !done(seen, last) {
            let [byte] = self.array()?;
            (seen, last) = (seen + 1, Some(byte));
        }
        Ok(())
    }

    fn step(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.state {
                State::Header => {
                    self.header()?;
                    self.state = State::Body;
                }
                State::Body => {
                    let n = self.inflate.read(&mut self.inner, buf)?;
                    if n > 0 || buf.is_empty() {
                        self.crc.update(buf.get(..n).unwrap_or_default());
                        return Ok(n);
                    }
                    self.state = State::Between;
                    self.trailer()?;
                }
                State::Between => {
                    self.inflate.again();
                    self.state = if self.another()? { State::Header } else { State::Done };
                }
                State::Done => return Ok(0),
            }
        }
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.step(buf);
        if matches!(&read, Err(e) if e.kind() != io::ErrorKind::Interrupted) {
            self.state = State::Done;
        }
        read
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut e = flate2::GzBuilder::new()
            .filename("n")
            .comment("c")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), flate2::Compression::fast());
        e.write_all(text).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn members_padding_and_empty_ones() {
        let all = [packed(b"one"), packed(b""), packed(b"two"), vec![0; 700]].concat();
        let mut out = Vec::new();
        Gunzip::new(&all[..]).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"onetwo");
        for bad in [&b"\x1f\x8b\x07"[..], b"", b"\x1f\x8b\x08\xff\0\0\0\0\0\0"] {
            assert!(Gunzip::new(bad).read_to_end(&mut out).is_err());
        }
    }

    #[test]
    fn everything_before_the_damage_is_given_whatever_the_buffer() {
        let text: Vec<u8> =
            (0..60_000_u32).flat_map(|i| format!("{}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        let mut bytes = packed(&text);
        let middle = bytes.len() / 2;
        bytes[middle..middle + 40].fill(0xff);
        let given = |size: usize| {
            let (mut reader, mut out, mut buf) = (Gunzip::new(&bytes[..]), Vec::new(), vec![0; size]);
            loop {
                match reader.read(&mut buf) {
                    Ok(0) => panic!("the damage is not told"),
                    Ok(n) => out.extend_from_slice(&buf[..n]),
                    Err(_) => return out,
                }
            }
        };
        let (small, large) = (given(1), given(1 << 20));
        assert!(small.len() > text.len() / 4 && small == large, "{} {}", small.len(), large.len());
    }
}
