//! Lists of users: who is listed, in which columns, and how a list is written down: pure.
//!
//! Names and addresses of people pass through here and nowhere else. It must not know where users come from, or where
//! a list goes to.

mod column;
mod comparison;
pub mod csv;
mod filter;
mod harmless;
mod order;
mod rendering;
mod roll;
mod row;
mod series;
pub mod table;

pub use column::Column;
pub use comparison::{Comparison, Listed, as_series};
pub use filter::{FILTERS, Filter, Wanted, criteria};
pub use harmless::{harmless, harmless_json, is_command, is_harmful, unobeyed};
pub use order::Order;
pub use rendering::{Ending, Format, Rendering};
pub use roll::{Outcome, Roll};
pub use row::{Membership, Row};
pub use series::Series;
