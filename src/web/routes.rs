//! What stands at which path.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use super::compression::{Codings, compressed};
use super::guard::{Guard, Refusal};
use super::metrics::Wanted;
use super::reload::{NotAsked, Reloads};
use super::security_headers::security_headers;
use super::server::Asking;
use super::{metrics, page};
use crate::clock::Clock;
use crate::snapshot::Board;
use crate::telemetry::Telemetry;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Everything that is served.
#[derive(Debug)]
pub struct Site {
    /// The families behind the telemetry path.
    pub registry: Registry,
    /// The organizations.
    pub board: Arc<Board>,
    /// What time it is.
    pub clock: Clock,
    /// Where requests are counted.
    pub telemetry: Telemetry,
    /// The path of the exposition.
    pub telemetry_path: String,
    /// Who may come in.
    pub guard: Guard,
    /// Where `/-/reload` asks for a reload; nothing where that is not enabled.
    pub reload: Option<Reloads>,
    /// Cancelled when the process is about to end.
    pub shutdown: CancellationToken,
}

/// A route. Its name is the value of the label `handler`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Metrics,
    Status,
    Healthy,
    Ready,
    Fresh,
    Reload,
    Unknown,
}

impl Site {
    /// Answers a request, and counts it. What takes time and memory is made by `asking`.
    pub(super) async fn answer<B>(&self, request: &Request<B>, asking: Asking<'_>) -> Response<Full<Bytes>> {
        let start = Instant::now();
        let route = self.route(request.uri().path());
        let mut response = match self.guard.admit(request.headers(), route.is_open()).await {
            Ok(()) => self.admitted(request.method(), request.headers(), route, asking).await,
            Err(refusal) => refused(refusal),
        };
        security_headers(&mut response);
        self.guard.decorate(response.headers_mut());
        self.telemetry.http_request(route.name(), response.status().as_u16(), start.elapsed());
        response
    }

    async fn admitted(
        &self,
        method: &Method,
        headers: &HeaderMap,
        route: Route,
        asking: Asking<'_>,
    ) -> Response<Full<Bytes>> {
        match *method {
            _ if route == Route::Unknown => text(StatusCode::NOT_FOUND, "There is nothing at this path.\n"),
            Method::POST | Method::PUT if route == Route::Reload => self.reload().await,
            _ if route == Route::Reload => not_allowed("Use POST or PUT here.\n", "POST, PUT"),
            // These are the same for everyone who may come in and wants the same of them.
            Method::GET | Method::HEAD if route == Route::Metrics => {
                let wanted = Wanted::by(headers);
                let make = || metrics::answer(&self.registry, &self.telemetry, wanted);
                asking.shared(format!("{wanted:?}"), make).await
            }
            Method::GET | Method::HEAD if route == Route::Status => {
                let codings = Codings::accepted(headers);
                asking.shared(format!("{codings:?}"), || compressed(codings, self.get(route))).await
            }
            Method::GET | Method::HEAD => self.get(route),
            _ => not_allowed("Use GET or HEAD here.\n", "GET, HEAD"),
        }
    }

    fn route(&self, path: &str) -> Route {
        match path {
            path if path == self.telemetry_path => Route::Metrics,
            "/" => Route::Status,
            "/-/healthy" => Route::Healthy,
            "/-/ready" => Route::Ready,
            "/-/fresh" => Route::Fresh,
            "/-/reload" => Route::Reload,
            _ => Route::Unknown,
        }
    }

    fn get(&self, route: Route) -> Response<Full<Bytes>> {
        match route {
            Route::Status => {
                let page = page::status(&self.board, &self.telemetry_path, &self.clock.now());
                response(StatusCode::OK, HTML, page)
            }
            Route::Healthy => text(StatusCode::OK, "Healthy.\n"),
            Route::Ready if self.shutdown.is_cancelled() => {
                text(StatusCode::SERVICE_UNAVAILABLE, "Shutting down.\n")
            }
            Route::Ready => text(StatusCode::OK, "Ready.\n"),
            Route::Fresh => self.fresh(),
            Route::Metrics | Route::Reload | Route::Unknown => {
                text(StatusCode::NOT_FOUND, "There is nothing at this path.\n")
            }
        }
    }

    async fn reload(&self) -> Response<Full<Bytes>> {
        let Some(reloads) = &self.reload else {
            return text(
                StatusCode::FORBIDDEN,
                "Reloading over HTTP is off. Start with --web.enable-lifecycle, or send SIGHUP.\n",
            );
        };
        let outcome = match self.shutdown.is_cancelled() {
            true => Err(NotAsked::Ending),
            false => reloads.ask().await,
        };
        match outcome {
            Ok(Ok(done)) => text(StatusCode::OK, format!("{done}\n")),
            Ok(Err(why)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        }
    }

    fn fresh(&self) -> Response<Full<Bytes>> {
        match self.board.without_fresh_snapshot(&self.clock.now()) {
            (0, _) => text(StatusCode::OK, "Fresh.\n"),
            (stale, all) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{stale} of {all} organizations have no fresh snapshot.\n"),
            ),
        }
    }
}

impl Route {
    /// Whether it is answered to all. Probes name nobody and nothing.
    fn is_open(self) -> bool {
        matches!(self, Route::Healthy | Route::Ready)
    }

    fn name(self) -> &'static str {
        match self {
            Route::Metrics => "metrics",
            Route::Status => "status",
            Route::Healthy => "healthy",
            Route::Ready => "ready",
            Route::Fresh => "fresh",
            Route::Reload => "reload",
            Route::Unknown => "other",
        }
    }
}

fn refused(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = text(refusal.status(), refusal.text());
    refusal.add_headers(response.headers_mut());
    response
}

fn not_allowed(body: &'static str, allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, body);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, TEXT, body)
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
