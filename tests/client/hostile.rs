//! Answers that mean harm, or come from something that is no API: each ends with a reason, soon, and counts nobody.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use openai_org_exporter::admin_api::Error;
use tokio::time::Instant;

use crate::scripted::{Answer, Bench, PAGE, answer, bench, bench_of, page, serve};

/// The client's patience where an answer would be tried again; less than the wait before a second attempt.
const PATIENCE: Duration = Duration::from_millis(350);

/// The client's patience where an answer ends the request; more than the slowest machine needs to read it.
const MUCH_PATIENCE: Duration = Duration::from_secs(20);

async fn list_once(bench: &Bench) -> Result<usize, Error> {
    let body = bench.client.list_users(None, 1, Instant::now() + PATIENCE).await?;
    Ok(body.page()?.users.len())
}

/// Checks that `answer` ends with `result`, that the message says `words`, and that it was counted.
async fn fails(name: &str, answer: Answer, code: &str, result: &str, words: &str) {
    let patience = if result == "invalid_response" { MUCH_PATIENCE } else { PATIENCE };
    let bench =
        bench_of(serve(vec![answer]).await, |options| options.request_timeout = patience.mul_f64(0.9));
    let outcome = bench.client.list_users(None, 1, Instant::now() + patience).await;
    let error = outcome.and_then(|body| body.page().map(|page| page.users.len())).expect_err(name);
    let message = error.to_string();
    assert_eq!(error.result(), result, "{name}: {message}");
    assert!(message.contains(words), "{name}: {message}");
    assert!(message.len() < 1_000, "{name}: {message}");
    let sample = format!(r#"openai_org_exporter_api_requests_total{{code="{code}",organization="acme"}}"#);
    assert_eq!(bench.counted(&sample), 1, "{name}");
    let read = bench.counted(r#"openai_org_exporter_api_response_bytes_total{organization="acme"}"#);
    assert!(read < 9 << 20, "{name}: {read} bytes were read");
}

fn zeros(mut encoder: impl std::io::Write) {
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_that_are_no_page_are_refused_by_name() {
    let ok = |body: Vec<u8>| answer("200 OK", "content-type: application/json\r\n", body);
    let encoded =
        |encoding: &str, body: &[u8]| answer("200 OK", &format!("content-encoding: {encoding}\r\n"), body);
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    zeros(&mut deflated);
    let deflated = deflated.finish().unwrap();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    zeros(&mut bomb);
    let bomb = bomb.finish().unwrap();
    let not_asked_for = "the body is encoded in a way that was not asked for";
    let no_object = "the body is not a JSON object";
    let page_like =
        |data: &str| format!(r#"{{"object":"list","data":{data},"has_more":false}}"#).into_bytes();
    let brackets = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    for (name, answer, words) in [
        ("gzip bomb", encoded("gzip", &bomb), "larger than 8 MiB"),
        ("gzip bomb in gzip", encoded("gzip", &gzip(&bomb)), "the body is no"),
        ("gzip twice", encoded("gzip, gzip", &gzip(&bomb)), not_asked_for),
        ("gzip and its name again", encoded("gzip\r\ncontent-encoding: gzip", &gzip(&bomb)), not_asked_for),
        (
            "a page and a bomb",
            encoded("gzip", &[gzip(PAGE.as_bytes()), bomb.clone()].concat()),
            "larger than 8 MiB",
        ),
        (
            "two pages in gzip",
            encoded("gzip", &gzip(PAGE.as_bytes()).repeat(2)),
            "the body is not a JSON object",
        ),
        ("a page and no gzip", encoded("gzip", &[&gzip(PAGE.as_bytes())[..], b"{}"].concat()), "is no gzip"),
        ("gzip of nothing, many times", encoded("gzip", &gzip(b"").repeat(10_000)), "is no gzip"),
        ("deflate bomb", encoded("deflate", &deflated), not_asked_for),
        ("brotli", encoded("br", b"x"), not_asked_for),
        ("100,000 arrays", ok(brackets), no_object),
        ("100,000 arrays, never closed", ok(b"[".repeat(100_000)), no_object),
        ("100,000 objects", ok(br#"{"a":"#.repeat(100_000)), no_object),
        ("8 MiB of brackets", ok(b"[".repeat(8 << 20)), no_object),
        ("arrays for data", ok(page_like(&("[".repeat(100_000) + &"]".repeat(99_999)))), no_object),
        ("bytes that are no text", ok(vec![0xff; 8 << 20]), "the body is no text"),
        ("text of zeros", ok(vec![0; 1 << 20]), no_object),
        ("two marks", ok(format!("\u{feff}\u{feff}{PAGE}").into_bytes()), no_object),
        ("two pages", ok(format!("{PAGE}{PAGE}").into_bytes()), no_object),
        (
            "data twice",
            ok(br#"{"object":"list","data":[{"id":"a"}],"data":[],"has_more":false}"#.to_vec()),
            "data stands in it twice",
        ),
        (
            "700,000 users",
            ok(page_like(&format!("[{}{{}}]", "{},".repeat(700_000)))),
            "more than 200000 objects",
        ),
        (
            "a lone surrogate for a list",
            ok(br#"{"object":"\ud800","data":[],"has_more":false}"#.to_vec()),
            "object is missing",
        ),
        ("nothing", ok(vec![]), no_object),
    ] {
        fails(name, answer, "200", "invalid_response", words).await;
    }
}

#[tokio::test]
async fn other_statuses_are_no_page_whatever_their_body() {
    for (status, result) in [
        ("101 Switching Protocols", "invalid_response"),
        ("201 Created", "invalid_response"),
        ("203 Non-Authoritative Information", "invalid_response"),
        ("204 No Content", "invalid_response"),
        ("206 Partial Content", "invalid_response"),
        ("226 IM Used", "invalid_response"),
        ("304 Not Modified", "invalid_response"),
        ("402 Payment Required", "client_error"),
        ("407 Proxy Authentication Required", "client_error"),
        ("418 Teapot", "client_error"),
        ("451 Unavailable", "client_error"),
        ("599 Odd", "server_error"),
        ("999 Odd", "server_error"),
    ] {
        let headers = "content-type: application/json\r\nx-should-retry: false\r\n";
        fails(status, answer(status, headers, PAGE), &status[..3], result, "answered").await;
    }
}

#[tokio::test]
async fn no_redirect_is_followed_wherever_it_leads() {
    let elsewhere = serve(vec![page()]).await;
    let address = elsewhere.address;
    for status in ["300", "301", "302", "303", "305", "307", "308"] {
        for location in [
            format!("http://{address}/v1/organization/users"),
            format!("//{address}/"),
            format!("http://user:password@{address}/"),
            format!("ftp://{address}/"),
            "file:///etc/hostname".to_owned(),
            "/v1/organization/users?limit=100".to_owned(),
            "javascript:alert(1)".to_owned(),
        ] {
            let answer = answer(&format!("{status} Moved"), &format!("location: {location}\r\n"), PAGE);
            fails(&location, answer, status, "invalid_response", "redirect, which is not followed").await;
        }
    }
    assert!(elsewhere.requests.lock().unwrap().is_empty(), "the key went nowhere else");
}

#[tokio::test]
async fn a_page_is_a_page_whatever_its_content_type() {
    let marked = format!("\u{feff}{PAGE}");
    for (headers, body) in [
        ("", PAGE),
        ("content-type: text/html\r\n", PAGE),
        ("content-type: application/json; charset=iso-8859-1\r\n", PAGE),
        ("content-type: \r\ncontent-type: image/png\r\n", PAGE),
        ("content-type: \u{ff}\r\n", PAGE),
        ("content-encoding: identity\r\n", PAGE),
        ("", &marked),
    ] {
        let bench = bench(vec![answer("200 OK", headers, body)]).await;
        assert_eq!(list_once(&bench).await.unwrap(), 1, "{headers}");
    }
}

#[tokio::test]
async fn an_id_of_megabytes_is_nobody_and_no_cursor() {
    let long = "x".repeat(3 << 20);
    let text = format!(
        r#"{{"object":"list","data":[{{"id":"{long}"}},{{"id":"a"}}],"last_id":"{long}","has_more":true}}"#
    );
    let bench = bench(vec![answer("200 OK", "", text)]).await;
    let body = bench.client.list_users(None, 1, Instant::now() + PATIENCE).await.unwrap();
    let page = body.page().unwrap();
    assert_eq!((page.users.len(), page.unreadable, page.last_id.as_deref()), (1, 1, None));
    let longer = format!(r#"{{"object":"list","data":[{{"id":"{}"}}]}}"#, "x".repeat(10 << 20));
    fails("10 MB", answer("200 OK", "", longer), "200", "invalid_response", "larger than 8 MiB").await;
}

#[tokio::test]
async fn what_never_ends_is_given_up() {
    let now = Duration::ZERO;
    let slowly = Duration::from_millis(20);
    let endless = |head: &str, piece: &[u8], pause| Answer::Endless {
        head: head.as_bytes().to_vec(),
        piece: piece.to_vec(),
        pause,
    };
    let ok = "HTTP/1.1 200 OK\r\n";
    let blanks = vec![b' '; 1 << 16];
    let flood = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1_000);
    for (name, answer, code, result, words) in [
        (
            "a body without end",
            endless(&format!("{ok}\r\n"), &blanks, now),
            "200",
            "invalid_response",
            "8 MiB",
        ),
        (
            "a body of 512 MiB",
            endless(&format!("{ok}content-length: 536870912\r\n\r\n"), &blanks, now),
            "200",
            "invalid_response",
            "8 MiB",
        ),
        (
            "a body byte by byte",
            endless(&format!("{ok}content-length: 999\r\n\r\n"), b" ", slowly),
            "200",
            "timeout",
            "answered 200 OK: waited",
        ),
        (
            "chunks of a byte",
            endless(&format!("{ok}transfer-encoding: chunked\r\n\r\n"), b"1\r\n \r\n", slowly),
            "200",
            "timeout",
            "waited",
        ),
        (
            "a chunk that never begins",
            endless(&format!("{ok}transfer-encoding: chunked\r\n\r\n1;"), &blanks, now),
            "200",
            "connect",
            "chunk",
        ),
        (
            "trailers without end",
            endless(&format!("{ok}transfer-encoding: chunked\r\n\r\n0\r\n"), b"a: b\r\n", now),
            "200",
            "connect",
            "",
        ),
        (
            "gzip that says nothing, for ever",
            Answer::Endless {
                head: [ok.as_bytes(), b"content-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03"].concat(),
                piece: b"\0\0\0\xff\xff".repeat(10_000),
                pause: now,
            },
            "200",
            "invalid_response",
            "8 MiB",
        ),
        (
            "members of gzip without end",
            endless(&format!("{ok}content-encoding: gzip\r\n\r\n"), &gzip(b"").repeat(1_000), now),
            "200",
            "invalid_response",
            "is no gzip",
        ),
        ("headers without end", endless(ok, &b"a: b\r\n".repeat(1_000), now), "none", "invalid_response", ""),
        (
            "a header without end",
            endless(&format!("{ok}a: "), &blanks, now),
            "none",
            "invalid_response",
            "too large",
        ),
        ("headers byte by byte", endless(ok, b"a", slowly), "none", "timeout", "waited"),
        ("a status line without end", endless("HTTP/1.1 200 ", &blanks, now), "none", "invalid_response", ""),
        ("interim answers, many", endless("", &flood, now), "none", "timeout", "waited"),
        (
            "interim answers, slowly",
            endless("", b"HTTP/1.1 100 Continue\r\n\r\n", slowly),
            "none",
            "timeout",
            "waited",
        ),
        (
            "no HTTP",
            endless("SSH-2.0-OpenSSH_9.2\r\n", b"\r\n", slowly),
            "none",
            "invalid_response",
            "invalid HTTP",
        ),
        (
            "an old protocol",
            endless("HTTP/0.9 200 OK\r\n\r\n", b" ", slowly),
            "none",
            "invalid_response",
            "invalid HTTP",
        ),
        (
            "two lengths",
            answer("200 OK", "content-length: 7\r\n", PAGE),
            "none",
            "invalid_response",
            "content-length",
        ),
    ] {
        fails(name, answer, code, result, words).await;
    }
}

#[tokio::test]
async fn the_status_of_an_error_counts_though_its_body_never_comes() {
    for (status, result) in [
        ("401 No", "unauthorized"),
        ("403 No", "forbidden"),
        ("404 No", "client_error"),
        ("503 No", "server_error"),
    ] {
        let slowly = Duration::from_millis(20);
        for (headers, pause) in [("content-length: 50000\r\n", slowly), ("", slowly), ("", Duration::ZERO)] {
            let head = format!("HTTP/1.1 {status}\r\nx-request-id: req_1\r\n{headers}\r\n").into_bytes();
            let answer = Answer::Endless { head, piece: b" ".to_vec(), pause };
            fails(status, answer, &status[..3], result, "x-request-id req_1").await;
        }
    }
}

#[tokio::test]
async fn a_page_that_breaks_off_at_any_byte_counts_nobody() {
    let zipped = gzip(PAGE.as_bytes());
    let answers = [
        [b"HTTP/1.1 200 OK\r\ncontent-length: 68\r\n\r\n", PAGE.as_bytes()].concat(),
        [b"HTTP/1.1 200 OK\r\n\r\n", PAGE.as_bytes()].concat(),
        [b"HTTP/1.0 200 OK\r\n\r\n", PAGE.as_bytes()].concat(),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{}\r\n24\r\n{}\r\n0\r\n\r\n",
            &PAGE[..32],
            &PAGE[32..]
        )
        .into_bytes(),
        [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", &zipped[..]].concat(),
        [
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", zipped.len())
                .as_bytes(),
            &zipped[..],
        ]
        .concat(),
    ];
    for whole in &answers {
        // Of a chunked body the last line end may be missing: the empty chunk is its end.
        let may_miss = if whole.ends_with(b"0\r\n\r\n") { 2 } else { 0 };
        for end in 0..whole.len() - may_miss {
            for reset in [false, true] {
                let bench = bench(vec![Answer::Cut { bytes: whole[..end].to_vec(), reset }]).await;
                let outcome = list_once(&bench).await;
                let shown = String::from_utf8_lossy(&whole[..end]);
                assert!(outcome.is_err(), "{} users in {shown:?}", outcome.unwrap());
                let result = outcome.unwrap_err().result();
                assert!(
                    ["connect", "invalid_response", "timeout"].contains(&result),
                    "{result} of {shown:?}"
                );
            }
        }
        let bench = bench(vec![Answer::Cut { bytes: whole.clone(), reset: false }]).await;
        assert_eq!(list_once(&bench).await.unwrap(), 1, "the whole answer is a page");
    }
}

#[tokio::test]
async fn what_broke_off_is_asked_for_again_as_a_whole() {
    let whole = [b"HTTP/1.1 200 OK\r\ncontent-length: 68\r\n\r\n", PAGE.as_bytes()].concat();
    for end in [0, 20, 60, whole.len() - 1] {
        let bench = bench(vec![Answer::Cut { bytes: whole[..end].to_vec(), reset: true }, page()]).await;
        assert_eq!(bench.list().await.unwrap(), 1);
        assert_eq!((bench.requests().len(), bench.retries("connect")), (2, 1));
    }
}
