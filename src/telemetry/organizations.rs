//! What is counted of organizations. There may be many of them, with dozens of series each: a series is no more than its
//! number here, and not the object that it is in the `prometheus` crate.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::changes::Changes;
use super::distribution::Distribution;
use super::series::{Count, collected, described};
use crate::catalog::{self, Family};

/// The families that organizations have, by name.
pub const ORGANIZATION_FAMILIES: [&Family; 7] = [
    &catalog::API_RATE_LIMIT_REMAINING,
    &catalog::API_REQUEST_DURATION,
    &catalog::API_REQUESTS,
    &catalog::API_RESPONSE_BYTES,
    &catalog::API_RETRIES,
    &catalog::WALK_ANOMALIES,
    &catalog::WALKS,
];

/// Counts by the value of the label that is not `organization`.
type Tally = BTreeMap<Cow<'static, str>, u64>;

/// What was counted of one organization.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    birth: Option<u64>,
    pub(super) walks: Tally,
    pub(super) api_requests: Tally,
    pub(super) api_retries: Tally,
    pub(super) walk_anomalies: Tally,
    api_request_duration: Option<Distribution>,
    pub(super) api_response_bytes: Option<u64>,
    pub(super) api_rate_limit_remaining: Option<f64>,
}

/// All organizations that something was counted of. Clones share the same.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    accounts: Arc<Mutex<Arc<Accounts>>>,
    changes: Changes,
    descriptions: Arc<[Desc]>,
}

/// Whoever reads it gets what is there, and holds nobody up who counts.
type Account = Arc<Mutex<Arc<Counts>>>;
/// By the name of the organization.
type Accounts = BTreeMap<Arc<str>, Account>;

impl Counts {
    /// Since when it counts, in Unix milliseconds; unknown where nobody said that the organization is there.
    pub fn birth(&self) -> Option<u64> {
        self.birth
    }

    /// Gives `tell` the label values and the count of each series that `family` has of `organization`, in the order of
    /// the values.
    #[expect(clippy::cast_precision_loss, reason = "a number of requests or bytes is far below 2^53")]
    pub fn series(&self, family: &Family, organization: &str, mut tell: impl FnMut(&[&str], Count<'_>)) {
        let mut one = |count| tell(&[organization], count);
        let tally = match family.name {
            name if name == catalog::WALKS.name => &self.walks,
            name if name == catalog::API_REQUESTS.name => &self.api_requests,
            name if name == catalog::API_RETRIES.name => &self.api_retries,
            name if name == catalog::WALK_ANOMALIES.name => &self.walk_anomalies,
            name if name == catalog::API_REQUEST_DURATION.name => {
                return self.api_request_duration.iter().for_each(|all| one(Count::Distribution(all)));
            }
            name if name == catalog::API_RESPONSE_BYTES.name => {
                return self.api_response_bytes.iter().for_each(|bytes| one(Count::Number(*bytes as f64)));
            }
            name if name == catalog::API_RATE_LIMIT_REMAINING.name => {
                return self.api_rate_limit_remaining.iter().for_each(|left| one(Count::Number(*left)));
            }
            _ => return,
        };
        let comes_first = family.labels[0] == "organization";
        for (value, count) in tally {
            let values = if comes_first { [organization, value] } else { [value, organization] };
            tell(&values, Count::Number(*count as f64));
        }
    }

    pub(super) fn durations(&mut self) -> &mut Distribution {
        self.api_request_duration.get_or_insert_with(|| Distribution::of(&catalog::API_REQUEST_DURATION))
    }

    /// It counts since `birth`, unless it does already: every known label value is there.
    fn begin(&mut self, birth: u64) {
        self.birth.get_or_insert(birth);
        for (tally, known) in [
            (&mut self.walks, catalog::WALK_RESULTS),
            (&mut self.api_requests, catalog::API_CODES),
            (&mut self.api_retries, catalog::RETRY_REASONS),
            (&mut self.walk_anomalies, catalog::ANOMALY_KINDS),
        ] {
            for value in known {
                tally.entry(Cow::Borrowed(value)).or_default();
            }
        }
        self.durations();
        self.api_response_bytes.get_or_insert_default();
    }
}

/// One more of `value`.
pub(super) fn count(tally: &mut Tally, value: &str) {
    match tally.get_mut(value) {
        Some(count) => *count += 1,
        None => {
            tally.insert(Cow::Owned(value.to_owned()), 1);
        }
    }
}

impl Ledger {
    /// Nothing yet; `changes` counts what changes.
    pub(super) fn new(changes: Changes) -> Self {
        Self { accounts: Arc::default(), changes, descriptions: described(&ORGANIZATION_FAMILIES) }
    }

    /// Every known label value of `organization` is there, since `birth` if it was not yet.
    pub(super) fn begin(&self, organization: &str, birth: u64) {
        self.change(organization, |counts| counts.begin(birth));
    }

    /// Counts for `organization`.
    pub(super) fn change(&self, organization: &str, change: impl FnOnce(&mut Counts)) {
        let account = {
            let mut accounts = self.accounts();
            match accounts.get(organization) {
                Some(account) => account.clone(),
                None => Arc::make_mut(&mut accounts).entry(organization.into()).or_default().clone(),
            }
        };
        let mut counts = account.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut counts));
        self.changes.one_more();
    }

    pub(super) fn remove(&self, organizations: &BTreeSet<&str>) {
        Arc::make_mut(&mut self.accounts()).retain(|name, _| !organizations.contains(&**name));
        self.changes.one_more();
    }

    /// What is counted by now, by name.
    pub(super) fn all(&self) -> Vec<(Arc<str>, Arc<Counts>)> {
        let accounts = self.accounts().clone();
        let counts = |account: &Account| account.lock().unwrap_or_else(PoisonError::into_inner).clone();
        accounts.iter().map(|(name, account)| (name.clone(), counts(account))).collect()
    }

    fn accounts(&self) -> MutexGuard<'_, Arc<Accounts>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for whoever gathers a registry.
impl Collector for Ledger {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let all = self.all();
        let of_all = |family: &'static Family| {
            collected(family, |tell| {
                all.iter().for_each(|(name, counts)| counts.series(family, name, &mut *tell));
            })
        };
        ORGANIZATION_FAMILIES.map(of_all).into()
    }
}
