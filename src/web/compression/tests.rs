use std::io::Read as _;

use flate2::read::GzDecoder;
use hyper::StatusCode;
use proptest::prelude::*;

use super::*;

fn headers(accept: &[&str]) -> HeaderMap {
    accept.iter().map(|line| (ACCEPT_ENCODING, HeaderValue::from_str(line).unwrap())).collect()
}

/// The coding of a large body.
fn best(accept: &[&str]) -> Coding {
    Codings::accepted(&headers(accept)).of_body(SMALL)
}

fn decode(coding: Coding, body: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Identity => body.to_vec(),
        Coding::Gzip => {
            let mut decoded = Vec::new();
            GzDecoder::new(body).read_to_end(&mut decoded).unwrap();
            decoded
        }
        Coding::Zstd => zstd::stream::decode_all(body).unwrap(),
    }
}

#[test]
fn the_coding_is_the_one_that_is_accepted_most() {
    use Coding::{Gzip, Identity, Zstd};
    for (accept, coding) in [
        (&[][..], Identity),
        (&[""], Identity),
        // Prometheus, a browser, a library.
        (&["gzip"], Gzip),
        (&["identity"], Identity),
        (&["gzip, deflate, br, zstd"], Zstd),
        (&["gzip;q=1.0,deflate;q=0.6,identity;q=0.3"], Gzip),
        (&["gzip, zstd;q=0.9"], Gzip),
        (&["gzip;q=0.8", "zstd;q=0.9"], Zstd),
        (&["GZIP"], Gzip),
        (&["x-gzip"], Gzip),
        (&["identity, gzip"], Gzip),
        (&["identity;q=1, gzip;q=0.5"], Identity),
        (&["gzip;q=0"], Identity),
        (&["zstd;q=0, gzip"], Gzip),
        // Everybody reads gzip, but who accepts all does not always know of zstd.
        (&["*"], Gzip),
        (&["*;q=0.1"], Gzip),
        (&["*, zstd"], Zstd),
        (&["*, gzip;q=0"], Zstd),
        (&["*, gzip;q=0, zstd;q=0"], Identity),
        (&["*;q=0"], Identity),
        (&["deflate, br"], Identity),
        (&["gzip;q=2"], Identity),
        (&["gzip;q="], Identity),
    ] {
        assert_eq!(best(accept), coding, "{accept:?}");
    }
}

#[test]
fn a_small_body_is_sent_as_it_is_unless_that_is_not_accepted() {
    for (accept, small) in [
        ("gzip", Coding::Identity),
        ("gzip, identity;q=0", Coding::Gzip),
        ("gzip, *;q=0", Coding::Gzip),
        ("gzip, *;q=0, identity", Coding::Identity),
        ("identity;q=0", Coding::Identity),
    ] {
        assert_eq!(Codings::accepted(&headers(&[accept])).of_body(SMALL - 1), small, "{accept}");
    }
    assert_eq!(Codings::accepted(&headers(&["gzip"])).of_body(SMALL), Coding::Gzip);
}

#[tokio::test]
async fn a_response_says_how_it_is_compressed_and_that_this_depends_on_the_request() {
    let page = "<p>A page of the exporter.</p>".repeat(100);
    for (accept, encoding) in [("gzip", Some("gzip")), ("zstd", Some("zstd")), ("identity", None)] {
        let mut response = Response::new(Content::new(page.clone()));
        *response.status_mut() = StatusCode::ACCEPTED;
        let answer = compressed(Codings::accepted(&headers(&[accept])), response).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(answer.headers()[VARY], "Accept-Encoding");
        let coding = Codings::accepted(&headers(&[accept])).of_body(page.len());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(decode(coding, &body), page.as_bytes());
        assert!(encoding.is_none() || body.len() * 4 < page.len());
    }
}

proptest! {
    #[test]
    fn a_body_comes_out_as_it_went_in(body in prop::collection::vec(any::<u8>(), 0..5_000), times in 0..4_usize) {
        let body = Bytes::from(body.repeat(times));
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            let (told, encoded) = coding.encode(body.clone());
            prop_assert_eq!(told, coding);
            prop_assert_eq!(decode(told, &encoded), body.to_vec());
        }
    }

    #[test]
    fn whatever_is_accepted_there_is_a_coding(lines in prop::collection::vec("[a-z*;,=\" q0-9.]{0,40}", 0..4)) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let codings = Codings::accepted(&headers(&lines));
        // None is sent that is not named, if only as any.
        let named = |name: &str| lines.iter().any(|line| line.contains(name) || line.contains('*'));
        let is_named = match codings.best {
            Coding::Identity => true,
            Coding::Gzip => named("gzip"),
            Coding::Zstd => named("zstd"),
        };
        prop_assert!(is_named);
    }
}
