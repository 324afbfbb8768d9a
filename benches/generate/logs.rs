//! Audit log files as the API server leaves them: rotated by size and named by time, gzipped after the rotation,
//! the newest one `audit.log`. Compression runs beside the generation, one thread a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::clock::file_stamp;

/// How much is gathered before it is handed to the operating system.
const BUFFER: usize = 1 << 20;

/// How the files are written.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// The directory; it must be empty or absent.
    pub(crate) dir: PathBuf,
    /// A file is rotated before it grows beyond this many bytes.
    pub(crate) file_size: u64,
    /// Whether rotated files are gzipped.
    pub(crate) gzip: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// Files.
    pub(crate) files: u64,
    /// Lines.
    pub(crate) lines: u64,
    /// Bytes, before compression.
    pub(crate) bytes: u64,
}

/// Writes log lines into rotated files.
#[derive(Debug)]
pub(crate) struct Logs {
    layout: Layout,
    file: File,
    in_file: u64,
    buffer: Vec<u8>,
    last_time: i64,
    written: Written,
    compressing: Vec<JoinHandle<io::Result<()>>>,
}

impl Logs {
    /// Opens `audit.log`.
    pub(crate) fn create(layout: Layout) -> io::Result<Self> {
        empty_dir(&layout.dir)?;
        let file = File::create(layout.dir.join("audit.log"))?;
        let buffer = Vec::with_capacity(BUFFER.saturating_mul(2));
        Ok(Self {
            layout,
            file,
            in_file: 0,
            buffer,
            last_time: 0,
            written: Written::default(),
            compressing: Vec::new(),
        })
    }

    /// Writes one line, without its line feed, logged at `time`.
    pub(crate) fn line(&mut self, line: &[u8], time: i64) -> io::Result<()> {
        let length = (line.len() as u64).saturating_add(1);
        if self.in_file > 0 && self.in_file.saturating_add(length) > self.layout.file_size {
            self.rotate(time)?;
        }
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.last_time = self.last_time.max(time);
        self.in_file = self.in_file.saturating_add(length);
        self.written.bytes = self.written.bytes.saturating_add(length);
        self.written.lines = self.written.lines.saturating_add(1);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.written.bytes
    }

    /// Closes the last file and waits for the compression.
    pub(crate) fn finish(mut self) -> io::Result<Written> {
        self.flush()?;
        self.written.files = self.written.files.saturating_add(1);
        while self.join_one()? {}
        Ok(self.written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn rotate(&mut self, time: i64) -> io::Result<()> {
        self.flush()?;
        let current = self.layout.dir.join("audit.log");
        let mut stamp = self.last_time.max(time);
        let mut rotated = self.rotated(stamp);
        // Small files may rotate more than once a millisecond; no file may take another's name.
        while rotated.exists() || rotated.with_extension("log.gz").exists() {
            stamp = stamp.saturating_add(1000);
            rotated = self.rotated(stamp);
        }
        fs::rename(&current, &rotated)?;
        self.file = File::create(current)?;
        self.in_file = 0;
        self.written.files = self.written.files.saturating_add(1);
        if self.layout.gzip { self.compress(rotated) } else { Ok(()) }
    }

    fn rotated(&self, time: i64) -> PathBuf {
        self.layout.dir.join(format!("audit-{}.log", file_stamp(time)))
    }

    fn compress(&mut self, path: PathBuf) -> io::Result<()> {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        if self.compressing.len() >= most {
            self.join_one()?;
        }
        self.compressing.push(std::thread::spawn(move || gzip(&path)));
        Ok(())
    }

    fn join_one(&mut self) -> io::Result<bool> {
        if self.compressing.is_empty() {
            return Ok(false);
        }
        let done = self.compressing.remove(0).join();
        done.unwrap_or_else(|_| Err(io::Error::other("a compressing thread failed"))).map(|()| true)
    }
}

/// Makes the directory, or accepts it when it is empty: generated evidence never mixes with other files.
pub(crate) fn empty_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    match fs::read_dir(dir)?.next() {
        None => Ok(()),
        Some(_) => Err(io::Error::other(format!("`{}` is not empty; name a new directory", dir.display()))),
    }
}

fn gzip(path: &Path) -> io::Result<()> {
    let packed = path.with_extension("log.gz");
    let mut encoder = GzEncoder::new(File::create(packed)?, Compression::new(4));
    io::copy(&mut io::BufReader::with_capacity(BUFFER, File::open(path)?), &mut encoder)?;
    encoder.finish()?;
    fs::remove_file(path)
}
