//! Users in messages: by name where the system's own list has one, and always by number.

use std::fmt;
use std::fs;

use rustix::process::geteuid;

/// A user of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User(pub u32);

impl User {
    /// The one who runs this process.
    pub fn current() -> Self {
        Self(geteuid().as_raw())
    }

    /// Whether a file of that user may be believed: it is the one who runs this, or root.
    pub fn is_trusted(self) -> bool {
        self == Self(0) || self == Self::current()
    }

    /// What `chown` takes.
    pub fn name(self) -> String {
        name_in(&passwd(), self.0).unwrap_or_else(|| self.0.to_string())
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name_in(&passwd(), self.0) {
            _ if self.0 == 0 => f.write_str("root"),
            Some(name) => write!(f, "user {name} (uid {})", self.0),
            None => write!(f, "user {}", self.0),
        }
    }
}

/// The list of users; empty where there is none. It only puts a name beside a number.
fn passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

fn name_in(list: &str, uid: u32) -> Option<String> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let is_user = fields.nth(1)?.parse() == Ok(uid);
        (is_user && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_list_or_by_number() {
        let list = "root:x:0:0::/root:/bin/sh\nbroken\n:x:7:7::\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_in(list, 1000).as_deref(), Some("ann"));
        assert_eq!((name_in(list, 7), name_in(list, 1)), (None, None));
        assert_eq!(User(0).to_string(), "root");
        assert_eq!(User(4_000_000_001).to_string(), "user 4000000001");
    }
}
