//! One connection from accept to close.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::Server;
use super::activity::ClosedEarly;
use super::answers::Asking;
use super::connections::{Connection, Verdict};
use super::request::{Refusal, checked, read_body};
use super::watched::{Told, Watched};
use crate::web::body::Content;
use crate::web::routes::text;
use crate::web::security_headers::security_headers;

/// The largest header of a request, in bytes, its first line included.
const LARGEST_HEADER: usize = 16 << 10;
/// What a client still sends is read for so long after the last answer, and so many bytes of it: a connection that is
/// closed over unread bytes is reset, and the answer lost.
const LINGER: (Duration, u64) = (Duration::from_secs(2), 4 << 20);

/// Serves one connection until it ends, until it has to, or until the shutdown and the end of the request under way.
pub(super) async fn serve<S>(stream: S, server: Arc<Server>, connection: Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let work = pin!(converse(stream, &server, &connection));
    limited(&connection, work).await;
}

/// What is said on a connection. During the handshake it is one that waits for its first request, and may have to make
/// room.
async fn converse<S>(stream: S, server: &Arc<Server>, connection: &Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        transport = server.site.guard.handshake(stream) => if let Ok(transport) = transport {
            http(transport, server, connection).await;
        },
        () = server.site.shutdown.cancelled() => {}
    }
}

/// Does `work` until it is done, or the connection has to close.
async fn limited(connection: &Connection, mut work: Pin<&mut impl Future<Output = ()>>) {
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        if work.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let (deadline, why) = match connection.look(cx.waker()) {
            Verdict::Leaves => {
                connection.ended(Some(ClosedEarly::MadeRoom));
                return Poll::Ready(());
            }
            Verdict::Stays(None) => return Poll::Pending,
            Verdict::Stays(Some(deadline)) => deadline,
        };
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).map(|()| connection.ended(why))
    })
    .await;
}

/// Answers requests one after the other, and closes.
async fn http<S>(stream: S, server: &Arc<Server>, connection: &Arc<Connection>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connection.expects_request();
    let mut stream = Watched::new(stream, connection.clone());
    let shutdown = &server.site.shutdown;
    let service = service_fn(|request: Request<Incoming>| {
        let (start, odd_line_end) = connection.takes_head();
        async move { Ok::<_, Infallible>(respond(server, connection, request, start, odd_line_end).await) }
    });
    let outcome = {
        let http = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(LARGEST_HEADER)
            .max_buf_size(LARGEST_HEADER)
            .serve_connection(TokioIo::new(&mut stream), service);
        let mut http = pin!(http);
        tokio::select! {
            outcome = http.as_mut() => outcome,
            () = shutdown.cancelled() => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(error = %error, "connection ended early");
        // The server has answered already, if there was somebody to answer.
        if error.is_parse_too_large() {
            server.connections.closed_early(ClosedEarly::TooLarge);
        } else if error.is_parse() {
            server.connections.closed_early(ClosedEarly::BadRequest);
        }
    }
    connection.closes();
    if !shutdown.is_cancelled() {
        let _ = timeout(LINGER.0, linger(stream)).await;
    }
}

/// Says that nothing more comes, and reads until the client has said so too.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let (mut scratch, mut rest) = ([0; 4096], LINGER.1);
    while let Ok(read) = stream.read(&mut scratch).await {
        rest = rest.saturating_sub(read as u64);
        if read == 0 || rest == 0 {
            return;
        }
    }
}

/// The response to a request whose header was read at `start`, of which `connection` is told.
async fn respond(
    server: &Server,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
    start: Instant,
    odd_line_end: bool,
) -> Response<Told<Content>> {
    let response = answer(server, connection, request, odd_line_end).await.unwrap_or_else(|refusal| {
        server.connections.closed_early(refusal.reason);
        refused(server, refusal, start)
    });
    let size = response.body().size_hint().exact().and_then(|size| size.try_into().ok());
    connection.responds(size.unwrap_or(0));
    response.map(|body| Told::new(body, connection.clone()))
}

async fn answer(
    server: &Server,
    connection: &Connection,
    request: Request<Incoming>,
    odd_line_end: bool,
) -> Result<Response<Content>, Refusal> {
    let (head, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let request = Request::from_parts(head, ());
    checked(&request, odd_line_end)?;
    if has_body {
        connection.reads_body();
        read_body(body, server.options.body_timeout).await?;
        connection.answers();
    }
    let mut response = server.site.answer(&request, Asking { answers: &server.answers, connection }).await;
    if has_body {
        // Where a body ends is what proxies and servers disagree about: nothing behind one is a request.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// What is said to a request that no route has seen; the last on its connection.
fn refused(server: &Server, refusal: Refusal, start: Instant) -> Response<Content> {
    let mut response = text(refusal.status, refusal.text);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    security_headers(&mut response);
    server.site.guard.decorate(response.headers_mut());
    server.site.telemetry.http_request("other", refusal.status.as_u16(), start.elapsed());
    response
}
