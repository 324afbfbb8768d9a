//! Event rows as plain values, whether they are on their way to a file (texts as views) or come back from one. One
//! look at a row serves everything that is taken from the log besides the rows themselves.

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};

use crate::case::CaseError;
use crate::model::time::Timestamp;
use crate::tables::events::TABLE;

/// A column of texts.
#[derive(Clone, Copy)]
pub enum Texts<'b> {
    /// No value in any row.
    Nothing,
    /// Views.
    View(&'b StringViewArray),
    /// As files hold them.
    Plain(&'b StringArray),
}

impl<'b> Texts<'b> {
    fn of(array: &'b ArrayRef) -> Option<Self> {
        if array.null_count() == array.len() {
            return Some(Self::Nothing);
        }
        let view = array.as_string_view_opt().map(Self::View);
        view.or_else(|| array.as_string_opt::<i32>().map(Self::Plain))
    }

    /// The text of a row.
    pub fn get(self, row: usize) -> Option<&'b str> {
        match self {
            Self::Nothing => None,
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Plain(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of numbers, flags or times.
macro_rules! plain {
    ($name:ident, $array:ty, $value:ty, $cast:expr, $get:expr) => {
        #[doc = concat!("A column of `", stringify!($value), "`.")]
        #[derive(Clone, Copy)]
        pub struct $name<'b>(&'b $array);

        impl<'b> $name<'b> {
            fn of(array: &'b ArrayRef) -> Option<Self> {
                let cast: fn(&'b ArrayRef) -> Option<&'b $array> = $cast;
                cast(array).map(Self)
            }

            /// The value of a row.
            pub fn get(self, row: usize) -> Option<$value> {
                let get: fn(&'b $array, usize) -> $value = $get;
                self.0.is_valid(row).then(|| get(self.0, row))
            }
        }
    };
}

plain!(Numbers, Int64Array, i64, |a| a.as_primitive_opt::<Int64Type>(), |a, row| a.value(row));
plain!(Codes, Int32Array, i32, |a| a.as_primitive_opt::<Int32Type>(), |a, row| a.value(row));
plain!(Flags, BooleanArray, bool, |a| a.as_boolean_opt(), |a, row| a.value(row));
plain!(Times, TimestampMicrosecondArray, Timestamp, |a| a.as_primitive_opt::<TimestampMicrosecondType>(), |a, row| {
    Timestamp::from_micros(a.value(row))
});

/// A column of lists of texts.
#[derive(Clone, Copy)]
pub struct Lists<'b> {
    lists: &'b ListArray,
    texts: &'b StringArray,
}

impl<'b> Lists<'b> {
    fn of(array: &'b ArrayRef) -> Option<Self> {
        let lists = array.as_list_opt::<i32>()?;
        Some(Self { lists, texts: lists.values().as_string_opt::<i32>()? })
    }

    /// The texts in the list of a row; those missing are left out.
    pub fn get(self, row: usize) -> Option<impl Iterator<Item = &'b str> + Clone> {
        let offsets = self.lists.value_offsets();
        let (from, to) = (*offsets.get(row)?, *offsets.get(row + 1)?);
        let places = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        let text = move |place: usize| self.texts.is_valid(place).then(|| self.texts.value(place));
        self.lists.is_valid(row).then(|| places.filter_map(text))
    }
}

macro_rules! columns {
    ($($(#[$doc:meta])* $field:ident : $type:ident),* $(,)?) => {
        /// The columns of `events` that anything is taken from.
        #[derive(Clone, Copy)]
        pub struct EventRows<'b> {
            $(#[doc = concat!("`", stringify!($field), "`.")] pub $field: $type<'b>,)*
        }

        /// Their names.
        pub const COLUMNS: &[&str] = &[$(stringify!($field)),*];

        impl<'b> EventRows<'b> {
            /// The rows of a batch.
            ///
            /// # Errors
            /// When a column is missing or has another type.
            pub fn of(batch: &'b RecordBatch) -> Result<Self, CaseError> {
                let missing = |name: &str| CaseError::Table {
                    table: TABLE.name.to_owned(),
                    reason: format!("it has no column `{name}` of the type that this version reads"),
                };
                Ok(Self {
                    $($field: batch
                        .column_by_name(stringify!($field))
                        .and_then($type::of)
                        .ok_or_else(|| missing(stringify!($field)))?,)*
                })
            }
        }
    };
}

columns! {
    stage_timestamp: Times,
    request_received_timestamp: Times,
    audit_id: Texts,
    stage: Texts,
    level: Texts,
    verb: Texts,
    request_uri: Texts,
    user_username: Texts,
    user_groups: Lists,
    impersonated_user_username: Texts,
    user_agent: Texts,
    object_ref_resource: Texts,
    object_ref_namespace: Texts,
    object_ref_name: Texts,
    object_ref_uid: Texts,
    object_ref_api_group: Texts,
    object_ref_subresource: Texts,
    response_status_code: Codes,
    request_object: Texts,
    response_object: Texts,
    authorization_reason: Texts,
    truncated: Flags,
    component: Texts,
    node: Texts,
    log_stream: Texts,
    grpc_code: Codes,
    api_server: Texts,
    http_method: Texts,
    source_id: Texts,
    offset: Numbers,
    line: Numbers,
    length: Numbers,
}

impl EventRows<'_> {
    /// When a row's stage was reached, else when its request arrived.
    pub fn staged(&self, row: usize) -> Option<Timestamp> {
        self.stage_timestamp.get(row).or_else(|| self.request_received_timestamp.get(row))
    }

    /// When a row's request arrived, else when its stage was reached.
    pub fn received(&self, row: usize) -> Option<Timestamp> {
        self.request_received_timestamp.get(row).or_else(|| self.stage_timestamp.get(row))
    }

    /// Whether a row tells what was done to what: only such records show that nothing else was done.
    pub fn tells_what_was_done(&self, row: usize) -> bool {
        let some = |texts: Texts<'_>| texts.get(row).is_some();
        (some(self.object_ref_resource) || some(self.request_uri)) && (some(self.verb) || some(self.http_method))
    }
}
