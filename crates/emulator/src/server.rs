//! Accepting connections, and giving one out of the HTTP server's hands when a fault wants to perform on it. Dropping
//! the task drops every connection with it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faults::Line;
use crate::shared::Shared;

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, most likely: the connections under way will give some back.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                shared.tally.connected();
                // Answers are written at once; without this, small ones would wait for each other.
                let _ = stream.set_nodelay(true);
                connections.spawn(converse(stream, router.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection until either side ends it.
async fn converse(stream: TcpStream, router: Router) {
    let (line, mut performances) = Line::new();
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(line.clone());
        router.call(request)
    });
    // The date is the emulator's, not the machine's.
    let mut server = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let performance = tokio::select! {
        // A client that goes away is the client's business.
        _ = &mut server => return,
        Some(performance) = performances.recv() => performance,
    };
    performance.play(server.into_parts().io.into_inner()).await;
}
