//! An emulator and a plain HTTP/1.1 client for it: one connection, one request.

use keyholder_emulator::{Builder, Emulator, Version};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Peer {
    pub(crate) emulator: Emulator,
    pub(crate) version: Version,
    pub(crate) authorization: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Status, code and text of an error.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String, String) {
        let body = self.json();
        assert_eq!(body["httpStatus"], self.status, "{body}");
        let message = &body["messages"][0];
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        (self.status, text("errorCode"), text("message"))
    }
}

impl Peer {
    pub(crate) async fn new() -> Self {
        Self::of(Emulator::builder().users(130).seed(5)).await
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let emulator = builder.start().await.unwrap();
        let authorization = format!("Bearer {}", emulator.token());
        Self { emulator, version: Version::V6, authorization }
    }

    /// `path` is below the version.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut headers = format!("Authorization: {}\r\n", self.authorization);
        if body.is_some() {
            headers.push_str("Content-Type: application/json\r\n");
        }
        self.send(method, path, &headers, body.unwrap_or_default()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let origin = self.emulator.origin().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&origin).await.unwrap();
        let request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {origin}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            self.version.prefix(),
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), text: body.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// The JSON of a successful read.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// The ids of a list.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        ids(&self.read(path).await)
    }
}

pub(crate) fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Member names of an object.
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
