//! JSON as the API prints it: keys in a fixed order, and indented in the manner of Jackson when asked to be pretty.
//! It writes; it knows no shape.

use std::fmt::Write as _;

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    out: String,
    pretty: bool,
    level: usize,
    /// Whether something stands before the next value on this level.
    follows: bool,
}

impl Writer {
    pub(crate) fn new(pretty: bool) -> Self {
        Self { out: String::with_capacity(1024), pretty, level: 0, follows: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// The object that the whole answer is, or the next item of an array.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        if self.level > 0 {
            if self.follows {
                self.out.push(',');
                if self.pretty {
                    self.out.push(' ');
                }
            } else if self.pretty {
                self.out.push(' ');
            }
        }
        self.nested('{', '}', fill);
    }

    /// A member that is an object.
    pub(crate) fn member(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.nested('{', '}', fill);
    }

    /// A member that is an array of objects.
    pub(crate) fn array(&mut self, key: &str, fill: impl FnOnce(&mut Self)) {
        self.key(key);
        self.out.push('[');
        self.follows = false;
        fill(self);
        if self.pretty {
            self.out.push(' ');
        }
        self.out.push(']');
        self.follows = true;
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.quoted(value);
    }

    /// A text, or null.
    pub(crate) fn maybe_text(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    pub(crate) fn boolean(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.push_str(if value { "true" } else { "false" });
    }

    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        write!(self.out, "{value}").expect("writing to a string cannot fail");
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.key(key);
        self.out.push_str("null");
    }

    fn nested(&mut self, open: char, close: char, fill: impl FnOnce(&mut Self)) {
        self.out.push(open);
        self.level += 1;
        self.follows = false;
        fill(self);
        self.level -= 1;
        if self.follows {
            self.line();
        }
        self.out.push(close);
        self.follows = true;
    }

    fn key(&mut self, key: &str) {
        if self.follows {
            self.out.push(',');
        }
        self.line();
        self.quoted(key);
        self.out.push_str(if self.pretty { " : " } else { ":" });
        self.follows = true;
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', self.level * 2));
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(|letter: char| letter < ' ' || letter == '"' || letter == '\\') {
            self.out.push_str(&rest[..at]);
            let letter = rest[at..].chars().next().expect("found there");
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                control => {
                    write!(self.out, "\\u{:04x}", u32::from(control)).expect("writing to a string cannot fail");
                }
            }
            rest = &rest[at + letter.len_utf8()..];
        }
        self.out.push_str(rest);
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(pretty: bool) -> String {
        let mut writer = Writer::new(pretty);
        writer.object(|w| {
            w.text("id", "a\"\\\n\u{1}ü");
            w.array("items", |w| {
                w.object(|w| w.number("n", 1));
                w.object(|w| w.maybe_text("t", None));
            });
            w.array("none", |_| {});
            w.member("empty", |_| {});
            w.member("deep", |w| w.boolean("yes", true));
        });
        writer.finish()
    }

    #[test]
    fn compact_and_pretty_answers_say_the_same() {
        let compact = sample(false);
        assert_eq!(
            compact,
            r#"{"id":"a\"\\\n\u0001ü","items":[{"n":1},{"t":null}],"none":[],"empty":{},"deep":{"yes":true}}"#
        );
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&sample(true)), parse(&compact));
    }

    #[test]
    fn pretty_answers_look_like_jackson_printed_them() {
        let mut writer = Writer::new(true);
        writer.object(|w| {
            w.text("id", "users");
            w.array("items", |w| w.object(|w| w.text("id", "a")));
        });
        assert_eq!(writer.finish(), "{\n  \"id\" : \"users\",\n  \"items\" : [ {\n    \"id\" : \"a\"\n  } ]\n}");
    }
}
