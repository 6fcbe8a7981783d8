//! The connections to the API, which the clients of a process share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Certificate, redirect};

use super::Proxy;

/// The time that connecting may take.
const LONGEST_CONNECTING: Duration = Duration::from_secs(10);

/// Connections that all clients of the process share, as far as they are made in the same way: they hold nothing of an
/// organization, whose key goes with each request. Clones are of the same connections.
#[derive(Debug, Clone)]
pub struct Connections {
    most_idle: usize,
    /// The latest way for each scheme, with what was made of it.
    made: Arc<Mutex<Vec<(Way, reqwest::Client)>>>,
}

/// How connections are made.
#[derive(Debug, PartialEq)]
pub(super) struct Way {
    pub(super) is_plain_http: bool,
    /// Certificates in PEM that are trusted besides the system's.
    pub(super) extra_roots: Option<Vec<u8>>,
    pub(super) proxy: Option<Proxy>,
    /// The time that one attempt may take.
    pub(super) request_timeout: Duration,
}

impl Connections {
    /// No connections yet; as many as `most_idle` to each host are kept when nothing is asked.
    pub fn new(most_idle: usize) -> Self {
        Self { most_idle, made: Arc::default() }
    }

    /// What sends requests over connections that are made in this `way`.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be read, or none are to be had for https.
    pub(super) fn made(&self, way: Way) -> Result<reqwest::Client, reqwest::Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, http)) = made.iter().find(|(known, _)| *known == way) {
            return Ok(http.clone());
        }
        let http = way.make(self.most_idle)?;
        // After a reload the one before is needed by those alone who have it.
        made.retain(|(known, _)| known.is_plain_http != way.is_plain_http);
        made.push((way, http.clone()));
        Ok(http)
    }
}

impl Way {
    fn make(&self, most_idle: usize) -> Result<reqwest::Client, reqwest::Error> {
        // The one provider of the process; a second call finds it installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("openai-org-exporter/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(self.request_timeout.min(LONGEST_CONNECTING))
            .pool_max_idle_per_host(most_idle);
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(proxy.all.clone());
        }
        let roots = match &self.extra_roots {
            Some(pem) => Certificate::from_pem_bundle(pem)?,
            None => Vec::new(),
        };
        // Over plain http there is nothing to verify, and a machine without any certificates will do.
        builder = match self.is_plain_http {
            true => builder.tls_certs_only(roots),
            false => builder.tls_certs_merge(roots),
        };
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_way_for_each_scheme_is_kept() {
        let connections = Connections::new(1);
        let way = |seconds| Way {
            is_plain_http: true,
            extra_roots: None,
            proxy: None,
            request_timeout: Duration::from_secs(seconds),
        };
        let kept = || {
            let made = connections.made.lock().unwrap();
            made.iter().map(|(way, _)| way.request_timeout.as_secs()).collect::<Vec<_>>()
        };
        for (seconds, expected) in [(1, [1]), (1, [1]), (2, [2]), (1, [1])] {
            connections.made(way(seconds)).unwrap();
            assert_eq!(kept(), expected);
        }
        connections.made(Way { is_plain_http: false, ..way(3) }).unwrap();
        assert_eq!(kept(), [1, 3]);
        let bad = Way {
            extra_roots: Some(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----".to_vec()),
            ..way(4)
        };
        assert!(connections.made(bad).is_err());
        assert_eq!(kept(), [1, 3], "what cannot be made takes the place of nothing");
    }
}
