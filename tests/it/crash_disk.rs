//! A disk that loses its power: built from what a process was seen to write, it keeps what was synced, and of the rest
//! whatever a seed decides, torn between sectors.
//!
//! Names are as durable as their folder: made, removed or renamed entries that were not followed by a sync of the folder
//! may be there or not, in the order in which they were made.

use std::collections::BTreeMap;

/// What a process did to the files of one folder, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The name is there from now on: an empty file if it was not there.
    Open(String),
    Write {
        name: String,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate(String, usize),
    Sync(String),
    SyncFolder,
    Unlink(String),
    Rename(String, String),
    /// Text on standard output.
    Say(String),
}

/// Numbers that a seed decides (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The part of a write that a disk does as a whole, in bytes.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Entry {
    Make(String, usize),
    Remove(String),
    Move(String, String),
}

/// The disk after some of the events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    /// What the process sees.
    names: BTreeMap<String, usize>,
    /// What is certainly there after a loss of power.
    durable: BTreeMap<String, usize>,
    pending: Vec<Entry>,
}

impl Disk {
    /// A disk on which these files have been for long.
    pub(crate) fn holding(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut disk = Self::default();
        for (name, content) in files {
            disk.names.insert(name.clone(), disk.files.len());
            disk.files.push(File { synced: content.clone(), pending: Vec::new() });
        }
        disk.durable.clone_from(&disk.names);
        disk
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Open(name) if !self.names.contains_key(name) => {
                self.names.insert(name.clone(), self.files.len());
                self.pending.push(Entry::Make(name.clone(), self.files.len()));
                self.files.push(File::default());
            }
            Event::Open(_) | Event::Say(_) => {}
            Event::Write { name, offset, data } => self.change(name, Change::Write(*offset, data.clone())),
            Event::Truncate(name, length) => self.change(name, Change::Truncate(*length)),
            Event::Sync(name) => {
                let file = &mut self.files[self.names[name]];
                for change in std::mem::take(&mut file.pending) {
                    change.apply(&mut file.synced, || true);
                }
            }
            Event::SyncFolder => {
                for entry in std::mem::take(&mut self.pending) {
                    entry.apply(&mut self.durable);
                }
            }
            Event::Unlink(name) => {
                self.names.remove(name);
                self.pending.push(Entry::Remove(name.clone()));
            }
            Event::Rename(from, to) => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
                self.pending.push(Entry::Move(from.clone(), to.clone()));
            }
        }
    }

    fn change(&mut self, name: &str, change: Change) {
        self.files[self.names[name]].pending.push(change);
    }

    /// What is found after a loss of power now, as that seed has it.
    pub(crate) fn after_power_loss(&self, seed: u64) -> BTreeMap<String, Vec<u8>> {
        let mut chance = Chance(seed);
        let mut names = self.durable.clone();
        let entries = chance.below(self.pending.len() as u64 + 1).try_into().unwrap_or(0);
        self.pending.iter().take(entries).for_each(|entry| entry.apply(&mut names));
        // How much of what was not synced is there: from nothing to all of it, and how much of that is torn.
        let (kept, torn) = (chance.below(5), chance.below(3));
        let mut found = BTreeMap::new();
        for (name, file) in names {
            let mut content = self.files[file].synced.clone();
            for change in &self.files[file].pending {
                if chance.below(4) >= kept {
                    continue;
                }
                let is_torn = chance.below(4) < torn;
                change.apply(&mut content, || !is_torn || chance.below(2) == 0);
            }
            found.insert(name, content);
        }
        found
    }
}

impl Change {
    /// Does it to a file, except for the sectors that `keeps` refuses.
    fn apply(&self, content: &mut Vec<u8>, mut keeps: impl FnMut() -> bool) {
        match self {
            Self::Truncate(length) => content.resize(*length, 0),
            Self::Write(offset, data) => {
                let mut at = 0;
                while at < data.len() {
                    let begin = offset + at;
                    let length = (SECTOR - begin % SECTOR).min(data.len() - at);
                    if keeps() {
                        content.resize(content.len().max(begin + length), 0);
                        content[begin..begin + length].copy_from_slice(&data[at..at + length]);
                    }
                    at += length;
                }
            }
        }
    }
}

