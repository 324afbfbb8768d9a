//! A column of texts, each by itself or by a key into a dictionary: one look for both.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray as _, Int32Array, StringArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::Int32Type;

/// Texts of a column.
#[derive(Clone, Copy)]
pub enum Texts<'b> {
    /// One by one.
    Plain(&'b StringArray),
    /// Keys, and what they stand for.
    Keyed(&'b Int32Array, &'b StringArray),
}

impl<'b> Texts<'b> {
    /// The texts of an array; nothing where it holds something else.
    pub fn of(array: &'b ArrayRef) -> Option<Self> {
        if let Some(keyed) = array.as_dictionary_opt::<Int32Type>() {
            return Some(Self::Keyed(keyed.keys(), keyed.values().as_string_opt::<i32>()?));
        }
        array.as_string_opt::<i32>().map(Self::Plain)
    }

    /// Rows.
    pub fn len(self) -> usize {
        match self {
            Self::Plain(texts) => texts.len(),
            Self::Keyed(keys, _) => keys.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The text in a row, where there is one.
    pub fn get(self, row: usize) -> Option<&'b str> {
        match self {
            Self::Plain(texts) => present(texts, row),
            Self::Keyed(keys, texts) => {
                let key = (row < keys.len() && keys.is_valid(row)).then(|| keys.value(row))?;
                present(texts, usize::try_from(key).ok()?)
            }
        }
    }

    /// Which rows have a text for which this is true.
    pub fn matching(self, test: impl Fn(&str) -> bool) -> BooleanBuffer {
        match self {
            Self::Plain(texts) => {
                BooleanBuffer::collect_bool(texts.len(), |row| present(texts, row).is_some_and(&test))
            }
            Self::Keyed(keys, texts) => {
                let holds: Vec<bool> = (0..texts.len()).map(|at| present(texts, at).is_some_and(&test)).collect();
                if !holds.contains(&true) {
                    return BooleanBuffer::new_unset(keys.len());
                }
                let values = keys.values();
                let held = |row: usize| {
                    let key = values.get(row).and_then(|key| usize::try_from(*key).ok());
                    key.and_then(|key| holds.get(key)).copied().unwrap_or_default()
                };
                // A missing value has a key as well, which means nothing.
                and_present(BooleanBuffer::collect_bool(keys.len(), held), keys.nulls())
            }
        }
    }

    /// Which rows have no text.
    pub fn missing(self) -> BooleanBuffer {
        match self {
            Self::Plain(texts) => absent(texts.nulls(), texts.len()),
            Self::Keyed(keys, _) => absent(keys.nulls(), keys.len()),
        }
    }

    /// For each row the place of its text among the different ones, which are the second; a row without text has a place
    /// past the end of them.
    pub fn numbered(self) -> (Vec<usize>, Vec<&'b str>) {
        match self {
            Self::Plain(texts) => {
                let (mut places, mut different) = (HashMap::new(), Vec::new());
                let place = |text: Option<&'b str>| {
                    text.map_or(usize::MAX, |text| {
                        *places.entry(text).or_insert_with(|| {
                            different.push(text);
                            different.len().saturating_sub(1)
                        })
                    })
                };
                (texts.iter().map(place).collect(), different)
            }
            Self::Keyed(keys, texts) => {
                let place = |key: Option<i32>| key.and_then(|k| usize::try_from(k).ok()).unwrap_or(usize::MAX);
                let places = match keys.nulls() {
                    None => keys.values().iter().map(|key| place(Some(*key))).collect(),
                    Some(_) => keys.iter().map(place).collect(),
                };
                (places, (0..texts.len()).map(|at| present(texts, at).unwrap_or_default()).collect())
            }
        }
    }
}

fn present(texts: &StringArray, row: usize) -> Option<&str> {
    (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
}

fn and_present(bits: BooleanBuffer, nulls: Option<&NullBuffer>) -> BooleanBuffer {
    nulls.map_or_else(|| bits.clone(), |nulls| &bits & nulls.inner())
}

fn absent(nulls: Option<&NullBuffer>, rows: usize) -> BooleanBuffer {
    nulls.map_or_else(|| BooleanBuffer::new_unset(rows), |nulls| !nulls.inner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::DictionaryArray;

    use super::*;

    #[test]
    fn keys_and_plain_texts_say_the_same() {
        let texts = [Some("a"), None, Some("bb"), Some("a"), Some("")];
        let plain: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let keyed: ArrayRef = Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>());
        for array in [&plain, &keyed] {
            let column = Texts::of(array).unwrap();
            assert_eq!((0..6).map(|row| column.get(row)).collect::<Vec<_>>(), [&texts[..], &[None]].concat());
            let bits = |bits: BooleanBuffer| bits.set_indices().collect::<Vec<_>>();
            assert_eq!(bits(column.matching(|t| t.len() == 1)), [0, 3]);
            assert_eq!(bits(column.matching(str::is_empty)), [4]);
            assert_eq!(bits(column.matching(|_| false)), [0_usize; 0]);
            assert_eq!(bits(column.missing()), [1]);
            let (places, different) = column.numbered();
            let back: Vec<_> = places.iter().map(|place| different.get(*place).copied()).collect();
            assert_eq!(back, texts);
        }
        assert!(Texts::of(&(Arc::new(Int32Array::from(vec![1])) as ArrayRef)).is_none());
    }
}
