//! Under which paths the exporter is reached, from this machine and through a proxy.

use std::fmt;

use url::Url;

/// The URL under which people reach the exporter, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalUrl(Url);

/// What stands before all routes; empty for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoutePrefix(String);

/// Where routes are, and what links to them look like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths {
    external_url: Option<ExternalUrl>,
    route_prefix: RoutePrefix,
}

/// Why a text is no external URL. The text itself is never repeated: it might hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExternalUrlError {
    /// Not a URL at all.
    #[error("it is not a URL ({0}); write it like https://example.com/exporter")]
    Invalid(String),
    /// Another scheme.
    #[error("its scheme is neither http nor https; write it like https://example.com/exporter")]
    Scheme,
    /// A user name or password.
    #[error("it holds a user name or password; take them out")]
    UserInfo,
    /// A query or a fragment.
    #[error("it has a query or a fragment; take off what follows the path")]
    QueryOrFragment,
    /// A path that cannot stand before routes.
    #[error("its path cannot stand before others: {0}")]
    Path(RoutePrefixError),
}

/// Why a text cannot stand before routes.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("write it like /exporter, of letters, digits and -._~, without empty parts, . and ..")]
pub struct RoutePrefixError;

impl ExternalUrl {
    /// A URL from `text`.
    ///
    /// # Errors
    ///
    /// If it is no such URL; see [`ExternalUrlError`].
    pub fn parse(text: &str) -> Result<Self, ExternalUrlError> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|error| ExternalUrlError::Invalid(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ExternalUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ExternalUrlError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ExternalUrlError::QueryOrFragment);
        }
        // Parsing takes dots away: the path is looked at as it was written.
        let behind_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        let written = behind_scheme.find('/').map_or("", |start| &behind_scheme[start..]);
        let prefix = RoutePrefix::parse(written).map_err(ExternalUrlError::Path)?;
        url.set_path(&prefix.0);
        Ok(Self(url))
    }

    /// Its path, as what stands before all routes.
    pub fn route_prefix(&self) -> RoutePrefix {
        RoutePrefix(self.0.path().trim_end_matches('/').to_owned())
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl RoutePrefix {
    /// A prefix from `text`, with or without slashes at its ends; `/` and an empty text are none.
    ///
    /// # Errors
    ///
    /// If parts of it are empty, dots, or hold other characters than a path needs none of its own to be quoted.
    pub fn parse(text: &str) -> Result<Self, RoutePrefixError> {
        let text = text.trim();
        let bare = text.strip_prefix('/').unwrap_or(text);
        let bare = bare.strip_suffix('/').unwrap_or(bare);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(allowed);
        match bare {
            "" if text.len() > 1 => Err(RoutePrefixError),
            "" => Ok(Self::default()),
            _ if bare.split('/').all(is_part) && bare.len() <= 256 => Ok(Self(format!("/{bare}"))),
            _ => Err(RoutePrefixError),
        }
    }

    /// The path of `route`, which begins with a slash, below this.
    pub fn path(&self, route: &str) -> String {
        format!("{}{route}", self.0)
    }
}

/// With a slash where it is none.
impl fmt::Display for RoutePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

impl Paths {
    /// Routes below `route_prefix`, or below the path of `external_url` if it is not said, and links as `external_url`
    /// has them.
    pub fn new(external_url: Option<ExternalUrl>, route_prefix: Option<RoutePrefix>) -> Self {
        let default = || external_url.as_ref().map(ExternalUrl::route_prefix).unwrap_or_default();
        let route_prefix = route_prefix.unwrap_or_else(default);
        Self { external_url, route_prefix }
    }

    /// The route that is asked for by `path`: what stands behind the prefix, with a slash before it.
    pub(super) fn route<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&self.route_prefix.0).filter(|route| route.starts_with('/'))
    }

    /// Where to send whoever asks for `path`, which is no route: the page at the top.
    pub(super) fn redirect(&self, path: &str) -> Option<String> {
        match path {
            _ if self.route_prefix.0.is_empty() => None,
            // A proxy that leads here keeps paths as they are, or it would have asked below the prefix.
            "/" => Some(self.route_prefix.path("/")),
            _ if path == self.route_prefix.0 => Some(self.link("/")),
            _ => None,
        }
    }

    /// The path at which `route` is served.
    pub fn path(&self, route: &str) -> String {
        self.route_prefix.path(route)
    }

    /// The path of a link to `route`.
    pub(super) fn link(&self, route: &str) -> String {
        match &self.external_url {
            Some(url) => url.route_prefix().path(route),
            None => self.route_prefix.path(route),
        }
    }

    /// The URL of `route`, if it is known how the exporter is reached; else the path of a link.
    pub(super) fn url(&self, route: &str) -> String {
        match &self.external_url {
            Some(url) => format!("{url}{route}"),
            None => self.link(route),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn external(text: &str) -> Result<String, ExternalUrlError> {
        ExternalUrl::parse(text).map(|url| url.to_string())
    }

    fn prefix(text: &str) -> Option<String> {
        RoutePrefix::parse(text).ok().map(|prefix| prefix.to_string())
    }

    #[test]
    fn external_urls_are_read_and_lose_their_last_slash() {
        for (text, url) in [
            ("http://localhost:10195", "http://localhost:10195"),
            ("https://Example.com/", "https://example.com"),
            (" https://example.com/a/b-1/ ", "https://example.com/a/b-1"),
            ("http://[::1]:80/x", "http://[::1]/x"),
        ] {
            assert_eq!(external(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_external_url_is_refused_without_being_repeated() {
        use ExternalUrlError::{Path, QueryOrFragment, Scheme, UserInfo};
        let path = || Path(RoutePrefixError);
        for (text, error) in [
            ("ftp://example.com", Scheme),
            ("https://jo:secret@example.com/", UserInfo),
            ("https://jo@example.com/", UserInfo),
            ("https://example.com/?a", QueryOrFragment),
            ("https://example.com/x?", QueryOrFragment),
            ("https://example.com/#top", QueryOrFragment),
            ("https://example.com//", path()),
            ("https://example.com/a//b", path()),
            ("https://example.com/a/../b", path()),
            ("https://example.com/./a", path()),
            ("https://example.com/a b", path()),
            ("https://example.com/%41", path()),
        ] {
            assert_eq!(external(text), Err(error), "{text}");
        }
        for text in ["", "/exporter", "example.com", "//example.com/x", "https://", "secret pass"] {
            let error = external(text).unwrap_err();
            assert!(matches!(error, ExternalUrlError::Invalid(_)), "{text}: {error:?}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn a_prefix_has_one_slash_before_it_and_none_behind() {
        for (text, expected) in [
            ("", Some("/")),
            ("/", Some("/")),
            ("/a", Some("/a")),
            ("a/", Some("/a")),
            ("/a/b_c.d~e-f/", Some("/a/b_c.d~e-f")),
            ("//", None),
            ("/a//b", None),
            ("//a", None),
            ("/a//", None),
            ("/a/../b", None),
            ("/.", None),
            ("/a?b", None),
            ("/a#b", None),
            ("/a b", None),
            ("/a%20b", None),
            ("/a\"", None),
        ] {
            assert_eq!(prefix(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn routes_and_links_follow_prefix_and_url() {
        let paths = |url: &str, prefix: Option<&str>| {
            let url = (!url.is_empty()).then(|| ExternalUrl::parse(url).unwrap());
            Paths::new(url, prefix.map(|prefix| RoutePrefix::parse(prefix).unwrap()))
        };
        // External URL, route prefix; where the routes are; link and URL of /metrics.
        for (url, prefix, routes, link, absolute) in [
            ("", None, "/", "/metrics", "/metrics"),
            ("", Some("/a"), "/a/", "/a/metrics", "/a/metrics"),
            ("https://x", None, "/", "/metrics", "https://x/metrics"),
            ("https://x/a/", None, "/a/", "/a/metrics", "https://x/a/metrics"),
            ("https://x/a", Some("/"), "/", "/a/metrics", "https://x/a/metrics"),
            ("https://x/a", Some("/b"), "/b/", "/a/metrics", "https://x/a/metrics"),
            ("https://x", Some("/b"), "/b/", "/metrics", "https://x/metrics"),
        ] {
            let paths = paths(url, prefix);
            let asked = format!("{routes}metrics");
            assert_eq!(paths.route(&asked), Some("/metrics"), "{url} {prefix:?}");
            assert_eq!((&*paths.link("/metrics"), &*paths.url("/metrics")), (link, absolute));
        }
    }

    #[test]
    fn what_is_not_below_the_prefix_is_no_route_and_the_top_leads_there() {
        let paths = Paths::new(
            Some(ExternalUrl::parse("https://x/out").unwrap()),
            Some(RoutePrefix::parse("/in").unwrap()),
        );
        for path in ["/metrics", "/inside/metrics", "/out/metrics", "in/metrics", "/in", "/", ""] {
            assert_eq!(paths.route(path), None, "{path}");
        }
        assert_eq!(paths.redirect("/").as_deref(), Some("/in/"));
        assert_eq!(paths.redirect("/in").as_deref(), Some("/out/"));
        assert_eq!((paths.redirect("/x"), Paths::default().redirect("/")), (None, None));
        assert_eq!(Paths::default().route("/"), Some("/"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_taken_is_read_as_itself(text in any::<String>(), path in "[/a.%\\\\~]{0,8}") {
            for text in [&text, &path, &format!("https://x{path}"), &format!("https://x/{text}")] {
                if let Ok(prefix) = RoutePrefix::parse(text) {
                    prop_assert_eq!(RoutePrefix::parse(&prefix.to_string()).unwrap(), prefix);
                }
                if let Ok(url) = ExternalUrl::parse(text) {
                    prop_assert_eq!(ExternalUrl::parse(&url.to_string()).unwrap(), url);
                }
            }
        }
    }
}
