//! Where the members of a tar file lie. The index is made by walking the headers once; nothing is unpacked.
//!
//! The tar crate's own iterator is not used: it forgives what an evidence container should not be forgiven
//! (bytes hidden in padding or behind the end, a missing end), and reads extended headers of any size into memory.

mod header;
mod pax;

use std::io::{self, Read, Seek, SeekFrom};

use tar::{EntryType, Header};

/// Size of a tar block.
const TAR_BLOCK: u64 = 512;
/// One block.
type Block = [u8; TAR_BLOCK as usize];
/// Longest name or extended header that is read.
const MAX_EXTENSION: u64 = 1 << 20;

/// What a tar file holds.
#[derive(Debug, Default)]
pub(super) struct TarIndex {
    /// Everything before the first damage, in the file's order.
    pub(super) members: Vec<TarMember>,
    /// What is wrong with the file itself.
    pub(super) damage: Vec<TarDamage>,
}

/// One member.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TarMember {
    /// Its name as written.
    pub(super) name: Vec<u8>,
    /// What it is.
    pub(super) kind: MemberKind,
    /// Where its bytes begin.
    pub(super) offset: u64,
    /// How many there are.
    pub(super) size: u64,
}

/// Kinds of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
    /// Anything else, in words.
    Other(&'static str),
}

/// Something wrong with the file itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TarDamage {
    /// A finding code.
    pub(super) code: &'static str,
    /// Where and what.
    pub(super) message: String,
}

/// Walks the headers of a tar file of `length` bytes.
///
/// # Errors
/// Only those of reading; damage is part of the index.
pub(super) fn index(file: &mut (impl Read + Seek), length: u64) -> io::Result<TarIndex> {
    let mut walk = Walk { file, length, at: 0, extension: Extension::default(), index: TarIndex::default() };
    while walk.step()? {}
    Ok(walk.index)
}

/// What extended headers said about the member that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

struct Walk<'a, F> {
    file: &'a mut F,
    length: u64,
    /// Where the next header begins.
    at: u64,
    extension: Extension,
    index: TarIndex,
}

