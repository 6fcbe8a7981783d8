//! A supervisor on the paused clock, over organizations that a test makes up.

use std::sync::Mutex;

use prometheus::Registry;
use tokio::time::{Instant, sleep_until};

use super::super::*;
use crate::admin_api::{AdminKey, Body, Detail, Error};
use crate::config::{Environment, Layers, User};
use crate::exposition::{self, OrganizationCollector, render};
use crate::web::{Reloads, reloads};

/// The base URL of an API that answers nothing.
pub(super) const HANGS: &str = "https://hangs.example/v1";

/// Requests as they came: the organization, how often its pages were made, and when, in seconds.
pub(super) type Asked = Arc<Mutex<Vec<(String, usize, u64)>>>;

/// An organization of one user.
pub(super) struct Fake {
    pub(super) name: String,
    pub(super) number: usize,
    pub(super) hangs: bool,
    pub(super) start: Instant,
    pub(super) asked: Asked,
}

impl Pages for Fake {
    async fn list_users(&self, _: Option<&str>, _: u64, deadline: Instant) -> Result<Body, Error> {
        self.asked.lock().unwrap().push((self.name.clone(), self.number, self.start.elapsed().as_secs()));
        if self.hangs {
            sleep_until(deadline).await;
        }
        let projects = r#"{"object":"list","data":[{"id":"p","name":"P","role":"owner"}]}"#;
        let page =
            format!(r#"{{"object":"list","data":[{{"id":"a","projects":{projects}}}],"has_more":false}}"#);
        Ok(Body::new(page.into(), Box::default()))
    }

    fn detail(&self, _: u64, _: String) -> Box<Detail> {
        Box::default()
    }
}

/// A supervisor at work, and everything around it.
pub(super) struct World {
    pub(super) next: Arc<Mutex<Result<Config, ConfigError>>>,
    pub(super) registry: Registry,
    pub(super) reloads: Reloads,
    pub(super) asked: Asked,
    pub(super) published: Arc<Notify>,
    pub(super) liveness: Liveness,
    pub(super) shutdown: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// A configuration of organizations with an interval of 1000 s, each with its key.
pub(super) fn config(organizations: &[(&str, &str)]) -> Config {
    let environment = Environment::from([("OPENAI_ADMIN_KEY".to_owned(), "sk-admin-1".to_owned())]);
    let mut config =
        Config::from_layers(&Layers::read(User::Serve, BTreeMap::new(), environment).unwrap()).unwrap();
    let one = config::Organization {
        interval: Duration::from_secs(1000),
        max_age: Duration::from_secs(10_000),
        ..config.organizations.remove(0)
    };
    let organization = |(name, key): &(&str, &str)| config::Organization {
        name: (*name).to_owned(),
        admin_key: AdminKey::parse(key).unwrap(),
        ..one.clone()
    };
    config.organizations = organizations.iter().map(organization).collect();
    config
}

impl World {
    pub(super) async fn start(config: &Config) -> Self {
        let start = Instant::now();
        let asked = Asked::default();
        let made = Mutex::new(BTreeMap::<String, usize>::new());
        let make_pages = {
            let asked = asked.clone();
            move |config: &Config, organization: &config::Organization, _: OrganizationTelemetry| {
                if config.ca_file.is_some() {
                    anyhow::bail!("cannot make a client for organization {:?}", organization.name);
                }
                let mut made = made.lock().unwrap();
                let number = made.entry(organization.name.clone()).or_default();
                *number += 1;
                let hangs = organization.base_url.to_string() == HANGS;
                Ok(Fake {
                    name: organization.name.clone(),
                    number: *number,
                    hangs,
                    start,
                    asked: asked.clone(),
                })
            }
        };
        let next = Arc::new(Mutex::new(Ok(config.clone())));
        let read = {
            let next = next.clone();
            move || next.lock().unwrap().clone()
        };
        Self::with(config, make_pages, read, next.clone(), asked).await
    }

    pub(super) async fn with(
        config: &Config,
        make_pages: impl Fn(&Config, &config::Organization, OrganizationTelemetry) -> anyhow::Result<Fake>
        + Send
        + Sync
        + 'static,
        read: impl Fn() -> Result<Config, ConfigError> + Send + Sync + 'static,
        next: Arc<Mutex<Result<Config, ConfigError>>>,
        asked: Asked,
    ) -> Self {
        let (clock, registry) = (Clock::starting_at(1_800_000_000), Registry::new());
        let (board, telemetry) = (Arc::new(Board::default()), Telemetry::new(&registry));
        let options = exposition::Options { changes: true };
        let collector = OrganizationCollector::new(board.clone(), clock, options);
        registry.register(Box::new(collector)).unwrap();
        let published = Arc::new(Notify::new());
        telemetry.config_loaded(clock.now().unix_seconds());
        let shutdown = CancellationToken::new();
        let liveness = Liveness::default();
        let tools = Tools {
            guard: Guard::open(&telemetry, clock),
            read: Arc::new(read),
            make_pages: Arc::new(make_pages),
            board,
            published: published.clone(),
            telemetry,
            clock,
            manager: ServiceManager::default(),
            liveness: liveness.clone(),
            shutdown: shutdown.clone(),
        };
        let mut supervisor = Supervisor::new(config, tools);
        let first = supervisor.prepare(config.clone()).await.unwrap();
        supervisor.begin(first, |_, _| OrganizationState::default()).await;
        let (reloads, requests) = reloads();
        let task = tokio::spawn(supervisor.run(requests));
        Self { next, registry, reloads, asked, published, liveness, shutdown, task }
    }

    pub(super) async fn reload(&self, config: Config) -> String {
        *self.next.lock().unwrap() = Ok(config);
        self.reloads.ask().await.unwrap().unwrap()
    }

    pub(super) fn page(&self) -> String {
        String::from_utf8(render(&self.registry).unwrap()).unwrap()
    }

    /// The series of an organization, by what they begin with.
    pub(super) fn series(&self, organization: &str) -> Vec<String> {
        let label = format!("organization=\"{organization}\"");
        self.page().lines().filter(|line| line.contains(&label)).map(str::to_owned).collect()
    }

    #[track_caller]
    pub(super) fn assert_shows(&self, line: &str) {
        let page = self.page();
        assert!(page.lines().any(|shown| shown == line), "no {line} in\n{page}");
    }

    pub(super) fn asked(&self, name: &str) -> Vec<(usize, u64)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|entry| entry.0 == name).map(|entry| (entry.1, entry.2)).collect()
    }

    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}
