//! What stands at which path.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use tokio_util::sync::CancellationToken;

use super::body::Content;
use super::compression::{Codings, compressed};
use super::guard::{Guard, Refusal};
use super::metrics;
use super::reload::{NotAsked, Reloads};
use super::security_headers::security_headers;
use super::server::{Asked, Asking};
use super::status::{Asset, Face, Facts, Sources};
use crate::clock::Clock;
use crate::exposition::Renderer;
use crate::snapshot::Board;
use crate::telemetry::Telemetry;

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// Everything that is served.
#[derive(Debug)]
pub struct Site {
    /// What stands at the telemetry path.
    pub renderer: Arc<Renderer>,
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
    /// What the status page says of the process, and below which path everything is.
    pub facts: Facts,
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
    ApiStatus,
    Static(Asset),
    /// What stands outside the prefix and leads to the page.
    Redirect,
    Healthy,
    Ready,
    Fresh,
    Reload,
    Unknown,
}

impl Site {
    /// Answers a request, and counts it. What takes time and memory is made by `asking`.
    pub(super) async fn answer<B>(&self, request: &Request<B>, asking: Asking<'_>) -> Response<Content> {
        let start = Instant::now();
        let route = self.route(request.uri().path());
        let mut response = match self.guard.admit(request.headers(), route.is_open()).await {
            Ok(()) => self.admitted(request.method(), request.uri(), request.headers(), route, asking).await,
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
        uri: &Uri,
        headers: &HeaderMap,
        route: Route,
        asking: Asking<'_>,
    ) -> Response<Content> {
        match *method {
            _ if route == Route::Unknown => text(StatusCode::NOT_FOUND, "There is nothing at this path.\n"),
            Method::POST | Method::PUT if route == Route::Reload => self.reload().await,
            _ if route == Route::Reload => not_allowed("Use POST or PUT here.\n", "POST, PUT"),
            // These are the same for everyone who may come in and wants the same of them.
            Method::GET | Method::HEAD if route == Route::Metrics => {
                metrics::answer(&self.renderer, headers, asking).await
            }
            Method::GET | Method::HEAD if route.is_shown() => {
                let codings = Codings::accepted(headers);
                let make = |turn| async move {
                    let answer = compressed(codings, self.get(route, uri)).await;
                    drop(turn);
                    (answer, None)
                };
                asking.shared(Asked::Shown(uri.clone(), codings), make).await
            }
            Method::GET | Method::HEAD => self.get(route, uri),
            _ => not_allowed("Use GET or HEAD here.\n", "GET, HEAD"),
        }
    }

    fn route(&self, path: &str) -> Route {
        let Some(path) = self.facts.paths.route(path) else {
            return self.facts.paths.redirect(path).map_or(Route::Unknown, |_| Route::Redirect);
        };
        match path {
            path if path == self.telemetry_path => Route::Metrics,
            "/" => Route::Status,
            "/api/v1/status" => Route::ApiStatus,
            "/-/healthy" => Route::Healthy,
            "/-/ready" => Route::Ready,
            "/-/fresh" => Route::Fresh,
            "/-/reload" => Route::Reload,
            path => Asset::at(path).map_or(Route::Unknown, Route::Static),
        }
    }

    fn get(&self, route: Route, uri: &Uri) -> Response<Content> {
        match route {
            Route::Status => face(HTML, self.status().page(uri.query())),
            Route::ApiStatus => face(JSON, self.status().json(uri.query())),
            Route::Static(asset) => {
                let answer = response(StatusCode::OK, asset.content_type, asset.content);
                cached(answer, "public, max-age=31536000, immutable")
            }
            Route::Redirect => self.redirect(uri.path()),
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

    /// What the status page and its JSON are made of.
    fn status(&self) -> Sources<'_> {
        Sources {
            board: &self.board,
            telemetry: &self.telemetry,
            telemetry_path: &self.telemetry_path,
            facts: &self.facts,
            now: self.clock.now(),
        }
    }

    fn redirect(&self, path: &str) -> Response<Content> {
        let to = self.facts.paths.redirect(path).unwrap_or_default();
        let mut response = text(StatusCode::FOUND, format!("See {to}\n"));
        if let Ok(to) = HeaderValue::from_str(&to) {
            response.headers_mut().insert(LOCATION, to);
        }
        response
    }

    async fn reload(&self) -> Response<Content> {
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

    fn fresh(&self) -> Response<Content> {
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

    /// Whether it shows figures, or what belongs to them.
    fn is_shown(self) -> bool {
        matches!(self, Route::Status | Route::ApiStatus | Route::Static(_))
    }

    fn name(self) -> &'static str {
        match self {
            Route::Metrics => "metrics",
            Route::Status => "status",
            Route::ApiStatus => "api_status",
            Route::Static(_) => "static",
            Route::Redirect => "redirect",
            Route::Healthy => "healthy",
            Route::Ready => "ready",
            Route::Fresh => "fresh",
            Route::Reload => "reload",
            Route::Unknown => "other",
        }
    }
}

fn refused(refusal: Refusal) -> Response<Content> {
    let mut response = text(refusal.status(), refusal.text());
    refusal.add_headers(response.headers_mut());
    response
}

fn not_allowed(body: &'static str, allowed: &'static str) -> Response<Content> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, body);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A page, or what is said where there is nothing to show. It holds for the moment.
fn face(content_type: &'static str, face: Face) -> Response<Content> {
    let (status, body) = match face {
        Ok(body) => (StatusCode::OK, body),
        Err(body) => (StatusCode::NOT_FOUND, body),
    };
    cached(response(status, content_type, body), "no-store")
}

fn cached(mut response: Response<Content>, how: &'static str) -> Response<Content> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(how));
    response
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Content> {
    response(status, TEXT, body)
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Content> {
    let mut response = Response::new(Content::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