impl Entry {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Make(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Remove(name) => drop(names.remove(name)),
            Self::Move(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

/// The events of a log that `strace -y -xx` wrote, about the files of that folder and one that standard output goes to.
pub(crate) fn events(log: &str, folder: &str, out: &str) -> Vec<Event> {
    log.lines().filter_map(|line| event(line, folder, out)).collect()
}

/// One line: `24969 pwrite64(12<\x2f…>, "\x53…", 4096, 0) = 4096`. Calls that failed did nothing.
fn event(line: &str, folder: &str, out: &str) -> Option<Event> {
    assert!(!line.contains("unfinished") && !line.contains("resumed"), "two calls at once: {line}");
    let (call, rest) = line.split_once(' ')?.1.trim_start().split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    if result.starts_with('-') {
        return None;
    }
    let inside = |path: &str| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
    let of_handle = || arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(path, _)| text(path));
    let mut quoted = arguments.split('"').skip(1).step_by(2);
    match call {
        "openat" => Some(Event::Open(inside(&text(quoted.next()?))?)),
        "pwrite64" => {
            let data = bytes(quoted.next()?);
            let offset = arguments.rsplit_once(", ")?.1.parse().ok()?;
            let done: usize = result.trim().parse().ok()?;
            assert_eq!(data.len(), done, "the record is cut off");
            Some(Event::Write { name: inside(&of_handle()?)?, offset, data })
        }
        "write" if of_handle()? == out => Some(Event::Say(text(quoted.next()?))),
        "fsync" | "fdatasync" => {
            let path = of_handle()?;
            if path == folder { Some(Event::SyncFolder) } else { Some(Event::Sync(inside(&path)?)) }
        }
        "ftruncate" => Some(Event::Truncate(inside(&of_handle()?)?, arguments.rsplit_once(", ")?.1.parse().ok()?)),
        "unlink" => Some(Event::Unlink(inside(&text(quoted.next()?))?)),
        "rename" => Some(Event::Rename(inside(&text(quoted.next()?))?, inside(&text(quoted.next()?))?)),
        _ => None,
    }
}

/// `\x2f\x74` as bytes.
fn bytes(escaped: &str) -> Vec<u8> {
    hex::decode(escaped.replace("\\x", "")).expect("strace -xx writes nothing but hex")
}

fn text(escaped: &str) -> String {
    String::from_utf8(bytes(escaped)).unwrap()
}

mod tests {
    use super::*;

    fn write(name: &str, offset: usize, byte: u8, length: usize) -> Event {
        Event::Write { name: name.to_owned(), offset, data: vec![byte; length] }
    }

    /// Every different picture of the file `a` that 200 seeds give.
    fn pictures(events: &[Event]) -> Vec<Option<Vec<u8>>> {
        let mut disk = Disk::default();
        for event in events {
            disk.apply(event);
        }
        let mut all: Vec<_> = (0..200).map(|seed| disk.after_power_loss(seed).remove("a")).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn what_was_synced_with_its_folder_is_there_in_every_picture() {
        let open = Event::Open("a".to_owned());
        let synced = [open.clone(), write("a", 0, 7, 3), Event::Sync("a".to_owned()), Event::SyncFolder];
        assert_eq!(pictures(&synced), [Some(vec![7; 3])]);
        assert_eq!(pictures(&synced[..3]), [None, Some(vec![7; 3])], "a name that was not synced may be lost");
        let content_lost = [open, write("a", 0, 7, 3), Event::SyncFolder];
        assert_eq!(pictures(&content_lost), [Some(vec![]), Some(vec![7; 3])]);
    }

    #[test]
    fn what_was_not_synced_is_kept_lost_and_torn() {
        let mut events = vec![Event::Open("a".to_owned()), write("a", 0, 1, 1024), Event::Sync("a".to_owned())];
        events.extend([Event::SyncFolder, write("a", 0, 2, 1024)]);
        let picture = |first, second| Some([[first; 512], [second; 512]].concat());
        assert_eq!(pictures(&events), [picture(1, 1), picture(1, 2), picture(2, 1), picture(2, 2)]);
    }

    #[test]
    fn a_record_is_read() {
        let log = "7 openat(AT_FDCWD<\\x2f>, \"\\x2f\\x66\\x2f\\x61\", O_RDWR|O_CREAT, 0600) = 3<\\x2f\\x66\\x2f\\x61>\n\
                   7 pwrite64(3<\\x2f\\x66\\x2f\\x61>, \"\\x01\\x02\", 2, 4096) = 2\n\
                   7 fdatasync(3<\\x2f\\x66\\x2f\\x61>) = 0\n\
                   7 fsync(4<\\x2f\\x66>) = 0\n\
                   7 rename(\"\\x2f\\x66\\x2f\\x61\", \"\\x2f\\x66\\x2f\\x62\") = 0\n\
                   7 unlink(\"\\x2f\\x66\\x2f\\x62\") = -1 ENOENT (No such file or directory)\n\
                   7 write(1<\\x2f\\x6f>, \"\\x68\\x69\", 2) = 2\n";
        let a = || "a".to_owned();
        let written = Event::Write { name: a(), offset: 4096, data: vec![1, 2] };
        let expected = [
            Event::Open(a()),
            written,
            Event::Sync(a()),
            Event::SyncFolder,
            Event::Rename(a(), "b".to_owned()),
            Event::Say("hi".to_owned()),
        ];
        assert_eq!(events(log, "/f", "/o"), expected);
    }
}
