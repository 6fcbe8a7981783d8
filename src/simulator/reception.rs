//! Which organization a request is for: its key says so.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::fault::FaultSwitch;
use super::office::{NoAnswer, Office};
use super::payload::Payload;
use super::seed::draw;

const ORGANIZATION: u64 = 40;
const FAULTS: u64 = 30;

/// All organizations, behind one door.
pub(super) struct Reception {
    /// Never empty.
    offices: Vec<Arc<Office>>,
    /// Places in `offices` by what the header `authorization` says.
    by_authorization: HashMap<Vec<u8>, usize>,
    pub(super) faults: FaultSwitch,
}

impl Reception {
    /// Makes up the organizations, each of so many `users`. The first of several has the users of a single one.
    pub(super) fn open(options: &Options, users: u32, organizations: u32, stop: &CancellationToken) -> Self {
        let faults = FaultSwitch::new(options.faults.clone(), draw(options.seed, FAULTS, 0));
        let office = |number: u32| {
            let mut own = options.clone();
            if organizations > 1 {
                own.admin_key = format!("{}-{}", options.admin_key, number + 1);
            }
            if number > 0 {
                own.seed = draw(options.seed, ORGANIZATION, number);
            }
            Arc::new(Office::open(own, users, faults.clone(), stop.clone()))
        };
        let offices: Vec<_> = (0..organizations.max(1)).map(office).collect();
        let places = offices.iter().enumerate();
        let by_authorization = places.map(|(place, office)| (office.authorization.clone(), place)).collect();
        Self { offices, by_authorization, faults }
    }

    pub(super) fn offices(&self) -> &[Arc<Office>] {
        &self.offices
    }

    /// The answer of the organization whose key it is; whoever has no key of any hears so from the first.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Result<Response<Payload>, NoAnswer> {
        let given = request.headers().get(AUTHORIZATION).map(hyper::header::HeaderValue::as_bytes);
        let place = given.and_then(|given| self.by_authorization.get(given)).copied().unwrap_or_default();
        self.offices[place].answer(request).await
    }
}
