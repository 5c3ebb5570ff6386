//! Entry points for untrusted input: one function for each reader, for fuzzers and for the tests that do without one.
//!
//! Not part of the program: there is no such module unless it is tested or fuzzed. Each function takes any bytes at all,
//! panics if a promise is broken, and otherwise says in one line what became of them, so that two readings can be compared.

/// Answers of the API: read as every model there is.
pub fn api_models(bytes: &[u8]) -> String {
    crate::api::fuzzing::every_model(bytes)
}

/// Pages of users, one after the other, with a line of `---` between them: the reader of the list comes to an end and
/// never takes one user for two.
pub fn users_pages(bytes: &[u8]) -> String {
    crate::api::fuzzing::users_pages(bytes)
}

/// A configuration file.
pub fn config(bytes: &[u8]) -> String {
    crate::config::fuzzing::file(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use super::*;
    use crate::seams::Environment;

    /// Readings of each kind, unless `KEYHOLDER_TEST_FUZZ` asks for another number.
    const READINGS: u32 = 1_000;

    /// Bytes that readers stumble over, put in anywhere.
    const STUMBLES: [&[u8]; 24] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\xed\xa0\x80",
        b"\0",
        b"null",
        b"-1",
        b"1e999",
        b"9007199254740993",
        b"18446744073709551616",
        b"\"id\":1,",
        b"\"id\":\"u1\",",
        b"\"items\":null,",
        b",",
        b":",
        b"\n---\n",
        b"\"_links\":{\"next\":\"https://api.example/cloudapi/v6/um/users?offset=1\"},",
        b"\xe2\x80\xae",
    ];

    /// One change of a text.
    #[derive(Clone, Debug)]
    enum Edit {
        Flip(Index, u8),
        Put(Index, usize),
        Cut(Index, Index),
        Repeat(Index, Index, usize),
        Graft(Index, Index, Index, Index),
    }

    fn edits() -> impl Strategy<Value = Vec<Edit>> {
        let at = any::<Index>;
        let edit = prop_oneof![
            4 => (at(), any::<u8>()).prop_map(|(place, byte)| Edit::Flip(place, byte)),
            4 => (at(), 0..STUMBLES.len()).prop_map(|(place, which)| Edit::Put(place, which)),
            2 => (at(), at()).prop_map(|(from, to)| Edit::Cut(from, to)),
            1 => (at(), at(), 2..40_usize).prop_map(|(from, to, times)| Edit::Repeat(from, to, times)),
            2 => (at(), at(), at(), at()).prop_map(|(place, seed, from, to)| Edit::Graft(place, seed, from, to)),
        ];
        prop::collection::vec(edit, 0..6)
    }

    impl Edit {
        fn apply(&self, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
            let place = |index: &Index, text: &[u8]| index.index(text.len() + 1);
            let span = |from: &Index, to: &Index, text: &[u8]| {
                let (from, to) = (place(from, text), place(to, text));
                from.min(to)..from.max(to)
            };
            match self {
                Self::Flip(at, byte) if !text.is_empty() => {
                    let at = at.index(text.len());
                    text[at] ^= byte;
                }
                Self::Flip(_, byte) => text.push(*byte),
                Self::Put(at, which) => {
                    let at = place(at, text);
                    text.splice(at..at, STUMBLES[*which].iter().copied());
                }
                Self::Cut(from, to) => drop(text.drain(span(from, to, text))),
                Self::Repeat(from, to, times) => {
                    let span = span(from, to, text);
                    let more = text[span.clone()].repeat((*times).min(20_000 / (span.len() + 1)));
                    text.splice(span.end..span.end, more);
                }
                Self::Graft(at, seed, from, to) => {
                    let seed = seed.get(seeds);
                    let (at, span) = (place(at, text), span(from, to, seed));
                    text.splice(at..at, seed[span].iter().copied());
                }
            }
        }
    }

    fn seeds(of: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(of);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// Reads every seed as it is and thousands of damaged ones, each twice; answers with everything that was said.
    fn check(of: &str, read: fn(&[u8]) -> String) -> std::collections::BTreeSet<String> {
        let seeds = seeds(of);
        let mut said: std::collections::BTreeSet<String> = seeds.iter().map(|seed| read(seed)).collect();
        let asked = Environment::of_process().get("KEYHOLDER_TEST_FUZZ").and_then(|number| number.parse().ok());
        let cases = asked.unwrap_or(READINGS);
        let config = Config { failure_persistence: None, ..Config::with_cases(cases) };
        // The same every time; more readings go further along the same way.
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let all = std::cell::RefCell::new(&mut said);
        runner
            .run(&(any::<Index>(), edits()), |(seed, edits)| {
                let mut text = seed.get(&seeds).clone();
                for edit in &edits {
                    edit.apply(&mut text, &seeds);
                }
                let (first, second) = (read(&text), read(&text));
                prop_assert_eq!(&first, &second, "two readings differ");
                all.borrow_mut().insert(first);
                Ok(())
            })
            .unwrap();
        said
    }

    #[test]
    fn no_answer_of_the_api_breaks_its_readers() {
        let said = check("api_models", api_models);
        // The net was not empty: whole ones were read, and damaged ones refused for several reasons.
        assert!(said.len() > 20, "{}", said.len());
        for expected in ["broken", "twice", "no object", "user: read"] {
            assert!(said.iter().any(|line| line.contains(expected)), "nothing was ever {expected}");
        }
    }

    #[test]
    fn no_pages_of_users_break_the_walk_over_them() {
        let said = check("users_pages", users_pages);
        for expected in ["stood still", "moved", "more to come", "broken", "then "] {
            assert!(said.iter().any(|line| line.contains(expected)), "nothing was ever {expected}: {said:#?}");
        }
    }

    #[test]
    fn no_configuration_breaks_its_reader() {
        let said = check("config", config);
        assert!(said.len() > 20, "{}", said.len());
        for expected in ["0 problems", "not UTF-8"] {
            assert!(said.iter().any(|line| line.contains(expected)), "nothing was ever {expected}");
        }
    }
}
