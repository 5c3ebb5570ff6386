//! TLS: ring, the system's certificate store, more roots if asked for, and a pinned leaf on top of normal verification.
//!
//! There is no way to switch verification off.

use std::fmt;
use std::sync::{Arc, Once};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::error::Mismatch;
use super::settings::{Pin, Settings, SettingsError};

/// Makes ring the provider of the process, once; libraries that build their own TLS configuration need one.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if ring::default_provider().install_default().is_err() {
            tracing::debug!("another TLS provider was installed before");
        }
    });
}

/// The configuration of a client's connections.
pub(super) fn config(settings: &Settings) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(SettingsError::Tls)?;
    if settings.base.scheme() != "https" {
        // Plain http to this machine: the library wants a configuration, no connection will use it, so trust nobody.
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = verifier(settings, provider)?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(settings: &Settings, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, SettingsError> {
    let roots = settings.extra_roots.as_deref().map_or_else(|| Ok(Vec::new()), read_roots)?;
    let system =
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider).map_err(SettingsError::Tls)?;
    Ok(match settings.pin {
        None => Arc::new(system),
        Some(pin) => Arc::new(Pinned { normal: Arc::new(system), pin }),
    })
}

/// Reads PEM certificates; text without any is an error.
fn read_roots(pem: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let roots: Vec<_> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| SettingsError::Roots)?;
    if roots.is_empty() { Err(SettingsError::Roots) } else { Ok(roots) }
}

/// Verifies normally, and then compares the leaf. Certificates behind the leaf prove nothing here: anyone can append them.
struct Pinned {
    normal: Arc<dyn ServerCertVerifier>,
    pin: Pin,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.normal.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let found = Pin(Sha256::digest(end_entity).into());
        if found == self.pin {
            return Ok(verified);
        }
        let mismatch = Mismatch { expected: self.pin, found };
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(mismatch)))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.normal.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.normal.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.normal.supported_verify_schemes()
    }
}
