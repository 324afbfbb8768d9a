//! All rows of a case, to hold two cases against each other whatever their files are cut like.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs::File;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use kubesleuth::case::Case as Opened;
use kubesleuth::tables;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::common::Case;

/// All rows of all tables, each as text with its partition, sorted.
pub fn rows(case: &Case) -> BTreeMap<&'static str, Vec<String>> {
    let opened = Opened::open(&case.dir).unwrap();
    tables::ALL
        .iter()
        .map(|table| {
            let mut rows = Vec::new();
            for file in opened.files(table, None).unwrap() {
                let folder = file.parent().unwrap().strip_prefix(&case.dir).unwrap().display().to_string();
                for batch in
                    ParquetRecordBatchReaderBuilder::try_new(File::open(&file).unwrap()).unwrap().build().unwrap()
                {
                    let batch = batch.unwrap();
                    let options = FormatOptions::new().with_null("∅");
                    let schema = batch.schema();
                    // Instants as microseconds: their zone has no database here.
                    let plain = |c: &ArrayRef| match c.data_type() {
                        DataType::Timestamp(..) => cast(c, &DataType::Int64).unwrap(),
                        _ => c.clone(),
                    };
                    let plain: Vec<ArrayRef> = batch.columns().iter().map(plain).collect();
                    let columns: Vec<_> = schema
                        .fields()
                        .iter()
                        .zip(&plain)
                        .map(|(f, c)| (f.name(), ArrayFormatter::try_new(c.as_ref(), &options).unwrap()))
                        .collect();
                    for row in 0..batch.num_rows() {
                        let cells = columns.iter().map(|(name, c)| format!("{name}={}", c.value(row)));
                        rows.push(format!("{folder}: {}", cells.collect::<Vec<_>>().join(" | ")));
                    }
                }
            }
            rows.sort_unstable();
            (table.name, rows)
        })
        .collect()
}

/// Fails, showing the first rows that differ, unless both cases hold the same rows.
#[track_caller]
pub fn assert_equal(found: &Case, wanted: &Case, what: &str) {
    let (all, single) = (rows(found), rows(wanted));
    for (table, wanted) in &single {
        let found = &all[table];
        let more: Vec<&String> = found.iter().filter(|r| wanted.binary_search(r).is_err()).take(2).collect();
        let less: Vec<&String> = wanted.iter().filter(|r| found.binary_search(r).is_err()).take(2).collect();
        assert!(
            found == wanted,
            "{what}: `{table}` has {} rows, expected {}\nonly found: {more:#?}\nonly expected: {less:#?}",
            found.len(),
            wanted.len()
        );
    }
}
