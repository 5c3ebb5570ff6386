"""Receives what keyholder's sinks deliver, on loopback, and judges webhooks and mail with libraries of others.

Usage: receive.py DIRECTORY. Prints one JSON line with ports, keys and the certificate authority, and receives until its
standard input closes. Payloads for Slack and Teams are written to DIRECTORY for judge.mjs. Then one line per check, and
`receive: N passed, N failed`. Exit code 0 only if all of them passed.
"""

import asyncio
import base64
import email
import email.policy
import hashlib
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading

import trustme
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

FOLDER = pathlib.Path(sys.argv[1])
NEW_KEY = "whsec_" + base64.b64encode(hashlib.sha256(b"new").digest()).decode()
OLD_KEY = "whsec_" + base64.b64encode(hashlib.sha256(b"old").digest()).decode()
OTHER_KEY = "whsec_" + base64.b64encode(hashlib.sha256(b"other").digest()).decode()
USER, PASSWORD = "keyholder", "correct horse"

requests = []  # (path, headers, body)
mails = []  # (server, was the connection encrypted, envelope)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes any POST, and answers as the real one does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        requests.append((self.path, dict(self.headers.items()), body))
        self.send_response({"/teams": 202, "/webhook": 204}.get(self.path, 200))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Mailbox:
    """Keeps every mail."""

    def __init__(self, name):
        self.name = name

    async def handle_DATA(self, server, session, envelope):
        is_encrypted = server.transport.get_extra_info("ssl_object") is not None
        mails.append((self.name, is_encrypted, envelope))
        return "250 2.0.0 queued"


def authenticate(_server, _session, _envelope, _mechanism, data):
    right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


async def receive():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    web.socket = context.wrap_socket(web.socket, server_side=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()

    def starttls():
        login = {"authenticator": authenticate, "auth_required": True}
        return SMTP(Mailbox("starttls"), tls_context=context, require_starttls=True, hostname="mail.test", **login)

    def smtps():
        return SMTP(Mailbox("tls"), hostname="mail.test")

    loop = asyncio.get_running_loop()
    with_starttls = await loop.create_server(starttls, "127.0.0.1", 0)
    with_tls = await loop.create_server(smtps, "127.0.0.1", 0, ssl=context)
    certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    connection = {
        "https": web.server_address[1],
        "starttls": with_starttls.sockets[0].getsockname()[1],
        "tls": with_tls.sockets[0].getsockname()[1],
        "authority": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "keys": [NEW_KEY, OLD_KEY],
        "username": USER,
        "password": PASSWORD,
        "folder": str(FOLDER),
    }
    print(json.dumps(connection), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


outcomes = []


def check(name, holds):
    outcomes.append(bool(holds))
    print(f"{'ok' if holds else 'FAILED'} receive: {name}")


def verifies(key, body, headers):
    try:
        Webhook(key).verify(body, headers)
        return True
    except WebhookVerificationError:
        return False


def judge_webhooks():
    delivered = [(headers, body) for path, headers, body in requests if path == "/webhook"]
    check("an alert and a digest came to the webhook", len(delivered) == 2)
    for headers, body in delivered:
        name = json.loads(body)["class"]
        for word, key in [("new", NEW_KEY), ("old", OLD_KEY)]:
            check(f"{name}: verified with the {word} key", verifies(key, body, headers))
        check(f"{name}: refused with another key", not verifies(OTHER_KEY, body, headers))
        check(f"{name}: refused when a byte differs", not verifies(NEW_KEY, body.replace(b'"high"', b'"info"'), headers))
        lower = {key.lower(): value for key, value in headers.items()}
        check(f"{name}: the header has the id of the body", lower["webhook-id"] == json.loads(body)["id"])


def judge_mails():
    check("both mail servers were sent to", sorted(server for server, _, _ in mails) == ["starttls", "tls"])
    for server, is_encrypted, envelope in mails:
        check(f"{server}: the connection was encrypted", is_encrypted)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        check(f"{server}: no defects", not mail.defects and not any(part.defects for part in mail.walk()))
        check(f"{server}: the envelope has the recipients", envelope.rcpt_tos == ["soc@example.com", "ciso@example.com"])
        check(f"{server}: To has the recipients", [to.addr_spec for to in mail["To"].addresses] == envelope.rcpt_tos)
        check(f"{server}: From is the sender", mail["From"] == "keyholder <audit@example.com>")
        subject = mail["Subject"]
        check(f"{server}: the subject is one line", subject.startswith("[keyholder] high: S3 key added") and "\n" not in subject)
        check(f"{server}: a name made no header", "Bcc" not in mail and "Bcc" in subject)
        check(f"{server}: the id is in the headers", mail["Message-ID"] == f"<{mail['X-Keyholder-Id']}@example.com>")
        check(f"{server}: marked as automatic", mail["Auto-Submitted"] == "auto-generated")
        text = mail.get_body(("plain",)).get_content()
        html = mail.get_body(("html",)).get_content()
        check(f"{server}: both parts say the same", "S3 key added" in text and "S3 key added" in html)
        check(f"{server}: markup of a name is text", "<script" not in html and "&lt;script&gt;" in html)
        check(f"{server}: no control characters", not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", (text + html).replace("\r", "")))
        judge_attachments(server, mail, text)


def judge_attachments(server, mail, text):
    attached = {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
    # Lines of the text are folded.
    unfolded = re.sub(r"\s+", " ", text)
    listed = dict(re.findall(r"Report: \S*/([\w.-]+), \d+ bytes, SHA-256 ([0-9a-f]{64})", unfolded))
    check(f"{server}: the report is listed with its hash", list(listed) == ["access-review.csv"])
    if server == "starttls":
        check(f"{server}: multipart/alternative without attachments", mail.get_content_type() == "multipart/alternative" and not attached)
    else:
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in attached.items()}
        check(f"{server}: multipart/mixed with the report as listed", mail.get_content_type() == "multipart/mixed" and hashes == listed)


def keep_chats():
    for kind in ["slack", "teams"]:
        bodies = [body for path, _, body in requests if path == f"/{kind}"]
        check(f"an alert and two digests came to {kind}", len(bodies) == 3)
        for number, body in enumerate(bodies):
            (FOLDER / f"{kind}-{number}.json").write_bytes(body)


asyncio.run(receive())
judge_webhooks()
judge_mails()
keep_chats()
print(f"receive: {sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed")
sys.exit(0 if all(outcomes) else 1)
