//! A board behind a site, what is walked in it, and how a page is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use openai_org_exporter::admin_api::{Account, Error, Field, User};
use openai_org_exporter::clock::Clock;
use openai_org_exporter::composition::{self, Composition, EmailDomain, Threshold};
use openai_org_exporter::exposition::{self, Renderer};
use openai_org_exporter::roster::Builder;
use openai_org_exporter::snapshot::{Anomalies, Board, Organization, Summary};
use openai_org_exporter::telemetry::Telemetry;
use openai_org_exporter::walk::{CompletedWalk, FailedWalk, Way};
use openai_org_exporter::web::{Facts, Guard, Options, Paths, Site, serve_stream};
use prometheus::Registry;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::advance;
use tokio_util::sync::CancellationToken;

pub(crate) const START: u64 = 1_800_000_000;
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// A board behind a site, and the clock that both read.
pub(crate) struct World {
    pub(crate) site: Arc<Site>,
    pub(crate) organizations: Vec<Arc<Organization>>,
    pub(crate) clock: Clock,
}

impl World {
    pub(crate) fn new(names: &[&str], paths: Paths) -> Self {
        let interval = Duration::from_secs(300);
        let organizations: Vec<_> =
            names.iter().map(|name| Arc::new(Organization::new(*name, interval, HOUR))).collect();
        let clock = Clock::starting_at(START);
        let (telemetry, board) =
            (Telemetry::new(&Registry::new()), Arc::new(Board::new(organizations.clone())));
        telemetry.config_loaded(clock.now().unix_seconds());
        let guard = Guard::open(&telemetry, clock);
        let options = exposition::Options { changes: true };
        let renderer = Renderer::new(board.clone(), telemetry.clone(), clock, options, Registry::new());
        let site = Site {
            renderer: Arc::new(renderer),
            board,
            clock,
            telemetry,
            telemetry_path: "/metrics".into(),
            facts: Facts { paths, start: Some(clock.now()), state_file: false },
            guard,
            reload: None,
            shutdown: CancellationToken::new(),
        };
        Self { site: Arc::new(site), organizations, clock }
    }

    pub(crate) fn one() -> Self {
        Self::new(&["acme"], Paths::default())
    }

    pub(crate) async fn ask(&self, path: &str) -> (StatusCode, BTreeMap<String, String>, String) {
        let (mut client, server) = duplex(64 << 10);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        // The client goes once it has its answer: a server that waits for that would have time pass.
        let asking = async move {
            let mut answer = String::new();
            client.write_all(request.as_bytes()).await.unwrap();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let serving = serve_stream(server, self.site.clone(), Options::default());
        let ((), answer) = tokio::join!(serving, asking);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let (status, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.lines().map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let status = StatusCode::from_bytes(&status.as_bytes()[9..12]).unwrap();
        (status, headers, body.to_owned())
    }

    pub(crate) async fn json(&self, query: &str) -> Value {
        let (status, _, body) = self.ask(&format!("/api/v1/status{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) async fn page(&self, query: &str) -> String {
        let (status, _, body) = self.ask(&format!("/{query}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_well_formed(&body);
        body
    }

    /// Publishes a walk of 4.2 s that met `users`.
    pub(crate) async fn walk(&self, organization: usize, users: &[User<'_>]) {
        let organization = &self.organizations[organization];
        let start = self.clock.now();
        let mut composition = Composition::new(Arc::new(options()), start.whole_unix_seconds());
        let mut roster = Builder::new(organization.state().roster.clone());
        for user in users {
            composition.add(user);
            roster.meet(user);
        }
        let (roster, changes) = roster.finish();
        advance(Duration::from_millis(4_200)).await;
        let anomalies = Anomalies { duplicate: 1, ..Anomalies::default() };
        let summary = Summary { start, end: self.clock.now(), pages: 31, anomalies };
        organization.publish(CompletedWalk {
            tallied: Default::default(),
            composition,
            roster: Arc::new(roster),
            changes,
            boundaries: Arc::default(),
            way: Way::Sequential,
            summary,
        });
    }

    pub(crate) fn fail(&self, organization: usize, error: Error) {
        let (start, end) = (self.clock.now(), self.clock.now());
        let summary = Summary { start, end, pages: 3, anomalies: Anomalies::default() };
        self.organizations[organization].note_failure(&FailedWalk { error, way: Way::Sequential, summary });
    }

    pub(crate) fn hold_back(&self, organization: usize) {
        let (start, end) = (self.clock.now(), self.clock.now());
        let summary = Summary { start, end, pages: 1, anomalies: Anomalies::default() };
        self.organizations[organization].note_implausible(&summary);
    }

    pub(crate) fn refuse(&self, organization: usize) {
        let mut error = Error::Unauthorized(Box::default());
        if let Error::Unauthorized(detail) = &mut error {
            detail.status = Some(401);
            detail.message = Some("MARKED message".to_owned());
            detail.cause = Some("MARKED cause".to_owned());
            detail.asked = "page 1 of GET https://MARKED/".to_owned();
            detail.request_id = Some("MARKED".to_owned());
        }
        self.fail(organization, error);
    }
}

fn options() -> composition::Options {
    let threshold = |label: &str, days: i64| Threshold { label: label.to_owned(), seconds: days * 86_400 };
    composition::Options {
        stale_after: vec![threshold("30d", 30), threshold("90d", 90)],
        email_domains: vec![EmailDomain::parse("example.org").unwrap()],
        projects_limit: 50,
        project_names: true,
    }
}

/// Somebody of whom everything that counts is known.
fn known(number: u64, role: &'static str, service_account: bool, scim: bool) -> User<'static> {
    let now = i64::try_from(START).unwrap();
    User {
        id: format!("user-{number}").into(),
        role: Field::Value(role.into()),
        email: Field::Value(format!("marked-{number}@example.org").into()),
        is_service_account: Field::Value(service_account),
        is_scim_managed: Field::Value(scim),
        added_at: Field::Value(now - 40 * 86_400),
        api_key_last_used_at: if number.is_multiple_of(2) {
            Field::Null
        } else {
            Field::Value(now - 100 * 86_400)
        },
        user: Field::Value(Account {
            enabled: Field::Value(number != 3),
            banned: Field::Value(number == 4),
            ..Account::default()
        }),
        ..User::default()
    }
}

/// Two owners, three readers of whom one is a service account, and somebody of whom nothing is known.
pub(crate) fn users() -> Vec<User<'static>> {
    vec![
        known(1, "owner", false, true),
        known(2, "owner", false, false),
        known(3, "reader", false, true),
        known(4, "reader", false, true),
        known(5, "reader", true, false),
        User { id: "user-6".into(), ..User::default() },
    ]
}

/// What a reader without pictures sees: the text, with its blanks as one.
pub(crate) fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = true;
    for c in html.chars() {
        match c {
            '<' => {
                inside = false;
                text.push(' ');
            }
            '>' => inside = true,
            _ if inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ,", ",")
}

/// Every element is closed where it should be, no attribute is bare of quotes, and no id is there twice.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "link", "!DOCTYPE"];
    let (mut open, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    for piece in html.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        assert!(tag.matches('"').count().is_multiple_of(2), "{tag}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{tag}");
        } else if !VOID.contains(&name) {
            open.push(name);
        }
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
        }
        assert!(!tag.contains(" style=") && !tag.contains(" on"), "{tag}");
    }
    assert_eq!(open, [""; 0]);
}
