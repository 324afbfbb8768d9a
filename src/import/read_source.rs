//! Reads one evidence file once: hashed, decompressed, recognised, cut and parsed on the way. An
//! archive is a source without records of its own; each member is a source beside it, read as a stream
//! and never unpacked to disk. Whatever comes out of one file shares one budget.

use std::convert::Infallible;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::ImportError;
use super::dedup::Keying;
use super::discover::Input;
use super::in_order::{Jobs, in_order};
use super::parse::{self, Parsed};
use super::room::Room;
use super::same_bytes::Begun;
use crate::formats::archive::{self, Visitor};
use crate::formats::decode::{Content, Peeled, failure_code, peel};
use crate::formats::layout::Context;
use crate::formats::limits::{Budget, Limits};
use crate::formats::recognise::Cut;
use crate::formats::source::{Batch, Source};
use crate::formats::{Reject, hex, warnings};
use crate::model::progress::Progress;

/// What stands between the path of an archive and that of its member.
pub const MEMBER: &str = "!/";
/// Archives inside archives that are opened.
pub const NESTED: u32 = 2;

/// What is known of a file once it is read.
#[derive(Clone)]
pub struct FileFacts {
    /// SHA-256 of the file as collected, hex.
    pub sha256: String,
    /// Its size.
    pub size: u64,
    /// How it is compressed: `none`, `gzip`, `gzip+gzip`.
    pub compression: String,
    /// What lies under the compression.
    pub content: Content,
    /// How it was cut.
    pub cut: Cut,
    /// Signs that concern the file and none of its records.
    pub warnings: Vec<String>,
}

/// Receives what is read. Sources are numbered by [`Consumer::begin`]; those of an archive's members
/// begin and end while the archive's own is open.
pub trait Consumer {
    /// A source begins; gives its number and its id.
    fn begin(&mut self, path: &str) -> (usize, String);

    /// Whether the case has these very bytes; they are then not read again.
    fn known(&mut self, path: &str, bytes: &[u8]) -> bool;

    /// Something was parsed, in the order of the source.
    ///
    /// # Errors
    /// Ends the import.
    fn take(&mut self, number: usize, parsed: Parsed) -> Result<(), ImportError>;

    /// A member of an archive was not read.
    fn refused(&mut self, number: usize, member: &str, why: &str);

    /// A source ends.
    ///
    /// # Errors
    /// Ends the import.
    fn end(&mut self, number: usize, facts: &FileFacts) -> Result<(), ImportError>;
}

/// Reads `input`.
///
/// # Errors
/// When the file cannot be read at all, or the consumer fails. Damage inside is a reject, not an error.
pub fn read_source(
    input: &Input,
    limits: Limits,
    room: Room,
    keying: &Keying,
    progress: &dyn Progress,
    consumer: &mut dyn Consumer,
) -> Result<(), ImportError> {
    let unreadable = |source: io::Error| ImportError::Unreadable { path: input.path.clone(), source };
    let budget = Budget::new(limits);
    let mut reading = Reading { budget: &budget, room: room.ahead, keying, consumer };
    let mut hashing = Hashing::new(input.open().map_err(unreadable)?, Some(progress));
    let (number, mut facts) = reading.source(&input.path, &mut hashing, 0)?;
    let known = hashing.failure.is_some();
    (facts.sha256, facts.size) = match hashing.finish() {
        Ok(digest) => digest,
        // A damaged bundle that is imported all the same: what could be read counts.
        Err(e) if input.bundle.is_some() => {
            if !known {
                reading.damaged(number, &e, &mut facts)?;
            }
            hashing.so_far()
        }
        Err(e) => return Err(unreadable(e)),
    };
    reading.consumer.end(number, &facts)
}

struct Reading<'a> {
    budget: &'a Budget,
    /// Bytes that are read and not taken yet.
    room: usize,
    keying: &'a Keying,
    consumer: &'a mut dyn Consumer,
}

