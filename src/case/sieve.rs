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
