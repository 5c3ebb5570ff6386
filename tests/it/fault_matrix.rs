//! The fault matrix, row by row, whole way: baseline, fault, collection, store. The faults are the examples of
//! `docs/emulator.md`, and every row asserts that its faults fired.

mod broken;
mod hostile;
mod moving;
mod row;
mod strange;