impl<F: Read + Seek> Walk<'_, F> {
    fn damaged(&mut self, code: &'static str, message: String) {
        self.index.damage.push(TarDamage { code, message });
    }

    /// Reads one header and what belongs to it; says whether there may be more.
    fn step(&mut self) -> io::Result<bool> {
        let Some(block) = self.block()? else {
            let message =
                format!("the tar file ends at byte {} without the two zero blocks that mark its end", self.length);
            self.damaged("tar-truncated", message);
            return Ok(false);
        };
        if block.iter().all(|b| *b == 0) {
            self.end()?;
            return Ok(false);
        }
        self.header(&block, Header::from_byte_slice(&block))
    }

    /// Takes one header, and passes over the data it speaks of.
    fn header(&mut self, block: &Block, header: &Header) -> io::Result<bool> {
        let start = self.at;
        if let Err(why) = header::check_sum(block, header) {
            let message = format!("the tar header at byte {start} is damaged ({why}); what follows cannot be read");
            self.damaged("tar-damaged", message);
            return Ok(false);
        }
        if header::has_odd_sum_field(block) {
            let message =
                format!("the checksum field of the tar header at byte {start} is written as no tar writes it");
            self.damaged("tar-odd-header", message);
        }
        let Ok(size) = header.entry_size() else {
            let message = format!("the tar header at byte {start} has no readable size; what follows cannot be read");
            self.damaged("tar-damaged", message);
            return Ok(false);
        };
        self.at = start.saturating_add(TAR_BLOCK);
        match header.entry_type() {
            kind
            @ (EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader) => {
                self.extension(kind, size)
            }
            _ => self.member(header, size),
        }
    }

    /// The next 512 bytes; `None` when the file has fewer.
    fn block(&mut self) -> io::Result<Option<Block>> {
        if self.length.saturating_sub(self.at) < TAR_BLOCK {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(self.at))?;
        let mut block = [0; TAR_BLOCK as usize];
        self.file.read_exact(&mut block)?;
        Ok(Some(block))
    }

    fn member(&mut self, header: &Header, size: u64) -> io::Result<bool> {
        let extension = std::mem::take(&mut self.extension);
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let size = extension.size.unwrap_or(size);
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous if name.ends_with(b"/") => MemberKind::Folder,
            EntryType::Regular | EntryType::Continuous => MemberKind::File,
            EntryType::Directory => MemberKind::Folder,
            EntryType::Symlink => MemberKind::Other("a symbolic link"),
            EntryType::Link => MemberKind::Other("a hard link"),
            EntryType::Char | EntryType::Block => MemberKind::Other("a device"),
            EntryType::Fifo => MemberKind::Other("a named pipe"),
            EntryType::GNUSparse => MemberKind::Other("a sparse file"),
            _ => MemberKind::Other("of an unknown kind"),
        };
        if kind == MemberKind::Folder && size > 0 {
            let name = String::from_utf8_lossy(&name).into_owned();
            self.damaged(
                "tar-damaged",
                format!("the tar member `{name}` is a folder with {size} bytes; what follows cannot be read"),
            );
            return Ok(false);
        }
        let offset = self.at;
        let whole = self.skip(size, &name)?;
        if whole {
            self.index.members.push(TarMember { name, kind, offset, size });
        }
        Ok(whole)
    }

    /// A header that speaks of the next one: its long name, its size.
    fn extension(&mut self, kind: EntryType, size: u64) -> io::Result<bool> {
        if size > MAX_EXTENSION {
            let message = format!(
                "the tar header before byte {} has {size} bytes of extensions; what follows cannot be read",
                self.at
            );
            self.damaged("tar-damaged", message);
            return Ok(false);
        }
        let offset = self.at;
        if !self.skip(size, b"(extended header)")? {
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        self.file.read_exact(&mut bytes)?;
        if kind.is_gnu_longname() {
            self.extension.name = Some(bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec());
        } else if !kind.is_gnu_longlink() {
            self.pax(&bytes, kind.is_pax_local_extensions(), offset);
        }
        Ok(true)
    }

    fn pax(&mut self, bytes: &[u8], local: bool, offset: u64) {
        for record in pax::records(bytes) {
            match record {
                Some((b"path", value)) if local => self.extension.name = Some(value.to_vec()),
                Some((b"size", value)) if local => match std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()) {
                    Some(size) => self.extension.size = Some(size),
                    None => self.damaged(
                        "tar-damaged",
                        format!("the extended tar header at byte {offset} has no readable size"),
                    ),
                },
                Some((b"path" | b"size", _)) => {
                    let message = format!("the global tar header at byte {offset} names one file for all members");
                    self.damaged("tar-damaged", message);
                }
                Some(_) => {}
                None => self.damaged("tar-damaged", format!("the extended tar header at byte {offset} cannot be read")),
            }
        }
    }

    /// Passes over `size` bytes of data and their padding; says whether all of them are there.
    fn skip(&mut self, size: u64, name: &[u8]) -> io::Result<bool> {
        let end = self.at.saturating_add(size);
        let padding = TAR_BLOCK.saturating_sub(size % TAR_BLOCK) % TAR_BLOCK;
        let next = end.saturating_add(padding);
        if next > self.length {
            let (name, missing) = (String::from_utf8_lossy(name), next.saturating_sub(self.length));
            self.damaged(
                "tar-truncated",
                format!("the tar file ends inside the member `{name}`: {missing} bytes are missing"),
            );
            return Ok(false);
        }
        self.file.seek(SeekFrom::Start(end))?;
        if has_content(&mut self.file.by_ref().take(padding))? {
            let message = format!("the padding behind the tar member `{}` is not zero", String::from_utf8_lossy(name));
            self.damaged("tar-hidden-data", message);
        }
        self.at = next;
        Ok(true)
    }

    /// After the first zero block: a second must follow, and only zeros after it.
    fn end(&mut self) -> io::Result<()> {
        let rest = self.at.saturating_add(TAR_BLOCK);
        self.file.seek(SeekFrom::Start(rest))?;
        if self.length.saturating_sub(rest) < TAR_BLOCK {
            self.damaged("tar-truncated", format!("the tar file ends at byte {}, inside its end mark", self.length));
        }
        if self.extension.name.is_some() || self.extension.size.is_some() {
            self.damaged(
                "tar-hidden-data",
                format!("the extended tar header before byte {} speaks of no member", self.at),
            );
        }
        if has_content(self.file)? {
            self.damaged("tar-hidden-data", format!("there is data behind the end of the tar file at byte {rest}"));
        }
        Ok(())
    }
}

/// Whether any byte that is left is not zero.
fn has_content(reader: &mut impl Read) -> io::Result<bool> {
    let mut block = [0_u8; 8192];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(false),
            Ok(n) if block.iter().take(n).any(|b| *b != 0) => return Ok(true),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests;
