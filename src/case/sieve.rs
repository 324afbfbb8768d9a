//! Rows of a table that few pass, row group by row group on all cores.
//!
//! What a file says of its values rules out row groups; of the others only the columns of the conditions are read, one
//! condition after the other and only where those before hold; bodies are searched last, without decoding them; and what
//! is shown is read for the rows that passed. Traded for it: conditions are those of [`Condition`], not any expression.

use arrow::array::RecordBatch;
use arrow::buffer::BooleanBuffer;
use rayon::prelude::*;

use super::condition::Condition;
use super::part::{Given, RowGroup, Rows};
use super::{Case, CaseError};
use crate::model::time::Interval;
use crate::tables::schema::Table;

/// Which rows are wanted.
pub struct Sieve<'s> {
    /// Files of other days are left out. Which of their rows lie in the stretch is for a condition to say.
    pub within: Interval,
    /// What must all be true of a row, best the cheapest first; nothing: all pass.
    pub conditions: Vec<Condition>,
    /// Columns of texts, and what one of them must hold.
    pub text: Option<(&'s [&'s str], &'s str)>,
}

impl Case {
    /// The rows that pass, with these columns (in the order of the table), in the order of the files.
    ///
    /// # Errors
    /// When the files cannot be listed or read.
    pub fn sift(
        &self,
        table: &'static Table,
        cluster: &str,
        sieve: &Sieve<'_>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>, CaseError> {
        let groups = self.row_groups(table, cluster, sieve.within)?;
        let passed = |group: &RowGroup| match sieve.rows(group)? {
            Rows::None => Ok(None),
            rows => group.read(columns, &rows, Given::Plain).map(Some),
        };
        groups.par_iter().filter_map(|group| passed(group).transpose()).collect()
    }
}

impl Sieve<'_> {
    /// Which rows of a row group pass.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn rows(&self, group: &RowGroup) -> Result<Rows, CaseError> {
        let mut open = Vec::new();
        for condition in &self.conditions {
            match condition.open(group) {
                Ok(tests) => open.push(tests),
                Err(true) => {}
                Err(false) => return Ok(Rows::None),
            }
        }
        let mut rows = if group.rows() == 0 { Rows::None } else { Rows::All };
        for tests in open {
            if rows == Rows::None {
                return Ok(rows);
            }
            let columns: Vec<&str> = tests.iter().flat_map(|test| test.columns()).collect();
            let batch = group.read(&columns, &rows, Given::Keyed)?;
            let mut holds = BooleanBuffer::new_unset(batch.num_rows());
            for test in tests {
                holds = &holds | &test.holds(&batch)?;
            }
            rows = narrow(rows, holds);
        }
        match self.text {
            Some((columns, text)) if rows != Rows::None => group.search(columns, text, &rows),
            _ => Ok(rows),
        }
    }
}

