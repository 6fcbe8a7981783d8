//! Where pages come from: the API's client, or a list that a test makes up.

use std::future::Future;

use tokio::time::Instant;

use crate::admin_api::{Body, Client, Detail, Error};

/// Something that answers with pages.
pub trait Pages: Sync {
    /// Gets ready for a walk; called once before its first page.
    fn prepare(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// How many requests may be in flight at a time, as things are now.
    fn walkers(&self) -> usize {
        1
    }

    /// The page behind `after`, or the first; `number` counts requests for messages. Waits end before `deadline`.
    fn list_users(
        &self,
        after: Option<&str>,
        number: u64,
        deadline: Instant,
    ) -> impl Future<Output = Result<Body, Error>> + Send;

    /// A description of page `number` for an error that is found in what it says.
    fn detail(&self, number: u64, cause: String) -> Box<Detail>;
}

impl Pages for Client {
    async fn prepare(&self) {
        self.begin_walk();
        self.refresh_key().await;
    }

    fn walkers(&self) -> usize {
        Client::walkers(self)
    }

    async fn list_users(&self, after: Option<&str>, number: u64, deadline: Instant) -> Result<Body, Error> {
        Client::list_users(self, after, number, deadline).await
    }

    fn detail(&self, number: u64, cause: String) -> Box<Detail> {
        self.detail_of_page(number, cause)
    }
}
