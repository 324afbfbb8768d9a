//! Reads one evidence file once: hashed, decompressed, recognised, cut and parsed on the way.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::ImportError;
use super::discover::Input;
use super::parse::{Parsed, Parser};
use crate::formats::blocks::{Block, BlockReader, Piece};
use crate::formats::decode::{Compression, decoded};
use crate::formats::recognise::{Shape, shape};
use crate::formats::{Reject, hex};
use crate::model::progress::Progress;

/// Bytes looked at to recognise a file.
const HEAD: usize = 64 << 10;
/// Bytes of lines parsed by one thread at a time.
const BLOCK: usize = 1 << 20;
/// The largest file of documents (not lines) that is read.
const MAX_DOCUMENTS: u64 = 2 << 30;

/// What is known of a file once it is read.
pub struct FileFacts {
    /// SHA-256 of the file as collected, hex.
    pub sha256: String,
    /// Its size.
    pub size: u64,
    /// How it is compressed.
    pub compression: Compression,
    /// How it was cut.
    pub shape: Shape,
    /// Signs of incompleteness.
    pub warnings: Vec<String>,
}

/// Reads `input`, handing what is parsed to `consume` in the order of the file.
///
/// # Errors
/// When the file cannot be read at all, or `consume` fails. Damage inside is a reject, not an error.
pub fn read_source(
    input: &Input,
    source_id: &str,
    progress: &dyn Progress,
    consume: &mut dyn FnMut(Parsed) -> Result<(), ImportError>,
) -> Result<FileFacts, ImportError> {
    let unreadable = |source: io::Error| ImportError::Unreadable { path: input.path.clone(), source };
    let digest = Arc::new(Mutex::new(HashState::default()));
    let raw = Hashing { inner: input.open().map_err(unreadable)?, state: Arc::clone(&digest), progress };
    let (compression, mut reader) = decoded(Box::new(raw)).map_err(unreadable)?;
    let (head, whole, failure) = read_head(&mut reader);
    if let (Some(e), Compression::None) = (failure.as_ref(), compression) {
        return Err(unreadable(io::Error::new(e.kind(), e.to_string())));
    }
    let shape = shape(&head, whole);
    let mut warnings = Vec::new();
    let stream = io::Cursor::new(head).chain(Failing(failure).chain(reader));
    match shape {
        Shape::JsonLines => read_lines(stream, source_id, compression, &mut warnings, consume)?,
        Shape::JsonDocuments | Shape::Yaml | Shape::ApiResources => {
            read_whole(stream, shape, source_id, compression, &mut warnings, consume)?;
        }
        Shape::Unknown => {}
    }
    let (sha256, size) = finish_hash(input, &digest).map_err(unreadable)?;
    Ok(FileFacts { sha256, size, compression, shape, warnings })
}

fn read_head(reader: &mut impl Read) -> (Vec<u8>, bool, Option<io::Error>) {
    let mut head = Vec::new();
    match reader.take(HEAD as u64).read_to_end(&mut head) {
        Ok(n) => (head, n < HEAD, None),
        Err(e) => (head, true, Some(e)),
    }
}

/// Repeats an error met while looking at the head, at its place in the stream.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn read_lines(
    stream: impl Read + Send,
    source_id: &str,
    compression: Compression,
    warnings: &mut Vec<String>,
    consume: &mut dyn FnMut(Parsed) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = BlockReader::new(stream, BLOCK);
    let group_size = rayon::current_num_threads() * 2;
    let mut cut_off = false;
    let mut group = next_group(&mut reader, group_size);
    while !group.is_empty() {
        let parse = || group.par_iter().map(|piece| parse_piece(piece, source_id)).collect::<Vec<_>>();
        // Parse this group while the next one is read and hashed.
        let (parsed, next) = rayon::join(parse, || next_group(&mut reader, group_size));
        for part in parsed {
            let part = part?;
            cut_off = part.rejects.iter().any(|r| r.reason.starts_with("last line is cut off"));
            consume(part)?;
        }
        group = next;
    }
    if cut_off {
        warnings.push("partial-last-line".to_owned());
    }
    if let Some(e) = reader.take_failure() {
        let (offset, line) = reader.position();
        damaged(compression, &e, (!cut_off).then_some((offset, line)), warnings, consume)?;
    }
    Ok(())
}

