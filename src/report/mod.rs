//! Reports: typed values built from the state and its changes, then bytes as CSV, HTML or JSON.
//!
//! Values in, bytes out: nothing here opens the database, asks the API, reads the clock or writes a file.

pub mod input;
