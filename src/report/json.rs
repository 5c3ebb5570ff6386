//! The JSON of reports: null where nothing is. Types say what a value is; this says that an empty text is none, in one place for
//! every report, line and list. Keys stay what they are.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

/// Writes a value on one line.
pub(super) fn write_line(value: &impl Serialize, out: impl io::Write) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, WithNull::around(CompactFormatter)))
}

/// Writes a value, indented.
pub(super) fn write_pretty(value: &impl Serialize, out: impl io::Write) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, WithNull::around(PrettyFormatter::new())))
}

/// A layout in which null takes the place of empty texts.
struct WithNull<F> {
    layout: F,
    is_key: bool,
    /// Whether the quotation mark before a text is still to be written, because nothing of the text has come yet.
    is_pending: bool,
}

impl<F: Formatter> WithNull<F> {
    fn around(layout: F) -> Self {
        Self { layout, is_key: false, is_pending: false }
    }

    fn open<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if std::mem::take(&mut self.is_pending) { self.layout.begin_string(writer) } else { Ok(()) }
    }
}

/// Hands the calls with these names on to the layout.
macro_rules! hand_on {
    ($($name:ident($($argument:ident: $kind:ty)?);)+) => {
        $(fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $argument: $kind)?) -> io::Result<()> {
            self.layout.$name(writer $(, $argument)?)
        })+
    };
}

impl<F: Formatter> Formatter for WithNull<F> {
    hand_on! {
        begin_array();
        end_array();
        begin_array_value(is_first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_value();
        end_object_value();
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        self.is_key = true;
        self.layout.begin_object_key(writer, is_first)
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.is_key = false;
        self.layout.end_object_key(writer)
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_key {
            return self.layout.begin_string(writer);
        }
        self.is_pending = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.is_empty() {
            return Ok(());
        }
        self.open(writer)?;
        self.layout.write_string_fragment(writer, fragment)
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.open(writer)?;
        self.layout.write_char_escape(writer, escape)
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if std::mem::take(&mut self.is_pending) {
            return self.layout.write_null(writer);
        }
        self.layout.end_string(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_null_and_nothing_else_is() {
        let value = serde_json::json!({
            "": "", "a": ["", "\n", "\"x\"", "é\u{1}", " "], "b": {"c": "", "d": {}}, "e": [], "f": [1, -2, 0.5, true, null]
        });
        let mut line = Vec::new();
        write_line(&value, &mut line).unwrap();
        let expected =
            value.to_string().replace("\"\":\"\"", "\"\":null").replace(":\"\"", ":null").replace("[\"\"", "[null");
        assert_eq!(String::from_utf8(line).unwrap(), expected);
        let mut pretty = Vec::new();
        write_pretty(&value, &mut pretty).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(String::from_utf8(pretty).unwrap(), serde_json::to_string_pretty(&expected).unwrap());
    }
}
