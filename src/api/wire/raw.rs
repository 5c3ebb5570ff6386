//! The value of a property that is not known: how much of it may be kept.

use crate::domain::body::Extra;

/// The largest integer every JSON reader agrees on: 2^53 − 1.
const EXACT: i64 = (1 << 53) - 1;

/// An unknown value, reduced to what may be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// `null`: nothing to keep.
    Null,
    /// Anything else.
    Value(Extra),
}

/// Reduces the text of one well-formed JSON value.
pub(super) fn classify(json: &str) -> Raw {
    let extra = match json.as_bytes().first() {
        Some(b'n') | None => return Raw::Null,
        Some(b't') => Extra::Bool(true),
        Some(b'f') => Extra::Bool(false),
        Some(b'"') => Extra::Text { length: length(json) },
        Some(b'[') => Extra::Nested { nested: "array".to_owned() },
        Some(b'{') => Extra::Nested { nested: "object".to_owned() },
        Some(_) => match json.parse::<i64>() {
            Ok(integer) if (-EXACT..=EXACT).contains(&integer) => Extra::Integer(integer),
            _ => Extra::Number { number: json.to_owned() },
        },
    };
    Raw::Value(extra)
}

/// Bytes of a JSON string once its escapes are resolved, without resolving them into memory.
fn length(json: &str) -> u64 {
    let mut bytes = json.as_bytes()[1..json.len().max(2) - 1].iter();
    let mut length = 0;
    while let Some(byte) = bytes.next() {
        length += match byte {
            b'\\' if bytes.next() == Some(&b'u') => {
                let unit = bytes
                    .by_ref()
                    .take(4)
                    .fold(0, |sum, digit| sum * 16 + char::from(*digit).to_digit(16).unwrap_or_default());
                match unit {
                    0..=0x7F => 1,
                    // Each half of a surrogate pair stands for half of four bytes.
                    0x80..=0x7FF | 0xD800..=0xDFFF => 2,
                    _ => 3,
                }
            }
            _ => 1,
        };
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Extra) {
        assert_eq!(classify(json), Raw::Value(expected), "{json}");
    }

    #[test]
    fn booleans_and_integers_keep_their_value() {
        check("true", Extra::Bool(true));
        check("false", Extra::Bool(false));
        check("0", Extra::Integer(0));
        check("-9007199254740991", Extra::Integer(-EXACT));
        check("9007199254740991", Extra::Integer(EXACT));
    }

    #[test]
    fn other_numbers_keep_their_text() {
        for text in ["9007199254740992", "-9007199254740992", "1.0", "1e3", "123456789012345678901234567890"] {
            check(text, Extra::Number { number: text.to_owned() });
        }
    }

    #[test]
    fn text_keeps_its_length_only() {
        for text in ["", "abc", "a\"b\\c/d\n\u{1}", "grün", "日本", "😀", "\u{80}\u{7ff}\u{800}"] {
            let length = text.len() as u64;
            check(&serde_json::to_string(text).unwrap(), Extra::Text { length });
            let escaped: Vec<_> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            check(&format!("\"{}\"", escaped.concat()), Extra::Text { length });
        }
    }

    #[test]
    fn lists_and_objects_keep_only_that_they_were_there() {
        check(r#"["secret"]"#, Extra::Nested { nested: "array".into() });
        check(r#"{"secret":"x"}"#, Extra::Nested { nested: "object".into() });
        assert_eq!(classify("null"), Raw::Null);
    }
}
