//! Looks for a secret in bytes of any kind: plain and in every dress that a program puts on text by accident.
//!
//! Knows nothing of what is searched. What it looks for are the two halves of the secret's random part, so that a page
//! border through the middle of a secret hides one of them at most.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

/// A secret that should not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// The file, or what the bytes are called.
    pub(super) place: String,
    /// The dress.
    pub(super) encoding: &'static str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
}

/// Writes text down.
type Write = fn(&[u8]) -> Vec<u8>;

/// A way to write text down.
pub(super) struct Encoding {
    pub(super) name: &'static str,
    /// Writes a whole text.
    pub(super) write: Write,
    /// Writes a text that stands in the middle of another one; empty if that is the same.
    within: &'static [Write],
    /// Whether upper and lower case are two things.
    exact: bool,
}

/// All of them.
pub(super) const ENCODINGS: [Encoding; 14] = [
    Encoding::new("plain", <[u8]>::to_vec),
    Encoding::new("hex, lower case", |text| hex::encode(text).into_bytes()),
    Encoding::new("hex, upper case", |text| hex::encode_upper(text).into_bytes()),
    Encoding::new("percent-encoded", |text| each(text, |byte| format!("%{byte:02X}"))),
    Encoding::new("JSON-escaped", |text| each(text, |byte| format!("\\u{byte:04x}"))),
    Encoding::new("backslash-escaped", |text| each(text, |byte| format!("\\x{byte:02x}"))),
    Encoding::new("HTML references", |text| each(text, |byte| format!("&#{byte};"))),
    Encoding::new("HTML references in hex", |text| each(text, |byte| format!("&#x{byte:x};"))),
    Encoding::new("numbers", |text| each(text, |byte| format!("{byte},"))),
    Encoding::new("numbers with blanks", |text| each(text, |byte| format!("{byte}, "))),
    // One in the middle of a text holds the other: what both share is looked for.
    Encoding {
        name: "UTF-16",
        write: |text| text.iter().flat_map(|byte| [*byte, 0]).collect(),
        within: &[spaced],
        exact: false,
    },
    Encoding {
        name: "UTF-16",
        write: |text| text.iter().flat_map(|byte| [0, *byte]).collect(),
        within: &[spaced],
        exact: false,
    },
    Encoding {
        name: "base64",
        write: |text| STANDARD.encode(text).into_bytes(),
        within: &[shifted::<0>, shifted::<1>, shifted::<2>],
        exact: true,
    },
    Encoding {
        name: "base64, URL-safe",
        write: |text| URL_SAFE.encode(text).into_bytes(),
        within: &[url_safe::<0>, url_safe::<1>, url_safe::<2>],
        exact: true,
    },
];

impl Encoding {
    const fn new(name: &'static str, write: Write) -> Self {
        Self { name, write, within: &[], exact: false }
    }
}

fn each(text: &[u8], write: impl Fn(u8) -> String) -> Vec<u8> {
    text.iter().map(|byte| write(*byte)).collect::<String>().into_bytes()
}

/// The bytes with a zero between each two.
fn spaced(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|byte| [0, *byte]).skip(1).collect()
}

/// The characters of base64 that depend on the text alone when so many bytes, modulo three, stand before it.
fn shifted<const BEFORE: usize>(text: &[u8]) -> Vec<u8> {
    let whole = STANDARD_NO_PAD.encode([&[0; BEFORE], text].concat());
    let first = (BEFORE * 8).div_ceil(6);
    let end = (BEFORE + text.len()) * 8 / 6;
    whole.as_bytes()[first..end].to_vec()
}

fn url_safe<const BEFORE: usize>(text: &[u8]) -> Vec<u8> {
    let standard = shifted::<BEFORE>(text).into_iter();
    standard
        .map(|byte| {
            if byte == b'+' {
                b'-'
            } else if byte == b'/' {
                b'_'
            } else {
                byte
            }
        })
        .collect()
}

struct Pattern {
    encoding: &'static str,
    bytes: Vec<u8>,
    exact: bool,
}

/// A search for one secret.
pub(super) struct Search {
    patterns: Vec<Pattern>,
    /// By the first two bytes in lower case: the patterns that begin so.
    begins: Vec<Vec<usize>>,
}

impl Search {
    /// For a canary: `CANARY-` and 32 characters that nobody else has.
    pub(super) fn new(canary: &str) -> Self {
        let random = canary.strip_prefix("CANARY-").unwrap().as_bytes();
        assert_eq!(random.len(), 32);
        let mut search = Self { patterns: Vec::new(), begins: vec![Vec::new(); 1 << 16] };
        for half in [&random[..16], &random[16..]] {
            for encoding in &ENCODINGS {
                let within = if encoding.within.is_empty() { &[encoding.write] } else { encoding.within };
                for write in within {
                    search.look_for(encoding, write(half));
                }
            }
        }
        search
    }

