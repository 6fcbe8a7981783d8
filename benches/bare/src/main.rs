//! Sends the same bytes to whoever asks for whatever: what hyper and tokio alone can do.
//!
//! `bare-hyper HEADERS BODY` takes the headers, one `name: value` a line, and the body from files, listens on a free
//! port of loopback and says which. Threads are as many as there are cores, as of the exporter.

use std::convert::Infallible;
use std::{env, fs};

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<()> {
    let [headers, body] = &env::args().skip(1).collect::<Vec<_>>()[..] else {
        anyhow::bail!("usage: bare-hyper HEADERS BODY");
    };
    let headers = parse(&fs::read_to_string(headers).context("cannot read the headers")?)?;
    let body = Bytes::from(fs::read(body).context("cannot read the body")?);
    let mut answer = Response::new(Full::new(body));
    *answer.headers_mut() = headers;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("addresses={}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, answer.clone()));
    }
}

fn parse(lines: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").with_context(|| format!("no header: {line:?}"))?;
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(headers)
}

/// Answers until the other end closes; how it did so is of no interest.
async fn serve(stream: TcpStream, answer: Response<Full<Bytes>>) {
    let service = service_fn(move |_: Request<_>| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(answer) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
