//! What browsers may do with an answer.

use hyper::Response;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A page has its styles, scripts and images from the exporter, and asks it for more. Nothing in the page itself may
/// style or run, attributes included.
const OF_PAGES: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                        connect-src 'self'; img-src 'self'; script-src 'self'; style-src 'self'";
/// All else loads nothing.
const OF_OTHERS: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds the headers that forbid browsers all that an answer does not need. Those that it has already stay.
pub(super) fn security_headers<B>(response: &mut Response<B>) {
    let headers = response.headers_mut();
    if headers.contains_key(X_CONTENT_TYPE_OPTIONS) {
        // They were added before.
        return;
    }
    let content_type = headers.get(CONTENT_TYPE);
    let is_page = content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    // And those that the server adds.
    headers.reserve(8);
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, if is_page { OF_PAGES } else { OF_OTHERS }),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        // Figures are those of a moment, and what is behind a password is nobody else's.
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says_itself_stays() {
        let mut response = Response::new(());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
        security_headers(&mut response);
        assert_eq!(response.headers().len(), 6);
        assert_eq!(response.headers()[CACHE_CONTROL], "max-age=5");
        assert_eq!(response.headers()[X_FRAME_OPTIONS], "DENY");
    }

    #[test]
    fn pages_load_from_the_exporter_and_all_else_loads_nothing() {
        for (content_type, policy) in
            [("text/html; charset=utf-8", OF_PAGES), ("text/plain; charset=utf-8", OF_OTHERS)]
        {
            let mut response = Response::new(());
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            security_headers(&mut response);
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], policy);
            assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        }
    }
}
