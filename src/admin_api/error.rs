//! Why there is no page. The variants are the failures that `openai_org_exporter_walks_total` counts.

use std::fmt;

use reqwest::StatusCode;
use serde_json::Value;

use super::key::Keys;
use super::private::{looks_like_an_address, plain};

/// A failed walk, by reason. Each message names the organization, what was asked, what came back and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401.
    #[error(
        "{0}: the admin key was refused; admin keys are made at https://platform.openai.com/settings/organization/admin-keys"
    )]
    Unauthorized(Box<Detail>),
    /// 403.
    #[error("{0}: the admin key may not list users; give it the permission to read the organization's users")]
    Forbidden(Box<Detail>),
    /// 429.
    #[error("{0}: too many requests; raise the poll interval, or use an admin key that nothing else uses")]
    RateLimited(Box<Detail>),
    /// 5xx.
    #[error("{0}: the API or a gateway before it is in trouble; the next walk tries again")]
    ServerError(Box<Detail>),
    /// Another 4xx.
    #[error("{0}: the request was not accepted; check the base URL")]
    ClientError(Box<Detail>),
    /// No answer in time.
    #[error(
        "{0}: no answer in time; check the network, or raise --poll.request-timeout or --poll.stall-timeout"
    )]
    Timeout(Box<Detail>),
    /// No connection, or a connection that broke.
    #[error("{0}: the connection failed; check the network, the proxy and the base URL")]
    Connect(Box<Detail>),
    /// No secure connection.
    #[error(
        "{0}: no secure connection; if the certificate comes from a private authority, name it with --openai.ca-file"
    )]
    Tls(Box<Detail>),
    /// An answer that is no page of the list, or pages that do not fit together.
    #[error("{0}: this is not the user list of the Admin API; check the base URL and what stands between")]
    InvalidResponse(Box<Detail>),
    /// Stopped from inside, by a shutdown.
    #[error("{0}: cancelled")]
    Cancelled(Box<Detail>),
}

/// What was asked and what came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detail {
    /// The organization's name.
    pub organization: String,
    /// What was asked, such as `page 3 of GET https://api.openai.com/v1/organization/users`.
    pub asked: String,
    /// The status code, where there was an answer.
    pub status: Option<u16>,
    /// The API's `error.message`, made harmless.
    pub message: Option<String>,
    /// The API's `error.code`, made harmless.
    pub code: Option<String>,
    /// The header `x-request-id`, made harmless.
    pub request_id: Option<String>,
    /// What else is known of the cause.
    pub cause: Option<String>,
}

impl Error {
    /// The value of the label `result`.
    pub fn result(&self) -> &'static str {
        match self {
            Error::Unauthorized(_) => "unauthorized",
            Error::Forbidden(_) => "forbidden",
            Error::RateLimited(_) => "rate_limited",
            Error::ServerError(_) => "server_error",
            Error::ClientError(_) => "client_error",
            Error::Timeout(_) => "timeout",
            Error::Connect(_) => "connect",
            Error::Tls(_) => "tls",
            Error::InvalidResponse(_) => "invalid_response",
            Error::Cancelled(_) => "cancelled",
        }
    }

    /// Whether the API refused the key: trying again soon is of no use.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Error::Unauthorized(_) | Error::Forbidden(_))
    }

    /// What was asked and what came back.
    pub fn detail(&self) -> &Detail {
        match self {
            Error::Unauthorized(detail)
            | Error::Forbidden(detail)
            | Error::RateLimited(detail)
            | Error::ServerError(detail)
            | Error::ClientError(detail)
            | Error::Timeout(detail)
            | Error::Connect(detail)
            | Error::Tls(detail)
            | Error::InvalidResponse(detail)
            | Error::Cancelled(detail) => detail,
        }
    }

    /// The same without the words of whoever answered, which may be anything: for what others are given to read.
    #[must_use]
    pub fn without_words(mut self) -> Self {
        let detail = self.detail_mut();
        (detail.message, detail.code) = (None, None);
        self
    }

    fn detail_mut(&mut self) -> &mut Detail {
        match self {
            Error::Unauthorized(detail)
            | Error::Forbidden(detail)
            | Error::RateLimited(detail)
            | Error::ServerError(detail)
            | Error::ClientError(detail)
            | Error::Timeout(detail)
            | Error::Connect(detail)
            | Error::Tls(detail)
            | Error::InvalidResponse(detail)
            | Error::Cancelled(detail) => detail,
        }
    }

    /// The same, with a cause beside what the answer said.
    #[must_use]
    pub(super) fn because(mut self, cause: &str) -> Self {
        let detail = self.detail_mut();
        let known = detail.cause.take().map_or_else(String::new, |known| format!("{known}; "));
        detail.cause = Some(known + cause);
        self
    }

    /// The error that an answer with a status other than 200 is.
    pub(super) fn from_status(status: StatusCode, mut detail: Box<Detail>) -> Self {
        detail.status = Some(status.as_u16());
        match status.as_u16() {
            401 => Error::Unauthorized(detail),
            403 => Error::Forbidden(detail),
            429 => Error::RateLimited(detail),
            500.. => Error::ServerError(detail),
            400..=499 => Error::ClientError(detail),
            300..=399 => Error::InvalidResponse(Box::new(
                detail
                    .with_cause("it is a redirect, which is not followed, as the admin key would go with it"),
            )),
            _ => Error::InvalidResponse(detail),
        }
    }
}

