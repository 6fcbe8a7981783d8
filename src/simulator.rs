//! A synthetic organization over the Admin API's wire format, with faults.
//!
//! It must not know the rest of the house: a struct shared with the client would hide the same mistake on both
//! sides.
