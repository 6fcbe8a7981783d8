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
        let tls = |settings: &Self| {
            settings.tls.as_ref().map(|tls| (demand(tls.client_auth), tls.allowed_names.is_some()))
        };
        match (tls(self), tls(new)) {
            (Some(_), None) => Some("TLS"),
            (Some((before, _)), Some((after, _))) if after < before => {
                Some("the check of client certificates")
            }
            (Some((_, true)), Some((_, false))) => Some("the check of names in client certificates"),
            _ if !self.users.is_empty() && new.users.is_empty() => Some("the passwords"),
            _ => None,
        }
    }
}

/// How much is asked of clients.
fn demand(kind: ClientAuthType) -> u8 {
    match kind {
        ClientAuthType::None | ClientAuthType::Request => 0,
        ClientAuthType::RequireAny | ClientAuthType::VerifyIfGiven => 1,
        ClientAuthType::RequireAndVerify => 2,
    }
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