impl Detail {
    /// The same, with a cause.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Takes what an error body says: `{"error": {"message", "type", "param", "code"}}`.
    pub(super) fn read_error_body(&mut self, body: &[u8], keys: &Keys) {
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return };
        let error = &body["error"];
        let text = |field: &str| error[field].as_str().filter(|text| !text.trim().is_empty());
        self.message = text("message").map(|message| harmless(message, keys));
        self.code = text("code").map(|code| identifier(code, keys));
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "organization {:?}, {}", self.organization, self.asked)?;
        if let Some(status) = self.status {
            write!(f, ": answered {status}")?;
            if let Some(reason) =
                StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason())
            {
                write!(f, " {reason}")?;
            }
        }
        if let Some(message) = &self.message {
            write!(f, ", {message:?}")?;
        }
        let code = self.code.as_ref().map(|code| format!("code {code}"));
        let request_id = self.request_id.as_ref().map(|id| format!("x-request-id {id}"));
        let known: Vec<String> = [code, request_id].into_iter().flatten().collect();
        if !known.is_empty() {
            write!(f, " ({})", known.join(", "))?;
        }
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

/// A text from outside, fit for a log line: without a key of ours, without what looks like a key or an address, on one
/// line, and short.
pub(super) fn harmless(text: &str, keys: &Keys) -> String {
    const LONGEST: usize = 200;
    // What no eye sees can stand between the letters of a key.
    let visible: String = text
        .chars()
        .filter(|c| {
            c.is_ascii_graphic()
                || c.is_whitespace()
                || c.is_alphanumeric()
                || matches!(c, '\u{ff20}' | '\u{fe6b}')
        })
        .collect();
    let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let in_one_piece = keys.redact(&visible);
    let is_in = |text: &str| keys.any_in(&bare(text), bare);
    if is_in(&in_one_piece) || is_in(&plain(&in_one_piece)) {
        return "<a text with a key in it>".to_owned();
    }
    let mut clean = String::new();
    let words: Vec<&str> = in_one_piece.split_whitespace().collect();
    for (word, is_piece) in words.iter().zip(pieces_of_addresses(&words)) {
        let word = if is_piece { "<address>" } else { mask(word).unwrap_or(word) };
        // Two of these would begin a command to the runner of a job that prints the log.
        clean.push_str(&word.replace("##", "# #"));
        clean.push(' ');
        if clean.len() > LONGEST {
            break;
        }
    }
    let clean = clean.trim_end();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &clean[..end]),
        None => clean.to_owned(),
    }
}

/// What stands for a word that looks like a key or an address.
fn mask(word: &str) -> Option<&'static str> {
    match () {
        () if looks_like_an_address(word) => Some("<address>"),
        () if plain(word).contains("sk-") => Some("<key>"),
        () => None,
    }
}

/// Which of `words` are parts of an address that is cut into pieces: `ada @ acme.com`, `"Ada Lovelace"@acme.com`.
fn pieces_of_addresses(words: &[&str]) -> Vec<bool> {
    let mut pieces = vec![false; words.len()];
    for (place, word) in words.iter().enumerate().filter(|(_, word)| looks_like_an_address(word)) {
        pieces[place] = true;
        let is_mark = |c: char| c.is_ascii_punctuation() && c != '@';
        let bare = word.trim_matches(is_mark);
        if bare.ends_with('@') && place + 1 < words.len() {
            pieces[place + 1] = true;
        }
        if bare.starts_with('@') && place > 0 {
            pieces[place - 1] = true;
        }
        if word.contains("\"@") && !word.starts_with('"') {
            let begin = words[..place].iter().rposition(|word| word.contains('"')).unwrap_or(0);
            pieces[begin..place].fill(true);
        }
    }
    pieces
}

