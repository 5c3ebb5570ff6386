//! Text of strangers made safe to look at: characters that hide, reorder or imitate are shown as what they are.
//!
//! Names come from whoever filled in a form. CSV and JSON keep them byte by byte; everything meant for eyes goes through here.
//! It knows nothing of HTML: escaping markup is the template engine's business.

pub use crate::domain::untrusted::{is_hidden, visible};

/// Whether one word of the text mixes Latin letters with Greek or Cyrillic ones, as look-alike names do.
pub fn mixes_scripts(text: &str) -> bool {
    text.split(|character: char| !character.is_alphanumeric()).any(|word| {
        let latin = word.chars().any(|character| {
            character.is_ascii_alphabetic() || matches!(u32::from(character), 0x00C0..=0x024F | 0x1E00..=0x1EFF)
        });
        latin && word.chars().any(|character| matches!(u32::from(character), 0x0370..=0x052F | 0x1F00..=0x1FFF))
    })
}

/// How people are listed: without regard to case, and the id last so that the order is total.
pub fn sorting_key(label: &str, id: &str) -> (String, String) {
    (label.to_lowercase(), id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alike_names_are_noticed() {
        assert!(mixes_scripts("p\u{0430}ypal"), "Cyrillic a in a Latin word");
        assert!(!mixes_scripts("Анна Miller"), "two words of one script each");
        assert!(!mixes_scripts("Jürgen"), "Latin with an umlaut");
    }
}
