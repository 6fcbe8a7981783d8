//! The base URL of the API.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Where the API lives, such as `https://api.openai.com/v1`: https, or http where that is safe or allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is no base URL. The text itself is never repeated: it might hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not a URL at all.
    #[error("it is not a URL ({0}); write it like https://api.openai.com/v1")]
    Invalid(String),
    /// Another scheme.
    #[error("its scheme is not https; write it like https://api.openai.com/v1")]
    Scheme,
    /// A user name or password.
    #[error("it holds a user name or password; take them out")]
    UserInfo,
    /// A query or a fragment.
    #[error("it has a query or a fragment; take off what follows the path")]
    QueryOrFragment,
    /// A key in the wrong place: the URL stands in logs.
    #[error("it holds what looks like an admin key; take it out")]
    Key,
    /// Plain http to another host.
    #[error(
        "plain http would send the admin key unencrypted; use https, or --openai.allow-http if the way is safe"
    )]
    PlainHttp,
}

impl BaseUrl {
    /// The API's own address.
    pub const DEFAULT: &'static str = "https://api.openai.com/v1";

    /// A base URL from `text`. Plain http is taken for loopback hosts, or with `allow_http`.
    ///
    /// # Errors
    ///
    /// If it is no such URL; see [`BaseUrlError`].
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, BaseUrlError> {
        let mut url = Url::parse(text.trim()).map_err(|error| BaseUrlError::Invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BaseUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::QueryOrFragment);
        }
        // The URL is in lower case by now where that makes no difference, and without blanks.
        if url.as_str().contains("sk-admin-") {
            return Err(BaseUrlError::Key);
        }
        // What is shown, compared and asked for is one URL, however many slashes it ended with.
        url.set_path(url.path().to_owned().trim_end_matches('/'));
        let base_url = Self(url);
        if base_url.is_plain_http() && !allow_http && !base_url.is_loopback() {
            return Err(BaseUrlError::PlainHttp);
        }
        Ok(base_url)
    }

    /// Whether requests go out without TLS.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The URL of the page of at most 100 users behind `after`, or of the first page; only of those with the addresses
    /// `emails`, if there are any.
    pub(super) fn users(&self, after: Option<&str>, emails: &[String]) -> Url {
        let mut url = self.0.clone();
        url.path_segments_mut()
            .expect("http URLs have a path")
            .pop_if_empty()
            .extend(["organization", "users"]);
        url.query_pairs_mut().append_pair("limit", "100");
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        for email in emails {
            url.query_pairs_mut().append_pair("emails[]", email);
        }
        url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(base: &str, after: Option<&str>) -> String {
        BaseUrl::parse(base, false).unwrap().users(after, &[]).to_string()
    }

    #[test]
    fn slashes_at_the_end_make_no_difference_to_what_is_asked_compared_or_shown() {
        let plain = BaseUrl::parse("https://a.example/v1", false).unwrap();
        for text in ["https://a.example/v1/", "https://a.example/v1//"] {
            let base_url = BaseUrl::parse(text, false).unwrap();
            assert_eq!((&base_url, base_url.to_string()), (&plain, plain.to_string()), "{text}");
            assert_eq!(base_url.users(None, &[]), plain.users(None, &[]), "{text}");
        }
        for text in ["https://a.example", "https://a.example/", "https://a.example//"] {
            assert_eq!(page(text, None), "https://a.example/organization/users?limit=100", "{text}");
        }
    }

    #[test]
    fn the_path_is_appended_with_or_without_a_slash() {
        let expected = "https://api.openai.com/v1/organization/users?limit=100";
        assert_eq!(page("https://api.openai.com/v1", None), expected);
        assert_eq!(page("https://api.openai.com/v1/", None), expected);
    }

    #[test]
    fn cursors_are_percent_encoded() {
        assert_eq!(
            page("http://127.0.0.1:9/v1", Some("a&b=\n")),
            "http://127.0.0.1:9/v1/organization/users?limit=100&after=a%26b%3D%0A"
        );
    }

    #[test]
    fn addresses_are_a_list_in_the_query() {
        let base_url = BaseUrl::parse("http://127.0.0.1:9/v1", false).unwrap();
        let emails = ["ada@example.com", "b+c@example.com"].map(str::to_owned);
        assert_eq!(
            base_url.users(None, &emails).to_string(),
            "http://127.0.0.1:9/v1/organization/users?limit=100&emails%5B%5D=ada%40example.com\
             &emails%5B%5D=b%2Bc%40example.com"
        );
    }

    #[test]
    fn plain_http_is_for_loopback_or_with_leave() {
        for host in ["localhost:1", "127.0.0.1:1", "[::1]:1", "127.9.9.9"] {
            assert!(BaseUrl::parse(&format!("http://{host}/v1"), false).is_ok(), "{host}");
        }
        assert_eq!(BaseUrl::parse("http://gateway/v1", false), Err(BaseUrlError::PlainHttp));
        assert_eq!(BaseUrl::parse("http://localhost.example.com", false), Err(BaseUrlError::PlainHttp));
        assert!(BaseUrl::parse("http://gateway/v1", true).is_ok());
    }

    #[test]
    fn what_could_leak_or_mislead_is_refused() {
        assert_eq!(BaseUrl::parse("https://a:b@host/v1", true), Err(BaseUrlError::UserInfo));
        assert_eq!(BaseUrl::parse("https://host/v1?x=1", true), Err(BaseUrlError::QueryOrFragment));
        assert_eq!(BaseUrl::parse("ftp://host/v1", true), Err(BaseUrlError::Scheme));
        for url in ["https://host/sk-admin-1/v1", "https://SK-\tadmin-1/v1", "https://host//sk-admin-1@host"]
        {
            assert_eq!(BaseUrl::parse(url, true), Err(BaseUrlError::Key), "{url}");
        }
        assert!(matches!(BaseUrl::parse("api.openai.com", true), Err(BaseUrlError::Invalid(_))));
    }
}