impl Reading<'_> {
    /// Reads one source, archive or not. Its digest is filled in by the caller.
    fn source(&mut self, path: &str, raw: &mut Hashing<'_>, depth: u32) -> Result<(usize, FileFacts), ImportError> {
        let (number, id) = self.consumer.begin(path);
        let mut facts = FileFacts {
            sha256: String::new(),
            size: 0,
            compression: "none".to_owned(),
            content: Content::Plain,
            cut: Cut::Unknown,
            warnings: Vec::new(),
        };
        // Only the file itself is measured: what a member gives was unpacked from it.
        let stream: Box<dyn Read + Send + '_> =
            if depth == 0 { Box::new(self.budget.metered(raw)) } else { Box::new(raw) };
        let peeled = match peel(stream, self.budget) {
            Ok(peeled) => peeled,
            Err(e) => {
                self.damaged(number, &e, &mut facts)?;
                return Ok((number, facts));
            }
        };
        facts.compression = peeled.compression();
        facts.content = peeled.content;
        if peeled.too_deep {
            facts.warnings.push(warnings::NESTED_TOO_DEEP.to_owned());
            self.told(number, &format!("compressed more than {} times over: not read", peeled.layers.len()))?;
        }
        match peeled.content {
            Content::Plain => facts.cut = self.plain(number, &id, path, peeled)?,
            _ if depth >= NESTED => {
                facts.warnings.push(warnings::NESTED_TOO_DEEP.to_owned());
                self.told(number, "an archive in an archive in an archive: not read; unpack the outer ones")?;
            }
            _ => self.members(number, path, peeled, depth, &mut facts)?,
        }
        Ok((number, facts))
    }

    /// Reads, hashes and cuts on one thread, parses on all, and takes on this one.
    fn plain(&mut self, number: usize, id: &str, path: &str, peeled: Peeled<'_>) -> Result<Cut, ImportError> {
        let (ctx, keying, room) = (Context::of_path(path), self.keying, self.room);
        let mut source = Source::open(peeled, path, self.budget);
        in_order(
            Jobs { next: || source.next_batch(), weight: Batch::size, room },
            |batch| parse::parse(&batch, id, &ctx, keying),
            |parsed| self.consumer.take(number, parsed?),
        )?;
        Ok(source.cut())
    }

    fn members(
        &mut self,
        number: usize,
        path: &str,
        peeled: Peeled<'_>,
        depth: u32,
        facts: &mut FileFacts,
    ) -> Result<(), ImportError> {
        let (budget, tar) = (self.budget, peeled.content == Content::Tar);
        let mut walk = Walk { reading: self, number, path, depth, damage: Vec::new(), refused: false };
        if tar {
            archive::tar(peeled.reader, budget, &mut walk)?;
        } else {
            archive::zip(peeled.reader, budget, &mut walk)?;
        }
        let (damage, refused) = (walk.damage, walk.refused);
        if refused {
            facts.warnings.push(warnings::MEMBER_REFUSED.to_owned());
        }
        damage.iter().try_for_each(|e| self.damaged(number, e, facts))
    }

    /// What could not be read of an archive or member: a warning, and a reject that says why.
    fn damaged(&mut self, number: usize, why: &io::Error, facts: &mut FileFacts) -> Result<(), ImportError> {
        facts.warnings.push(failure_code(&[], why));
        self.told(number, &format!("{why}; everything before it was read"))
    }

    /// A reject of the source as a whole.
    fn told(&mut self, number: usize, why: &str) -> Result<(), ImportError> {
        let rejects = vec![Reject::new(0, 1, b"", why)];
        self.consumer.take(number, Parsed { rejects, ..Default::default() })
    }
}

/// The way through one archive.
struct Walk<'w, 'a> {
    reading: &'w mut Reading<'a>,
    number: usize,
    path: &'w str,
    depth: u32,
    damage: Vec<io::Error>,
    refused: bool,
}

impl Visitor for Walk<'_, '_> {
    type Error = ImportError;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), ImportError> {
        let path = format!("{}{MEMBER}{path}", self.path);
        let begun = Begun::read(content);
        if begun.whole && self.reading.consumer.known(&path, &begun.head) {
            return Ok(());
        }
        let mut hashing = Hashing::new(begun.stream(content), None);
        let (number, mut facts) = self.reading.source(&path, &mut hashing, self.depth + 1)?;
        match hashing.finish() {
            Ok((sha256, size)) => facts = FileFacts { sha256, size, ..facts },
            Err(e) => {
                // The digest is of what could be read; the archive tells the rest.
                (facts.sha256, facts.size) = hashing.so_far();
                let code = failure_code(&[], &e);
                if !facts.warnings.contains(&code) {
                    facts.warnings.push(code);
                }
            }
        }
        self.reading.consumer.end(number, &facts)
    }

    fn refused(&mut self, path: &str, why: &str) {
        self.refused = true;
        self.reading.consumer.refused(self.number, path, why);
    }

    fn damaged(&mut self, why: &io::Error) {
        // The cause is kept: it tells a limit from damage.
        self.damage.push(copy_of(why));
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    match crate::formats::limits::LimitExceeded::behind(error) {
        Some(limit) => io::Error::other(*limit),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Hashes what flows through.
pub struct Hashing<'r> {
    inner: Box<dyn Read + Send + 'r>,
    hash: Sha256,
    bytes: u64,
    progress: Option<&'r dyn Progress>,
    failure: Option<io::Error>,
}

impl<'r> Hashing<'r> {
    /// Nothing read yet.
    pub fn new(inner: Box<dyn Read + Send + 'r>, progress: Option<&'r dyn Progress>) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, progress, failure: None }
    }

    /// Reads what is left (readers stop early at damage and at content they do not know); gives the
    /// digest, hex, and the size.
    ///
    /// # Errors
    /// When the underlying reader failed, now or earlier.
    pub fn finish(&mut self) -> io::Result<(String, u64)> {
        match self.failure.take() {
            Some(e) => return Err(e),
            None => io::copy(self, &mut io::sink())?,
        };
        Ok(self.so_far())
    }

    /// Digest and size of what was read.
    pub fn so_far(&self) -> (String, u64) {
        (hex(&self.hash.clone().finalize()), self.bytes)
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = match self.inner.read(buf) {
            Ok(n) => n,
            Err(e) => {
                if e.kind() != io::ErrorKind::Interrupted {
                    self.failure = Some(copy_of(&e));
                }
                return Err(e);
            }
        };
        self.hash.update(buf.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        if let Some(progress) = self.progress {
            progress.advance(n as u64);
        }
        Ok(n)
    }
}

