//! TLS against real servers on loopback: trust first, then the pin, and of the chain only the leaf.

use std::sync::Arc;

use keyholder::api::settings::{Credentials, Pin, Settings, Version};
use keyholder::api::{Error, Fault, read};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::api::seams;
use crate::support::raw::ok;

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

pub(crate) fn leaf(authority: &CertifiedIssuer<'static, KeyPair>, host: &str, expired: bool) -> Leaf {
    let mut parameters = CertificateParams::new([host.to_owned()]).unwrap();
    if expired {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2020, 2, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    Leaf { certificate: certificate.der().clone(), key: key.into() }
}

pub(crate) fn pin_of(certificate: &CertificateDer<'_>) -> Pin {
    Pin(Sha256::digest(certificate).into())
}

/// Takes TLS connections with that leaf, these certificates behind it in the chain, and these protocols to choose from.
pub(crate) fn acceptor(leaf: &Leaf, behind: &[CertificateDer<'static>], protocols: &[&[u8]]) -> TlsAcceptor {
    let chain = [std::slice::from_ref(&leaf.certificate), behind].concat();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, leaf.key.clone_key())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves the name of the service with that leaf, and these certificates behind it in the chain.
pub(crate) async fn serve(leaf: &Leaf, behind: &[CertificateDer<'static>]) -> u16 {
    let acceptor = acceptor(leaf, behind, &[]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that refuses the certificate ends the handshake, and that connection with it.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&ok("", br#"{"name":"CLOUD API"}"#)).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

/// Asks for the name of the service.
async fn ask(port: u16, roots: Option<&str>, pin: Option<Pin>) -> Result<Option<String>, Error> {
    let base = format!("https://localhost:{port}/cloudapi/v6").parse().unwrap();
    let mut settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
    settings.extra_roots = roots.map(str::to_owned);
    settings.pin = pin;
    let client = read::Client::new(&settings, seams()).unwrap();
    client.service().await.map(|answer| answer.value.name)
}

#[track_caller]
fn check_works(outcome: Result<Option<String>, Error>) {
    let name = outcome.unwrap_or_else(|error| panic!("{:?}", error.fault));
    assert_eq!(name.as_deref(), Some("CLOUD API"));
}

#[track_caller]
fn check_mismatch(outcome: Result<Option<String>, Error>, expected: Pin, found: Pin) {
    let error = outcome.unwrap_err();
    let Fault::CertificateMismatch(mismatch) = &error.fault else { panic!("{:?}", error.fault) };
    assert_eq!((mismatch.expected, mismatch.found), (expected, found));
    let text = error.fault.to_string();
    assert!(text.contains(&expected.to_string()) && text.contains(&found.to_string()), "{text}");
    assert_eq!(error.attempts, 1, "a wrong certificate does not get better");
    assert!(error.hint().is_some());
}

#[track_caller]
fn check_untrusted(outcome: Result<Option<String>, Error>, reason: &str) {
    let error = outcome.unwrap_err();
    let Fault::Tls { source } = &error.fault else { panic!("{:?}", error.fault) };
    assert!(format!("{source:?}").contains(reason), "{source:?}");
    assert_eq!(error.attempts, 1, "a bad certificate does not get better");
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named_and_not_before() {
    let authority = authority();
    let leaf = leaf(&authority, "localhost", false);
    let port = serve(&leaf, &[]).await;
    check_works(ask(port, Some(&authority.pem()), None).await);
    check_untrusted(ask(port, None, None).await, "UnknownIssuer");
}

#[tokio::test]
async fn the_pinned_leaf_is_accepted_and_any_other_refused() {
    let authority = authority();
    let (here, other) = (leaf(&authority, "localhost", false), leaf(&authority, "localhost", false));
    let port = serve(&here, &[]).await;
    let roots = authority.pem();
    let (right, wrong) = (pin_of(&here.certificate), pin_of(&other.certificate));
    check_works(ask(port, Some(&roots), Some(right)).await);
    check_mismatch(ask(port, Some(&roots), Some(wrong)).await, wrong, right);
}

#[tokio::test]
async fn the_pinned_certificate_behind_the_leaf_proves_nothing() {
    let authority = authority();
    let (middle, genuine) = (leaf(&authority, "localhost", false), leaf(&authority, "localhost", false));
    let port = serve(&middle, &[genuine.certificate.clone(), authority.der().clone()]).await;
    let roots = authority.pem();
    let found = pin_of(&middle.certificate);
    check_works(ask(port, Some(&roots), Some(found)).await);
    for pin in [pin_of(&genuine.certificate), pin_of(authority.der())] {
        check_mismatch(ask(port, Some(&roots), Some(pin)).await, pin, found);
    }
}

#[tokio::test]
async fn a_pin_replaces_no_verification() {
    let authority = authority();
    let roots = authority.pem();
    let good = leaf(&authority, "localhost", false);
    let port = serve(&good, &[]).await;
    check_untrusted(ask(port, None, Some(pin_of(&good.certificate))).await, "UnknownIssuer");
    let expired = leaf(&authority, "localhost", true);
    let port = serve(&expired, &[]).await;
    check_untrusted(ask(port, Some(&roots), Some(pin_of(&expired.certificate))).await, "Expired");
    let stranger = leaf(&authority, "example.com", false);
    let port = serve(&stranger, &[]).await;
    check_untrusted(ask(port, Some(&roots), Some(pin_of(&stranger.certificate))).await, "NotValidForName");
}

#[test]
fn roots_that_are_no_certificates_are_refused() {
    for text in ["", "not PEM", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"] {
        let base = "https://localhost/".parse().unwrap();
        let mut settings = Settings::new(base, Version::V6, Credentials::Bearer("token".into()));
        settings.extra_roots = Some(text.to_owned());
        let error = read::Client::new(&settings, seams()).unwrap_err();
        assert_eq!(error.to_string(), "the extra certificate authorities are not PEM certificates", "{text}");
    }
}
