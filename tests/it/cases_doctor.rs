//! Errors one can act on: each case with what was reported, and what both `collect` and `doctor` have to say.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use emulator::{Body, Rule};
use keyholder::app::preconditions::{DatabaseState, Preconditions};
use keyholder::app::prepare::CollectRequest;
use keyholder::config::{Flags, load};
use keyholder::seams::{Environment, Seams};

use crate::support::cli::{Desk, Ran, served};

/// Expects that `collect` ends with that code and says all of this.
#[track_caller]
fn check_collect(desk: &Desk, arguments: &[&str], code: i32, says: &[&str]) -> Ran {
    let ran = desk.run(arguments).ends(code);
    for part in says {
        assert!(ran.err.contains(part), "{arguments:?} does not say {part:?}: {}", ran.err);
    }
    ran
}

/// An address of this machine without a listener.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A port that answers everything in clear text.
pub(crate) fn clear_text() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut greeting = [0; 512];
            if stream.read(&mut greeting).is_ok() {
                drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
            }
        }
    });
    port
}

/// An emulator that knows none of its paths, as JSON or as a page.
fn nothing_there(body: &Body) -> emulator::Emulator {
    let emulator = served();
    for path in ["/", "/contracts", "/um/users", "/um/groups", "/um/resources"] {
        emulator.fail(Rule::on("GET", path).status(404).body(body.clone()));
    }
    emulator
}

#[test]
fn c1_a_base_address_of_another_product_is_named() {
    let page = Body::Html("<html>Not Found</html>".to_owned());
    let json = Body::Json(serde_json::json!({"httpStatus": 404, "messages": []}));
    for body in [page, json] {
        let emulator = nothing_there(&body);
        let desk = Desk::of(&emulator);
        let tried = format!("{} (env IONOS_API_URL)", emulator.base_url(emulator::Version::V6));
        let says = [&tried, "not found", "hint: there is no API of IONOS Cloud at that address", "v5 is switched off"];
        check_collect(&desk, &["collect"], 5, &says);
    }
}

#[test]
fn c1_an_address_left_over_from_v5_is_explained() {
    let emulator = nothing_there(&Body::Html(String::new()));
    let desk = Desk::at(&emulator.base_url(emulator::Version::V5), emulator.token());
    let says = ["/cloudapi/v5 (env IONOS_API_URL)", "hint: v5 of the API is switched off at IONOS"];
    check_collect(&desk, &["collect"], 5, &says);
}

#[test]
fn c3_an_unreachable_host_is_named_with_its_port() {
    let address = closed_port();
    let desk = Desk::at(&format!("http://{address}"), "token");
    check_collect(&desk, &["collect"], 5, &[&address, "(env IONOS_API_URL)", "the server cannot be reached"]);
}

#[test]
fn c3_https_to_a_port_in_clear_text_is_named() {
    let port = clear_text();
    let desk = Desk::at(&format!("https://127.0.0.1:{port}"), "token");
    let says = [&format!("https://127.0.0.1:{port}"), "does not speak TLS", "hint: check host and port"];
    let ran = check_collect(&desk, &["collect"], 5, &says);
    assert!(!ran.err.contains("corrupt message"), "{}", ran.err);
}

#[test]
fn c3_the_hint_fits_the_credentials_that_were_used() {
    let emulator = served();
    let url = emulator.base_url(emulator::Version::V6);
    check_collect(&Desk::at(&url, "wrong"), &["collect"], 4, &["hint: check the token (env IONOS_TOKEN)"]);
    let desk = Desk::bare().with("IONOS_API_URL", &url).with("IONOS_USERNAME", emulator.username());
    let desk = desk.with("IONOS_PASSWORD", "wrong");
    let says = ["hint: check user name and password (env IONOS_PASSWORD)", "two-factor authentication"];
    let ran = check_collect(&desk, &["collect"], 4, &says);
    assert!(!ran.err.contains("check the token"), "{}", ran.err);
}

