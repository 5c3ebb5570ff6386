//! TLS of the sinks: ring, the system's certificate store, and more certificate authorities where a sink names them.
//!
//! There is no way to switch verification off.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig};

use super::failure::DeliveryFailure;

/// Certificates of authorities in DER form, trusted beside those of the system.
pub type Authorities = Vec<Vec<u8>>;

/// The certificates of a PEM file; none if it holds no certificate or one that cannot be read.
pub fn authorities(pem: &str) -> Option<Authorities> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok().filter(|found| !found.is_empty()).map(|found| found.into_iter().map(|one| one.to_vec()).collect())
}

/// The configuration of connections that speak one of these protocols.
pub(super) fn client_config(authorities: &[Vec<u8>], protocols: &[&[u8]]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let roots = authorities.iter().cloned().map(CertificateDer::from);
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider)?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// The error of the TLS library inside another one. I/O errors hide what they wrap from `source`.
pub(super) fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    find(error)
}

/// The first error of that type in a chain of errors.
pub(super) fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    if let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return find(wrapped);
    }
    error.source().and_then(find)
}

/// What a handshake failed on.
pub(super) fn failure(host: &str, error: &rustls::Error) -> DeliveryFailure {
    let (host, source) = (host.to_owned(), error.clone());
    match error {
        rustls::Error::InvalidCertificate(certificate) => {
            DeliveryFailure::Certificate { host, reason: reason(certificate), source }
        }
        _ => DeliveryFailure::Tls { host, source },
    }
}

fn reason(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is not valid for this host name".to_owned()
        }
        CertificateError::UnknownIssuer => "its issuer is not trusted".to_owned(),
        CertificateError::Revoked => "it is revoked".to_owned(),
        other => other.to_string(),
    }
}
