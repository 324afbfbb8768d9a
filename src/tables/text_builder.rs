//! A column of texts that points into the block being read, where the text lies there, and copies it otherwise
//! (texts that held escapes, or were taken out of an envelope).

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder, new_null_array};
use arrow::buffer::Buffer;
use arrow::datatypes::DataType;

/// Texts up to this length are copied, so that those of a column lie together: rows are read one by one, but written
/// column by column, and a text that lies where its row lies would be fetched from memory anew for each column.
const COPIED: usize = 128;
/// Bytes of copies that lie together.
const MOST: u32 = 32 << 10;

/// A column of texts on its way to a record batch.
pub struct TextBuilder {
    texts: StringViewBuilder,
    /// Missing texts in front of the first one, which are not in `texts` yet.
    missing: usize,
    /// Whether there was a text.
    any: bool,
    /// Address and length of the block.
    start: usize,
    length: usize,
}

impl TextBuilder {
    /// No texts yet; texts that lie in `block` will not be copied.
    pub fn new(block: &Buffer) -> Self {
        let rows = super::event_builder::rows_in(block);
        // Room for the copies of few rows must be small: small files give many columns of few rows.
        let copies = u32::try_from(rows.saturating_mul(32)).unwrap_or(MOST).clamp(256, MOST);
        let mut texts = StringViewBuilder::with_capacity(rows).with_fixed_block_size(copies);
        // Views hold 32-bit offsets.
        let usable = !block.is_empty() && u32::try_from(block.len()).is_ok_and(|n| n < u32::MAX);
        if usable {
            texts.append_block(block.clone());
        }
        Self {
            texts,
            missing: 0,
            any: false,
            start: block.as_ptr().addr(),
            length: if usable { block.len() } else { 0 },
        }
    }

    /// Adds a text.
    pub fn append_value(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        if !self.any {
            self.any = true;
            (0..std::mem::take(&mut self.missing)).for_each(|_| self.texts.append_null());
        }
        if text.len() > COPIED
            && let Some((offset, length)) = self.place(text)
            && self.texts.try_append_view(0, offset, length).is_ok()
        {
            return;
        }
        self.texts.append_value(text);
    }

    /// Adds a missing text.
    pub fn append_null(&mut self) {
        match self.any {
            true => self.texts.append_null(),
            false => self.missing += 1,
        }
    }

    /// Adds a text or a missing one.
    pub fn append_option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.append_value(text),
            None => self.append_null(),
        }
    }

    /// Where in the block the text lies, if it does.
    fn place(&self, text: &str) -> Option<(u32, u32)> {
        let offset = text.as_ptr().addr().checked_sub(self.start)?;
        (offset.checked_add(text.len())? <= self.length).then_some(())?;
        Some((u32::try_from(offset).ok()?, u32::try_from(text.len()).ok()?))
    }

    /// The texts as a column. Columns without any text share `none`, made by the first of them.
    pub fn finish(&mut self, none: &mut Option<ArrayRef>) -> ArrayRef {
        if std::mem::take(&mut self.any) {
            return Arc::new(self.texts.finish());
        }
        let missing = std::mem::take(&mut self.missing);
        Arc::clone(none.get_or_insert_with(|| new_null_array(&DataType::Utf8View, missing)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use arrow::array::AsArray as _;

    use super::*;

    #[test]
    fn texts_of_the_block_are_not_copied_and_others_are() {
        let block = Buffer::from_vec(b"a text that is long enough; short".to_vec());
        let inside = std::str::from_utf8(&block).unwrap();
        let mut builder = TextBuilder::new(&block);
        builder.append_value(&inside[..26]);
        builder.append_option(None);
        builder.append_value("another long text, from elsewhere");
        builder.append_value(&inside[28..]);
        builder.append_value(inside);
        let column = builder.finish(&mut None);
        let texts = column.as_string_view();
        let wanted =
            [Some(&inside[..26]), None, Some("another long text, from elsewhere"), Some("short"), Some(inside)];
        assert_eq!(texts.iter().collect::<Vec<_>>(), wanted);
        assert_eq!(texts.data_buffers()[0].as_ptr(), block.as_ptr());
    }

    #[test]
    fn without_a_block_every_text_is_copied() {
        let mut builder = TextBuilder::new(&Buffer::default());
        builder.append_value("no block at all, and long");
        builder.append_value("");
        let column = builder.finish(&mut None);
        assert_eq!(column.as_string_view().iter().collect::<Vec<_>>(), [Some("no block at all, and long"), Some("")]);
    }
}
