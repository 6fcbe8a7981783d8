//! What a web configuration says, as values.

use std::fmt;
use std::time::Duration;

use super::headers::ExtraHeader;
use super::names::ClientAuthType;
use super::password::PasswordHash;
use super::rate_limit::RateLimit;
use super::tls::TlsSettings;

/// What guards the server; nothing at all by default.
#[derive(Debug, Clone, Default)]
pub struct GuardSettings {
    /// TLS; without it connections are in the clear.
    pub tls: Option<TlsSettings>,
    /// Users and their passwords, by name; without any nobody is asked for one.
    pub users: Vec<(String, PasswordHash)>,
    /// The limit of requests.
    pub rate_limit: Option<RateLimit>,
    /// What each answer says besides.
    pub headers: Vec<ExtraHeader>,
}

impl GuardSettings {
    /// What `new` does not protect as `self` does, if there is such a thing.
    pub(super) fn lost_in(&self, new: &Self) -> Option<&'static str> {
        let demands = |settings: &Self| {
            let tls = settings.tls.as_ref();
            let certificates = tls.map(|tls| tls.client_auth);
            [
                (tls.is_some(), "TLS"),
                (certificates.is_some_and(requires), "the check of client certificates"),
                (certificates.is_some_and(ClientAuthType::verifies), "the check of client certificates"),
                (
                    tls.is_some_and(|tls| tls.allowed_names.is_some()),
                    "the check of names in client certificates",
                ),
                (!settings.users.is_empty(), "the passwords"),
                (settings.rate_limit.is_some(), "the rate limit"),
            ]
        };
        let lost =
            demands(self).into_iter().zip(demands(new)).find(|((before, _), (after, _))| *before && !after);
        lost.map(|((_, what), _)| what)
    }
}

/// Whether a client has to show a certificate.
fn requires(kind: ClientAuthType) -> bool {
    matches!(kind, ClientAuthType::RequireAny | ClientAuthType::RequireAndVerify)
}

/// In one line, without secrets.
impl fmt::Display for GuardSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tls {
            None => f.write_str("no TLS")?,
            Some(tls) => {
                f.write_str("TLS, ")?;
                f.write_str(match tls.client_auth {
                    ClientAuthType::None => "no client certificates",
                    ClientAuthType::Request => "client certificates asked for and not verified",
                    ClientAuthType::RequireAny => "client certificates required and not verified",
                    ClientAuthType::VerifyIfGiven => "client certificates verified if given",
                    ClientAuthType::RequireAndVerify => "client certificates required and verified",
                })?;
                if let Some(names) = tls.allowed_names {
                    write!(f, " ({})", number(names, "allowed name"))?;
                }
            }
        }
        match self.users.len() {
            0 => f.write_str("; no passwords")?,
            users => write!(f, "; {}", number(users, "user"))?,
        }
        if let Some(RateLimit { interval, burst }) = self.rate_limit {
            write!(f, "; a request every {}, {burst} at once", seconds(interval))?;
        }
        match self.headers.len() {
            0 => Ok(()),
            headers => write!(f, "; {}", number(headers, "header")),
        }
    }
}

fn number(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