fn next_group(reader: &mut BlockReader<impl Read>, size: usize) -> Vec<Piece> {
    std::iter::from_fn(|| reader.next_piece()).take(size).collect()
}

fn parse_piece(piece: &Piece, source_id: &str) -> Result<Parsed, ImportError> {
    match piece {
        Piece::Lines(block) => Ok(parse_block(block, source_id)?),
        Piece::TooLong(reject) => Ok(Parsed { rejects: vec![reject.clone()], ..Default::default() }),
    }
}

fn parse_block(block: &Block, source_id: &str) -> Result<Parsed, arrow::error::ArrowError> {
    Parser::new(source_id).block(block)
}

fn read_whole(
    stream: impl Read,
    shape: Shape,
    source_id: &str,
    compression: Compression,
    warnings: &mut Vec<String>,
    consume: &mut dyn FnMut(Parsed) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut bytes = Vec::new();
    let read = stream.take(MAX_DOCUMENTS + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > MAX_DOCUMENTS {
        let head = bytes.get(..HEAD).unwrap_or_default();
        let reason = format!("documents of more than {MAX_DOCUMENTS} bytes: export them one object or event a line");
        return consume(Parsed { rejects: vec![Reject::new(0, 1, head, reason)], ..Default::default() });
    }
    let parser = Parser::new(source_id);
    let parsed = match shape {
        Shape::Yaml => parser.yaml(&bytes)?,
        Shape::ApiResources => parser.api_resources(&bytes)?,
        _ => parser.documents(&bytes)?,
    };
    let cut = !parsed.rejects.is_empty();
    consume(parsed)?;
    match read {
        Ok(_) => Ok(()),
        Err(e) => damaged(compression, &e, (!cut).then_some((bytes.len() as u64, 1)), warnings, consume),
    }
}

/// A stream that broke off: a warning, and one reject unless the cut record is one already.
fn damaged(
    compression: Compression,
    error: &io::Error,
    reject_at: Option<(u64, u64)>,
    warnings: &mut Vec<String>,
    consume: &mut dyn FnMut(Parsed) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let cut = error.kind() == io::ErrorKind::UnexpectedEof;
    warnings.push(format!("{compression}-{}", if cut { "truncated" } else { "damaged" }));
    let Some((offset, line)) = reject_at else { return Ok(()) };
    let reason = format!(
        "{compression} stream is {}: {error}; everything before it was read",
        if cut { "cut off" } else { "damaged" }
    );
    consume(Parsed { rejects: vec![Reject::new(offset, line, b"", reason)], ..Default::default() })
}

#[derive(Default)]
struct HashState {
    hash: Sha256,
    bytes: u64,
}

/// Hashes what flows through.
struct Hashing<'r> {
    inner: Box<dyn Read + Send + 'r>,
    state: Arc<Mutex<HashState>>,
    progress: &'r dyn Progress,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.hash.update(buf.get(..n).unwrap_or_default());
        state.bytes += n as u64;
        self.progress.advance(n as u64);
        Ok(n)
    }
}

/// The digest of the whole file. When reading stopped early (damage, unknown content) it is read again.
fn finish_hash(input: &Input, state: &Mutex<HashState>) -> io::Result<(String, u64)> {
    let state = std::mem::take(&mut *state.lock().unwrap_or_else(PoisonError::into_inner));
    if state.bytes == input.size {
        return Ok((hex(&state.hash.finalize()), state.bytes));
    }
    sha256_of(input)
}

/// SHA-256 and size of a file, by reading it.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(input: &Input) -> io::Result<(String, u64)> {
    let mut reader = input.open()?;
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut reader, &mut hash)?;
    Ok((hex(&hash.finalize()), bytes))
}