#[test]
fn c4_a_folder_of_others_is_never_to_be_closed() {
    let emulator = served();
    let desk = Desk::of(&emulator);
    let project = desk.path("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("main.tf"), "").unwrap();
    for mode in [0o755, 0o1777] {
        fs::set_permissions(&project, fs::Permissions::from_mode(mode)).unwrap();
        let own = fs::canonicalize(&project).unwrap().join("keyholder/x.db");
        let own = format!("give the database one of its own: --db {}", own.display());
        let ran = check_collect(&desk, &["--db", "project/x.db", "collect"], 6, &[&own]);
        assert!(!ran.err.contains("chmod"), "{}", ran.err);
    }
    fs::copy(desk.path("project/main.tf"), desk.path("project/x.db")).unwrap();
    fs::set_permissions(desk.path("project/x.db"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = check_collect(&desk, &["--db", "project/x.db", "collect"], 6, &["move the database"]);
    assert!(!ran.err.contains("chmod"), "{}", ran.err);
}

#[test]
fn c5_gaps_name_the_group_or_user_and_the_missing_right() {
    let emulator = served();
    let (group, user) = emulator.read(|world| {
        let group = world.groups().next().expect("a group").clone();
        let user = world.users().next().expect("a user").clone();
        (group, user)
    });
    emulator.fail(Rule::on("GET", &format!("/um/groups/{}/shares", group.id)).status(403));
    emulator.fail(Rule::on("GET", &format!("/um/users/{}/s3keys", user.id)).status(403));
    let shares = format!("shares({}) of group {}: forbidden (the right to read it is missing", group.id, group.name);
    let keys = format!("keys({}) of user {}: forbidden (the right to read it is missing", user.id, user.email);
    check_collect(&Desk::of(&emulator), &["collect"], 9, &[&shares, &keys, "administrators"]);
    let desk = Desk::of(&emulator);
    let ran = desk.run(&["-q", "collect"]).ends(9);
    let shown = desk.run(&["snapshots", "show"]).ends(0).out;
    assert!(shown.contains(&group.name) && shown.contains(&user.email), "{shown}");
    assert!(!ran.err.contains(&user.email), "{}", ran.err);
}

/// The hint of a failed command.
pub(crate) fn hint(err: &str) -> &str {
    err.split("\nhint: ").nth(1).unwrap_or_else(|| panic!("no hint: {err}")).trim_end()
}

/// A desk at a fresh emulator that has been changed.
fn served_with(change: impl FnOnce(&emulator::Emulator)) -> (emulator::Emulator, Desk) {
    let emulator = served();
    change(&emulator);
    let desk = Desk::of(&emulator);
    (emulator, desk)
}

#[test]
fn c2_a_held_lock_counts_only_where_nothing_else_is_wrong() {
    let (_emulator, desk) = served_with(|_| ());
    desk.run(&["collect"]).ends(0);
    let lock = File::open(format!("{}.lock", desk.database().display())).unwrap();
    lock.lock().unwrap();
    desk.run(&["doctor"]).ends(75);
    let desk = desk.with("IONOS_API_URL", &format!("http://{}", closed_port()));
    let ran = desk.run(&["doctor"]).ends(5);
    assert!(ran.out.contains("another runner holds"), "it is reported all the same: {}", ran.out);
    lock.unlock().unwrap();
    assert!(!desk.run(&["doctor"]).ends(5).out.contains("another runner holds"));
}

#[test]
fn c2_doctor_foresees_gaps_and_names_the_missing_right() {
    let paths = [
        "/um/users",
        "/um/resources",
        "/um/groups/{}/users",
        "/um/groups/{}/shares",
        "/um/users/{}/owns",
        "/um/users/{}/s3keys",
    ];
    for path in paths {
        let (emulator, desk) = served_with(|_| ());
        let (group, user) = emulator.read(|world| {
            let group = world.groups().map(|group| group.id.to_string()).min().expect("a group");
            (group, world.users().next().expect("a user").id.to_string())
        });
        let id = if path.contains("groups") { &group } else { &user };
        emulator.fail(Rule::on("GET", &path.replace("{}", id)).status(403));
        let doctor = desk.run(&["doctor"]).ends(9);
        assert!(doctor.out.contains("the right to read it is missing"), "{path}: {}", doctor.out);
        assert!(!path.contains("{}") || doctor.out.contains(id.as_str()), "{path}: {}", doctor.out);
        desk.run(&["collect"]).ends(9);
    }
    let (_emulator, desk) = served_with(|_| ());
    desk.run(&["doctor"]).ends(0);
    desk.run(&["doctor", "--offline"]).ends(0);
}

/// Expects that `doctor` says that, and ends with the code with which `collect` ends then.
#[track_caller]
fn check_foreseen(desk: &Desk, code: i32, says: &str) {
    let doctor = desk.run(&["doctor"]).ends(code);
    assert!(doctor.out.contains(says), "{says:?} in {}", doctor.out);
    desk.run(&["collect"]).ends(code);
}

/// The API lists no keys of its first user, who is in no group but a new one, with or without the privilege.
fn refuse_keys(emulator: &emulator::Emulator, is_entitled: bool) {
    let user = emulator.edit(|world| {
        let user = world.users().next().expect("a user").id.clone();
        let groups: Vec<_> = world.groups_of(&user).cloned().collect();
        for group in &groups {
            world.remove_member(group, &user).unwrap();
        }
        let group = world.add_group("new", if is_entitled { &["s3Privilege"] } else { &[] });
        world.add_member(&group, &user).unwrap();
        user
    });
    let message = "The user needs to be part of a group that has ACCESS_S3_OBJECT_STORAGE privilege";
    let body = serde_json::json!({"httpStatus": 422, "messages": [{"errorCode": "100", "message": message}]});
    emulator.fail(Rule::on("GET", &format!("/um/users/{user}/s3keys")).status(422).body(Body::Json(body)));
}

/// Gives the first user one S3 key, or none.
fn set_keys(emulator: &emulator::Emulator, has_key: bool) {
    emulator.edit(|world| {
        let user = world.users().next().expect("a user").id.clone();
        let keys: Vec<_> = world.keys(&user).map(|key| key.id.clone()).collect();
        for key in &keys {
            world.remove_key(&user, key).unwrap();
        }
        if has_key {
            let group = world.add_group("storage", &["s3Privilege"]);
            world.add_member(&group, &user).unwrap();
            world.add_key(&user).unwrap();
        }
    });
}

#[test]
fn c2_doctor_judges_refused_lists_of_keys_as_collect() {
    for (is_entitled, code, says) in [(false, 0, "not listed of "), (true, 9, "contradiction: the API lists no keys")] {
        let (_emulator, desk) = served_with(|emulator| {
            set_keys(emulator, false);
            refuse_keys(emulator, is_entitled);
        });
        check_foreseen(&desk, code, says);
    }
    let (emulator, desk) = served_with(|emulator| set_keys(emulator, true));
    desk.run(&["collect"]).ends(0);
    refuse_keys(&emulator, false);
    check_foreseen(&desk, 9, "although keys are known");
}

#[test]
fn c2_doctor_believes_no_404_of_what_is_listed() {
    for below in ["users", "shares", "owns", "s3keys"] {
        let (emulator, desk) = served_with(|_| ());
        let (list, id) = emulator.read(|world| match below {
            "users" | "shares" => ("groups", world.groups().map(|group| group.id.to_string()).min().expect("a group")),
            _ => ("users", world.users().next().expect("a user").id.to_string()),
        });
        emulator.fail(Rule::on("GET", &format!("/um/{list}/{id}/{below}")).status(404));
        emulator.fail(Rule::on("GET", &format!("/um/{list}/{id}")).status(404));
        check_foreseen(&desk, 9, &format!("not found, although the list of {list} names it"));
    }
}

#[test]
fn c2_doctor_believes_no_empty_list_of_users() {
    let (_emulator, desk) = served_with(|emulator| {
        let body = serde_json::json!({"id": "users", "type": "collection", "offset": 0, "limit": 100, "items": []});
        emulator.fail(Rule::on("GET", "/um/users").status(200).body(Body::Json(body)));
    });
    check_foreseen(&desk, 9, "the list is empty, although each contract has at least one user");
}

#[test]
fn c2_the_list_of_preconditions_is_in_the_order_of_collect() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("k.db"), "not a database").unwrap();
    let database = folder.path().join("k.db").display().to_string();
    let heartbeat = ("KEYHOLDER_SERVICE_HEARTBEAT_URL_FILE", "/nowhere");
    let (file, token) = (("KEYHOLDER_DB", database.as_str()), ("IONOS_TOKEN", "token"));
    let room = ("KEYHOLDER_STORE_MIN_FREE_MIB", "1073741824");
    let none = ("", "");
    for (variables, unmet) in [
        ([none, heartbeat, file, room], vec!["credentials", "heartbeat", "database"]),
        ([token, heartbeat, file, room], vec!["heartbeat", "database"]),
        ([token, none, file, room], vec!["database"]),
        ([token, none, ("HOME", folder.path().to_str().unwrap()), room], vec!["disk"]),
    ] {
        let environment = Environment::of(variables);
        let loaded = load(&Flags::default(), &environment).unwrap();
        let request = CollectRequest::default();
        let look = |state| Preconditions::look(&loaded, &environment, &request, &Seams::system(), state);
        assert!(look(DatabaseState::Open).database.is_ok(), "a database that is open is not opened beside SQLite");
        let look = look(DatabaseState::Closed);
        let errors: Vec<_> = look.unmet().map(|error| error.precondition().name()).collect();
        assert_eq!(errors, unmet, "{environment:?}");
        let first = look.unmet().next().map(ToString::to_string);
        let ended = look.ready(&loaded, &request, &Seams::system()).err().map(|error| error.to_string());
        assert_eq!(ended, first, "{environment:?}");
    }
}
