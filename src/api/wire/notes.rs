//! What was noticed while reading: fields, words and shapes this version does not know, by name and never by value.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::lenient::Place;
use super::word::is_word;

/// Items and unknown properties of one answer that are read. A few bytes of JSON become a hundred in memory.
pub const MAX_VALUES: u32 = 1_000_000;

/// Kinds of notes kept per answer; a server that invents more is only counted.
const MAX_KINDS: usize = 64;

/// One thing noticed. `field` is the place in the model, for example `user.properties.active`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Note {
    /// A property this version does not know.
    UnknownField {
        /// Where it stood.
        field: String,
    },
    /// A known property of another type than documented; read as absent.
    InvalidField {
        /// Where it stood.
        field: String,
    },
    /// A word of a closed list that this version does not know; kept as it is.
    UnknownWord {
        /// Where it stood.
        field: String,
        /// The word: at most 64 of `A-Z a-z 0-9 _ -`.
        word: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField { field } => write!(f, "unknown property {field}"),
            Self::InvalidField { field } => write!(f, "property {field} has another type than documented"),
            Self::UnknownWord { field, word } => write!(f, "unknown value {word} of {field}"),
        }
    }
}

/// All notes of one answer, each with how often it applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Plain", into = "Plain")]
pub struct Notes {
    /// Notes in order, with counts.
    pub counts: BTreeMap<Note, u64>,
    /// Notes that were not kept because there were too many kinds.
    pub dropped: u64,
}

/// Notes in a form that every format can hold: not all have maps with keys that are no text.
#[derive(Serialize, Deserialize)]
struct Plain(Vec<(Note, u64)>, u64);

impl From<Plain> for Notes {
    fn from(Plain(counts, dropped): Plain) -> Self {
        Self { counts: counts.into_iter().collect(), dropped }
    }
}

impl From<Notes> for Plain {
    fn from(Notes { counts, dropped }: Notes) -> Self {
        Self(counts.into_iter().collect(), dropped)
    }
}

impl Notes {
    /// Whether everything was as documented.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.dropped == 0
    }

    /// Adds the notes of another answer.
    pub fn add(&mut self, other: Self) {
        self.dropped += other.dropped;
        for (note, count) in other.counts {
            self.note(note, count);
        }
    }

    fn note(&mut self, note: Note, count: u64) {
        if let Some(so_far) = self.counts.get_mut(&note) {
            *so_far += count;
        } else if self.counts.len() < MAX_KINDS {
            self.counts.insert(note, count);
        } else {
            self.dropped += count;
        }
    }
}

/// Bytes of values that one answer may become.
pub const HEAVIEST: u64 = 32 << 20;

/// Where a reader writes its notes, and why it stopped.
pub(in crate::api) struct Context {
    notes: RefCell<Notes>,
    refusal: Cell<Option<Refusal>>,
    values_left: Cell<u32>,
    weight: Cell<u64>,
}

impl Context {
    /// Notes a property that is not known.
    pub(super) fn unknown_field(&self, model: &'static str, name: &str) {
        self.note(Note::UnknownField { field: place(model, name) });
    }

    /// Notes a property of the wrong type.
    pub(super) fn invalid_field(&self, model: &'static str, name: &str) {
        self.note(Note::InvalidField { field: place(model, name) });
    }

    /// Notes a word that is not in its list.
    pub(super) fn unknown_word(&self, at: Place, word: &str) {
        self.note(Note::UnknownWord { field: place(at.model, at.name), word: word.to_owned() });
    }

    /// A reader's context for an answer of at most so many items and unknown properties.
    pub(super) fn of_values(most: u32) -> Self {
        Self { notes: RefCell::default(), refusal: Cell::default(), values_left: Cell::new(most), weight: Cell::new(0) }
    }

    /// Adds bytes of a value that is kept.
    pub(super) fn weigh(&self, bytes: usize) {
        self.weight.set(self.weight.get().saturating_add(bytes as u64));
    }

    /// How many values may still come.
    pub(super) fn values_left(&self) -> u32 {
        self.values_left.get()
    }

    /// Bytes of the values so far.
    pub(super) fn weight(&self) -> u64 {
        self.weight.get()
    }

    /// Counts an item or an unknown property; stops reading when there are too many, or they are too heavy.
    pub(super) fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.weight.get() > HEAVIEST {
            return Err(self.refuse(Refusal::TooHeavy));
        }
        match self.values_left.get().checked_sub(1) {
            Some(left) => {
                self.values_left.set(left);
                Ok(())
            }
            None => Err(self.refuse(Refusal::TooMany)),
        }
    }

    /// Stops reading; the reason survives whatever the JSON library says.
    pub(super) fn refuse<E: serde::de::Error>(&self, refusal: Refusal) -> E {
        self.refusal.set(Some(refusal));
        E::custom(refusal)
    }

    /// Why reading stopped, if a reader stopped it.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get()
    }

    /// The notes.
    pub(super) fn into_notes(self) -> Notes {
        self.notes.into_inner()
    }

    fn note(&self, note: Note) {
        self.notes.borrow_mut().note(note, 1);
    }
}

/// A place in the model. A name that is no plain word may hold anything, so only its length is reported.
fn place(model: &'static str, name: &str) -> String {
    if is_word(name) { format!("{model}.{name}") } else { format!("{model}.({} bytes)", name.len()) }
}
