//! Errors one can act on: each case with what was reported, and what both `collect` and `doctor` have to say.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;

use emulator::{Body, Rule};

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

/// An address of this machine where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A port that answers everything in clear text.
fn clear_text() -> u16 {
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
    let address = nobody();
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
    let ran = Desk::of(&emulator).run(&["-q", "collect"]).ends(9);
    assert!(!ran.err.contains(&user.email), "{}", ran.err);
}
