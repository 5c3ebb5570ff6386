//! TCP and TLS connections to checked addresses, for the sinks that do not speak HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{DeliveryError, DeliveryFailure};
use super::target::{Network, Rules, TargetError};
use super::tls;

/// The addresses of a host that may be connected to, found within the time for a connection.
pub(super) async fn resolve(
    network: &Network,
    rules: Rules,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, DeliveryError> {
    let resolved = rules.resolve(&*network.lookup, host, port);
    let resolved = timeout(network.connect_timeout, resolved).await;
    resolved.map_err(|_| timed_out(host, network.connect_timeout))?.map_err(DeliveryError::retry)
}

/// Connects to the first address that accepts.
pub(super) async fn tcp(network: &Network, host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, DeliveryError> {
    match timeout(network.connect_timeout, TcpStream::connect(addresses)).await {
        Ok(stream) => stream.map_err(|source| {
            DeliveryError::retry(DeliveryFailure::Connect { host: host.to_owned(), source: source.into() })
        }),
        Err(_) => Err(timed_out(host, network.connect_timeout)),
    }
}

/// Starts TLS on a connection and verifies that the certificate is for the host.
pub(super) async fn tls(
    network: &Network,
    host: &str,
    config: Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, DeliveryError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| DeliveryError::retry(TargetError::HostName { host: host.to_owned() }))?;
    match timeout(network.connect_timeout, TlsConnector::from(config).connect(name, stream)).await {
        Ok(stream) => stream.map_err(|error| DeliveryError::retry(failure(host, error))),
        Err(_) => Err(timed_out(host, network.connect_timeout)),
    }
}

/// What a connection broke on.
pub(super) fn failure(host: &str, error: std::io::Error) -> DeliveryFailure {
    match tls::find::<rustls::Error>(&error) {
        Some(error) => tls::failure(host, error),
        None => DeliveryFailure::Send { host: host.to_owned(), source: error.into() },
    }
}

fn timed_out(host: &str, limit: Duration) -> DeliveryError {
    DeliveryError::retry(DeliveryFailure::Timeout { target: host.to_owned(), seconds: limit.as_secs() })
}