/// SHA-256 of bytes, hex.
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 and size of a file, by reading it.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(input: &Input) -> io::Result<(String, u64)> {
    Hashing::new(input.open()?, None).finish()
}

/// Reads a stretch of a decompressed source: of the member `member` when the file is an archive.
/// Gives the bytes and the SHA-256 of the source; `None` when there is no such member.
///
/// # Errors
/// When it cannot be read that far.
pub fn read_stretch(
    input: &Input,
    member: Option<&str>,
    offset: u64,
    length: u64,
) -> io::Result<Option<(Vec<u8>, String)>> {
    // What the import allowed is in the case already.
    let budget = Budget::new(Limits::none());
    let mut hashing = Hashing::new(input.open()?, None);
    let stretch = Stretch { budget: &budget, offset, length };
    match member {
        None => stretch.read(&mut hashing, true).map(Some),
        Some(member) => stretch.find(Box::new(budget.metered(&mut hashing)), member, 0),
    }
}

#[derive(Clone, Copy)]
struct Stretch<'b> {
    budget: &'b Budget,
    offset: u64,
    length: u64,
}

impl Stretch<'_> {
    fn read(self, raw: &mut Hashing<'_>, metered: bool) -> io::Result<(Vec<u8>, String)> {
        let mut bytes = Vec::new();
        let stream: Box<dyn Read + Send + '_> =
            if metered { Box::new(self.budget.metered(&mut *raw)) } else { Box::new(&mut *raw) };
        let mut reader = peel(stream, self.budget)?.reader;
        let skipped = io::copy(&mut reader.by_ref().take(self.offset), &mut io::sink())?;
        if skipped < self.offset {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.take(self.length).read_to_end(&mut bytes)?;
        let (sha256, _) = raw.finish()?;
        Ok((bytes, sha256))
    }

    fn find(
        self,
        reader: Box<dyn Read + Send + '_>,
        member: &str,
        depth: u32,
    ) -> io::Result<Option<(Vec<u8>, String)>> {
        let peeled = peel(reader, self.budget)?;
        let mut find = Find { stretch: self, member, depth, found: Ok(None) };
        let walked: Result<(), Infallible> = match peeled.content {
            Content::Tar => archive::tar(peeled.reader, self.budget, &mut find),
            Content::Zip => archive::zip(peeled.reader, self.budget, &mut find),
            Content::Plain => Ok(()),
        };
        let Ok(()) = walked;
        find.found
    }
}

/// Looks for one member.
struct Find<'f> {
    stretch: Stretch<'f>,
    member: &'f str,
    depth: u32,
    found: io::Result<Option<(Vec<u8>, String)>>,
}

impl Visitor for Find<'_> {
    type Error = Infallible;

    fn member(&mut self, path: &str, content: &mut (dyn Read + Send)) -> Result<(), Infallible> {
        if !matches!(self.found, Ok(None)) {
            return Ok(());
        }
        if path == self.member {
            self.found = self.stretch.read(&mut Hashing::new(Box::new(content), None), false).map(Some);
        } else if let Some(rest) = self.member.strip_prefix(path).and_then(|rest| rest.strip_prefix(MEMBER))
            && self.depth < NESTED
        {
            self.found = self.stretch.find(Box::new(content), rest, self.depth + 1);
        }
        Ok(())
    }

    fn refused(&mut self, _: &str, _: &str) {}

    fn damaged(&mut self, _: &io::Error) {}
}