/// A text from outside that should be an identifier.
pub(super) fn identifier(text: &str, keys: &Keys) -> String {
    const LONGEST: usize = 64;
    let bare = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).collect()
    };
    let mut clean = bare(text);
    // Taking characters out can put a key together.
    let masked = match mask(text).or(mask(&clean)) {
        None if keys.any_in(&clean, bare) => Some("<key>"),
        masked => masked,
    };
    clean.truncate(LONGEST);
    masked.map_or(clean, str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin_api::AdminKey;

    fn keys() -> Keys {
        Keys::only(AdminKey::parse("very-secret").unwrap())
    }

    #[test]
    fn a_message_names_everything_and_how_to_mend_it() {
        let mut detail = Detail {
            organization: "acme".into(),
            asked: "page 1 of GET https://api.openai.com/v1/organization/users".into(),
            request_id: Some("req_1".into()),
            ..Detail::default()
        };
        let body =
            br#"{"error":{"message":"Incorrect API key provided: sk-admin-1234","code":"invalid_api_key"}}"#;
        detail.read_error_body(body, &keys());
        assert_eq!(
            Error::from_status(StatusCode::UNAUTHORIZED, Box::new(detail)).to_string(),
            "organization \"acme\", page 1 of GET https://api.openai.com/v1/organization/users: answered 401 \
             Unauthorized, \"Incorrect API key provided: <key>\" (code invalid_api_key, x-request-id req_1): the \
             admin key was refused; admin keys are made at \
             https://platform.openai.com/settings/organization/admin-keys"
        );
    }

    #[test]
    fn texts_from_outside_lose_keys_addresses_and_control_characters() {
        let text = "no very-secret for\n\"jo@example.com\" or <x@y> \u{1b}[31m sk-proj-1";
        assert_eq!(harmless(text, &keys()), "no <key> for <address> or <address> [31m <key>");
        assert!(harmless(&"long ".repeat(1000), &keys()).len() <= 203);
        assert_eq!(
            harmless("s\0k-1 jo%40x.com jo\u{ff20}x.com very\u{1b}-secret", &keys()),
            "<key> <address> <address> <key>"
        );
        for (text, expected) in [
            (
                "User Ada Lovelace (ada @ acme.com) lacks it",
                "User Ada Lovelace <address> <address> <address> lacks it",
            ),
            ("of \"Ada Lovelace\"@acme.com, gone", "of <address> <address> gone"),
            ("ada&#64;acme.com ada%2540acme.com sk%2Dadmin", "<address> <address> <key>"),
            ("##vso[task.x]y", "# #vso[task.x]y"),
            ("very%2Dsecret", "<a text with a key in it>"),
        ] {
            assert_eq!(harmless(text, &keys()), expected);
        }
        for broken in ["no very-\nsecret", "very -sec ret", "ve\u{200b}ry-secret"] {
            assert!(!harmless(broken, &keys()).replace(' ', "").contains("secret"), "{broken:?}");
        }
        assert_eq!(harmless("s\u{200b}k-admin", &keys()), "<key>");
        assert_eq!(identifier("a b\"c\n", &keys()), "abc");
        assert_eq!(
            (identifier("sk-1", &keys()), identifier("jo@x", &keys())),
            ("<key>".into(), "<address>".into())
        );
        assert_eq!(identifier("very-secret", &keys()), "<key>");
    }

    #[test]
    fn an_identifier_is_no_key_that_was_cut_into_pieces() {
        for text in ["very!-secret", "\u{e4}very-\u{200b}secret.", "x very- secret", "s!k-1", "s\0k-proj-1"] {
            assert_eq!(identifier(text, &keys()), "<key>", "{text:?}");
        }
        let odd = Keys::only(AdminKey::parse("very+secret").unwrap());
        assert_eq!(identifier("id-very secret", &odd), "<key>");
        assert_eq!(identifier("id-very", &Keys::only(AdminKey::parse("+").unwrap())), "id-very");
    }

    #[test]
    fn statuses_have_their_results() {
        let result =
            |status| Error::from_status(StatusCode::from_u16(status).unwrap(), Box::default()).result();
        let expected = [
            (204, "invalid_response"),
            (302, "invalid_response"),
            (400, "client_error"),
            (401, "unauthorized"),
            (403, "forbidden"),
            (404, "client_error"),
            (429, "rate_limited"),
            (500, "server_error"),
            (503, "server_error"),
            (599, "server_error"),
        ];
        for (status, expected) in expected {
            assert_eq!(result(status), expected, "{status}");
        }
    }

    proptest! {
        #[test]
        fn whatever_an_answer_says_no_error_holds_a_key_an_address_or_a_second_line(
            pieces in prop::collection::vec(
                prop_oneof![
                    "very-secret|very-|secret|sk-|s|k-|@|%40|\u{ff20}|jo|<key>|!|\\.|\"|error|code|[{}:,]",
                    any::<char>().prop_map(String::from),
                ],
                0..12,
            ),
            status in 100u16..600,
        ) {
            let text = pieces.concat();
            let body = serde_json::json!({"error": {"message": text, "code": text}}).to_string();
            for body in [body.as_bytes(), text.as_bytes()] {
                let mut detail = Box::new(Detail::default().with_cause(harmless(&text, &keys())));
                detail.request_id = Some(identifier(&text, &keys()));
                detail.read_error_body(body, &keys());
                let said = Error::from_status(StatusCode::from_u16(status).unwrap(), detail).to_string();
                let secrets = ["very-secret", "sk-", "@", "\u{ff20}", "%40"];
                prop_assert!(!secrets.iter().any(|secret| said.contains(secret)), "{}", said);
                prop_assert!(!said.chars().any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c)), "{:?}", said);
            }
        }
    }
}