    fn look_for(&mut self, encoding: &Encoding, bytes: Vec<u8>) {
        if self.patterns.iter().any(|pattern| pattern.bytes == bytes) {
            return;
        }
        self.begins[slot(bytes[0], bytes[1])].push(self.patterns.len());
        self.patterns.push(Pattern { encoding: encoding.name, bytes, exact: encoding.exact });
    }

    /// Every place in the bytes where a half of the secret begins.
    pub(super) fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            for pattern in self.begins[slot(pair[0], pair[1])].iter().map(|index| &self.patterns[*index]) {
                let here = bytes[at..].get(..pattern.bytes.len());
                let found = |here: &[u8]| {
                    if pattern.exact { here == pattern.bytes } else { here.eq_ignore_ascii_case(&pattern.bytes) }
                };
                if here.is_some_and(found) {
                    hits.push(Hit { place: place.to_owned(), encoding: pattern.encoding, at });
                }
            }
        }
        hits
    }

    /// Every hit in all files of a folder and of those below it, and in their names; and how many bytes were searched.
    pub(super) fn folder(&self, folder: &Path) -> (Vec<Hit>, usize) {
        let (mut hits, mut searched) = (Vec::new(), 0);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let place = path.display().to_string();
            hits.extend(self.bytes("a file's name", place.as_bytes()));
            if path.is_dir() {
                let (more, bytes) = self.folder(&path);
                hits.extend(more);
                searched += bytes;
            } else {
                let bytes = fs::read(&path).unwrap();
                hits.extend(self.bytes(&place, &bytes));
                searched += bytes.len();
            }
        }
        (hits, searched)
    }
}

fn slot(first: u8, second: u8) -> usize {
    usize::from(first.to_ascii_lowercase()) << 8 | usize::from(second.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "CANARY-0f1e2d3c4b5a69788796a5b4c3d2e1f0";

    /// The dresses in which a text is found, each once.
    #[track_caller]
    fn check(text: &[u8], expected: &[&str]) {
        let mut found: Vec<_> = Search::new(CANARY).bytes("text", text).iter().map(|hit| hit.encoding).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    }

    /// What an encoding is found as: two pairs of dresses look alike in a search that does not mind the case.
    fn found_as(encoding: &Encoding) -> &'static str {
        match encoding.name {
            "hex, upper case" => "hex, lower case",
            // Without a `+` or `/` in it, URL-safe base64 is base64.
            "base64, URL-safe" => "base64",
            name => name,
        }
    }

    #[test]
    fn a_secret_is_found_in_every_dress_and_at_every_alignment() {
        for encoding in &ENCODINGS {
            for before in 0..7 {
                let text = [&b"before "[..before], CANARY.as_bytes(), b" and after"].concat();
                check(&(encoding.write)(&text), &[found_as(encoding)]);
                check(&[&b"..."[..before % 4], &(encoding.write)(&text), b"..."].concat(), &[found_as(encoding)]);
            }
        }
    }

    #[test]
    fn base64_of_bytes_that_need_the_two_special_characters_is_found_in_both_alphabets() {
        let canary = "CANARY-~~~???>>>~~~???>>>~~~???>>>~~~??";
        let search = Search::new(canary);
        for (write, name) in [(ENCODINGS[12].write, "base64"), (ENCODINGS[13].write, "base64, URL-safe")] {
            let hits = search.bytes("text", &write(canary.as_bytes()));
            assert!(hits.iter().any(|hit| hit.encoding == name), "{name}: {hits:?}");
        }
    }

    #[test]
    fn half_a_secret_is_found() {
        for encoding in &ENCODINGS {
            check(&(encoding.write)(&CANARY.as_bytes()[..24]), &[found_as(encoding)]);
            check(&(encoding.write)(&CANARY.as_bytes()[20..]), &[found_as(encoding)]);
        }
    }

    #[test]
    fn other_letters_case_is_no_disguise() {
        check(CANARY.to_lowercase().as_bytes(), &["plain"]);
        check(CANARY.to_uppercase().as_bytes(), &["plain"]);
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        check(b"CANARY-ffffffffffffffffffffffffffffffff", &[]);
        check(&STANDARD.encode("nothing to see here, move along").into_bytes(), &[]);
        check(&[], &[]);
        check(b"0", &[]);
    }

    #[test]
    fn files_below_and_names_are_searched_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        fs::write(below.join("a.txt"), format!("...{CANARY}")).unwrap();
        fs::write(folder.path().join(CANARY), "innocent").unwrap();
        let (hits, searched) = Search::new(CANARY).folder(folder.path());
        let places: Vec<_> =
            hits.iter().map(|hit| (hit.place.ends_with("a.txt"), hit.place == "a file's name")).collect();
        assert_eq!(places.iter().filter(|place| place.0).count(), 2, "{hits:?}");
        assert_eq!(places.iter().filter(|place| place.1).count(), 2, "{hits:?}");
        assert_eq!(searched, 3 + CANARY.len() + 8);
    }
}
