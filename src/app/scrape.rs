//! Asks a running exporter for its metrics.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::ACCEPT;
use reqwest::{Certificate, Url, redirect};

/// The time that a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest exposition that is read, in bytes.
const LARGEST: usize = 256 << 20;

/// Where an exporter serves its metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter(Url);

impl Exporter {
    /// An exporter at `text`, an http or https URL; its path is that of the metrics, or there is none.
    ///
    /// # Errors
    ///
    /// If it is no such URL. It is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "this is no URL of an exporter; write it like http://localhost:10195".to_owned();
        let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        if url.path() == "/" {
            url.set_path("/metrics");
        }
        Ok(Self(url))
    }

    /// The URL without what may be secret in it.
    pub fn shown(&self) -> String {
        let mut url = self.0.clone();
        let _ = (url.set_username(""), url.set_password(None));
        url.set_query(None);
        url.into()
    }
}

/// The exposition of `exporter` in the text format. `roots` are certificates in PEM that are trusted besides the system's.
///
/// # Errors
///
/// If there is no answer in time, or it is none.
pub async fn scrape(exporter: &Exporter, roots: Option<&[u8]>) -> anyhow::Result<String> {
    // The one provider of the process; a second call finds it installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = roots.map(Certificate::from_pem_bundle).transpose().context("the certificates are none")?;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("openai-org-exporter/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .timeout(PATIENCE);
    // Over plain http there is nothing to verify, and a machine without any certificates will do.
    let builder = match exporter.0.scheme() {
        "http" => builder.tls_certs_only([]),
        _ => builder.tls_certs_merge(roots.unwrap_or_default()),
    };
    let request = builder.build()?.get(exporter.0.clone()).header(ACCEPT, "text/plain;version=0.0.4");
    let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
    if !answer.status().is_success() {
        bail!("it answers {}", answer.status());
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if text.len() + chunk.len() > LARGEST {
            bail!("the answer is larger than {} MiB", LARGEST >> 20);
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).context("the answer is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_that_of_the_metrics_unless_there_is_one() {
        let shown = |text: &str| Exporter::parse(text).map(|exporter| exporter.shown());
        for (text, expected) in [
            ("http://localhost:10195", "http://localhost:10195/metrics"),
            ("https://a.example/", "https://a.example/metrics"),
            ("http://a.example/openai/metrics", "http://a.example/openai/metrics"),
            ("http://ada:secret@a.example?token=secret", "http://a.example/metrics"),
        ] {
            assert_eq!(shown(text), Ok(expected.to_owned()));
        }
        for text in ["localhost:10195", "ftp://a", "", "secret"] {
            let error = shown(text).unwrap_err();
            assert_eq!(error, "this is no URL of an exporter; write it like http://localhost:10195");
        }
    }
}