/// Of some rows those that hold, which has a bit for each of them.
fn narrow(rows: Rows, holds: BooleanBuffer) -> Rows {
    match rows {
        Rows::None => Rows::None,
        Rows::All => Rows::of(holds),
        Rows::Some(bits) if holds.count_set_bits() == holds.len() => Rows::Some(bits),
        Rows::Some(bits) => {
            let mut narrowed = vec![false; bits.len()];
            for (row, _) in bits.set_indices().zip(holds.iter()).filter(|(_, holds)| *holds) {
                if let Some(bit) = narrowed.get_mut(row) {
                    *bit = true;
                }
            }
            Rows::of(narrowed.into_iter().collect())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray as _, Int64Array, ListArray, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{DataType, Field, Int32Type, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::case::condition::Test;
    use crate::case::pattern::Pattern;
    use crate::model::time::Timestamp;
    use crate::tables::rejects::TABLE;

    /// A file of a day; what is missing is `None`. Row groups hold two rows.
    fn write(dir: &std::path::Path, day: &str, columns: Vec<(&str, ArrayRef)>) {
        let folder = dir.join(format!("{}/cluster=lab/date={day}", TABLE.name));
        std::fs::create_dir_all(&folder).unwrap();
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|c| c.1).collect()).unwrap();
        let file = std::fs::File::create(folder.join("part-1.parquet")).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn texts(texts: [Option<&str>; 3]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    fn times(micros: [Option<i64>; 3]) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
    }

    /// A case of two days.
    fn case(dir: &std::path::Path) -> Case {
        let day = |day, ids: [Option<&str>; 3], reasons, lists: [Option<Vec<Option<&str>>>; 3], first, second| {
            let mut items = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
            lists.into_iter().for_each(|list| items.append_option(list));
            let lists: ListArray = items.finish();
            let columns = vec![
                ("source_id", texts(ids)),
                ("reason", texts(reasons)),
                ("nothing", texts([None; 3])),
                ("line", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
                ("code", Arc::new(arrow::array::Int32Array::from(vec![Some(1), None, Some(3)]))),
                ("items", Arc::new(lists)),
                ("first", times(first)),
                ("second", times(second)),
            ];
            write(dir, day, columns);
        };
        day(
            "2026-01-01",
            [Some("a"), Some("b"), Some("c")],
            [Some("x needle y"), None, Some("need")],
            [Some(vec![Some("x"), None, Some("y")]), None, Some(vec![])],
            [Some(10), Some(20), Some(30)],
            [Some(90), Some(90), Some(90)],
        );
        day(
            "2026-01-02",
            [Some("d"), Some("e"), Some("f")],
            [Some("le"), Some("needle"), Some("")],
            [Some(vec![Some("y")]), Some(vec![Some("x"), Some("y")]), Some(vec![None])],
            [None, Some(50), None],
            [Some(40), Some(90), None],
        );
        Case { dir: dir.to_owned(), manifest: Default::default() }
    }

    fn passed(sieve: &Sieve<'_>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let batches = case(dir.path()).sift(&TABLE, "lab", sieve, &["line", "source_id", "nothing"]).unwrap();
        let mut ids = String::new();
        for batch in batches {
            let names: Vec<&str> = batch.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(names, ["line", "source_id", "nothing"]);
            assert_eq!(batch.column(2).null_count(), batch.num_rows());
            assert_eq!(batch.column(1).data_type(), &DataType::Utf8);
            batch.column(1).as_string::<i32>().iter().flatten().for_each(|id| ids.push_str(id));
        }
        ids
    }

    fn sieve<'s>(tests: Vec<Vec<Test>>, text: Option<&'s str>) -> Sieve<'s> {
        let text = text.map(|text| (["reason", "nothing"].as_slice(), text));
        Sieve { within: Interval::ALWAYS, conditions: tests.into_iter().map(Condition).collect(), text }
    }

    fn is(column: &'static str, patterns: &[&str], or_missing: bool) -> Test {
        Test::Text { column, one_of: patterns.iter().map(|p| Pattern::new(p)).collect(), or_missing }
    }

    fn filed(from: i64, to: i64) -> Test {
        let within = Interval::new(Timestamp::from_micros(from), Timestamp::from_micros(to));
        Test::Time { columns: ["first", "second"], within }
    }

    #[test]
    fn conditions_and_texts_hold_together_and_alone() {
        let late = || vec![is("source_id", &["b", "c", "e", "f"], false)];
        assert_eq!(passed(&sieve(vec![], None)), "abcdef");
        assert_eq!(passed(&sieve(vec![late()], None)), "bcef");
        assert_eq!(passed(&sieve(vec![], Some("needle"))), "ae");
        assert_eq!(passed(&sieve(vec![], Some(""))), "acdef");
        assert_eq!(passed(&sieve(vec![late()], Some("needle"))), "e");
        assert_eq!(passed(&sieve(vec![late()], Some("need"))), "ce");
        assert_eq!(passed(&sieve(vec![], Some("nowhere"))), "");
    }

    #[test]
    fn every_test_says_what_it_should() {
        let number = |one_of: &[i32]| Test::Number { column: "code", one_of: one_of.to_vec() };
        let item = |text: &str| Test::Item { column: "items", text: text.to_owned() };
        for (tests, ids) in [
            (vec![vec![is("reason", &["need*"], false)]], "ce"),
            (vec![vec![is("reason", &["need*"], true)]], "bce"),
            (vec![vec![is("reason", &["", "le"], false)]], "df"),
            (vec![vec![is("reason", &["zzz", "*zz"], true)]], "b"),
            (vec![vec![is("nothing", &["*"], false)]], ""),
            (vec![vec![is("nothing", &["x"], true)]], "abcdef"),
            (vec![vec![is("nothing", &["*"], false), is("source_id", &["f"], false)]], "f"),
            (vec![vec![number(&[3, 7])]], "cf"),
            (vec![vec![number(&[])]], ""),
            (vec![vec![item("x")]], "ae"),
            (vec![vec![item("y")]], "ade"),
            (vec![vec![item("z"), number(&[1])]], "ad"),
            (vec![vec![item("y")], vec![is("source_id", &["a", "b", "e"], false)], vec![number(&[1])]], "a"),
            (vec![vec![filed(10, 31)]], "abc"),
            (vec![vec![filed(20, 50)]], "bcd"),
            (vec![vec![filed(30, 51)], vec![is("source_id", &["*"], false)]], "cde"),
            (vec![vec![filed(91, 99)]], ""),
            (vec![vec![filed(i64::MIN, 21)]], "ab"),
            (vec![vec![filed(40, i64::MAX)]], "de"),
        ] {
            assert_eq!(passed(&sieve(tests, None)), ids);
        }
    }

    #[test]
    fn other_days_are_not_read() {
        let day = |from: &str, to: &str| Interval::new(from.parse().unwrap(), to.parse().unwrap());
        let within = |within| Sieve { within, ..sieve(vec![], None) };
        assert_eq!(passed(&within(day("2026-01-02", "2026-01-03"))), "def");
        assert_eq!(passed(&within(day("2025-01-01", "2026-01-01 10:00"))), "abc");
        assert_eq!(passed(&within(day("2027-01-01", "2028-01-01"))), "");
    }

    #[test]
    fn a_column_that_is_missing_or_of_another_type_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let case = case(dir.path());
        for (column, tests) in [
            ("no_such", vec![vec![is("no_such", &["a"], false)]]),
            ("line", vec![vec![is("line", &["a"], false)]]),
            ("source_id", vec![vec![Test::Number { column: "source_id", one_of: vec![1] }]]),
            ("source_id", vec![vec![Test::Item { column: "source_id", text: "a".to_owned() }]]),
        ] {
            let told = case.sift(&TABLE, "lab", &sieve(tests, None), &["line"]).unwrap_err().to_string();
            assert!(told.contains(&format!("`{column}`")), "{told}");
        }
        let told = case.sift(&TABLE, "lab", &sieve(vec![], None), &["line", "gone"]).unwrap_err().to_string();
        assert!(told.contains("`gone`") && told.contains("rejects"), "{told}");
    }

    #[test]
    fn texts_by_keys_are_those_that_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let groups = case(dir.path()).row_groups(&TABLE, "lab", Interval::ALWAYS).unwrap();
        assert_eq!(groups.iter().map(RowGroup::rows).collect::<Vec<_>>(), [2, 1, 2, 1]);
        let batch = groups[0].read(&["source_id", "nothing"], &Rows::All, Given::Keyed).unwrap();
        assert!(batch.column(0).as_dictionary_opt::<Int32Type>().is_some());
        let second = Rows::of([false, true].into_iter().collect());
        let batch = groups[2].read(&["source_id", "code"], &second, Given::Keyed).unwrap();
        assert_eq!(crate::case::keyed::Texts::of(batch.column(0)).unwrap().get(0), Some("e"));
        let none = groups[2].read(&["source_id", "code"], &Rows::None, Given::Plain).unwrap();
        assert_eq!((none.num_rows(), none.num_columns()), (0, 2));
    }
}
