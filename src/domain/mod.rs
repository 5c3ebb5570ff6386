//! The words of the field as types. Pure: no clock, no I/O, no SQL, no HTTP.
