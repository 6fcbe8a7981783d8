//! Clients of several organizations that share their connections.

use std::time::Duration;

use openai_org_exporter::admin_api::{AdminKey, Client, Connections, Error};
use openai_org_exporter::telemetry::Telemetry;
use prometheus::Registry;
use tokio::time::Instant;

use crate::scripted::{Answer, PAGE, Server, answer, options, page, serve, serve_with};

/// A client of `server` for each of `organizations`, with a key of its own.
fn clients(server: &Server, organizations: [&str; 2]) -> [Client; 2] {
    let (connections, telemetry) = (Connections::new(64), Telemetry::new(&Registry::new()));
    organizations.map(|name| {
        let mut options = options(server.address);
        options.organization = name.into();
        options.admin_key = AdminKey::parse(&format!("sk-admin-of-{name}")).unwrap();
        options.connections = connections.clone();
        Client::new(options, telemetry.organization(name)).unwrap()
    })
}

async fn first_user(client: &Client, patience: Duration) -> Result<String, Error> {
    let body = client.list_users(None, 1, Instant::now() + patience).await?;
    Ok(body.page()?.users[0].id.clone().into_owned())
}

#[tokio::test]
async fn one_connection_serves_all_and_each_request_has_the_key_of_its_organization() {
    let server = serve(vec![page()]).await;
    for client in &clients(&server, ["one", "two"]) {
        assert_eq!(first_user(client, Duration::from_secs(5)).await.unwrap(), "a");
    }
    let keys: Vec<String> = {
        let requests = server.requests.lock().unwrap();
        let lines = requests.iter().flat_map(|request| request.lines());
        lines.filter_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned).collect()
    };
    assert_eq!(keys, ["Bearer sk-admin-of-one", "Bearer sk-admin-of-two"]);
    assert_eq!(*server.connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_one_organization_gave_up_is_no_answer_to_another() {
    let of_one = PAGE.replace(r#""id":"a""#, r#""id":"of-one""#);
    for given_up in [
        // Later than it is waited for, in whole or from the middle on, and more than was asked for.
        Answer::Endless { head: vec![], piece: whole(&of_one), pause: Duration::from_millis(500) },
        Answer::Endless {
            head: whole(&of_one)[..60].to_vec(),
            piece: whole(&of_one),
            pause: Duration::from_millis(500),
        },
        Answer::Bytes([whole(&of_one), whole(&of_one)].concat()),
        answer("200 OK", "content-encoding: gzip\r\n", of_one.repeat(2)),
    ] {
        let server = serve_with(
            move |_, request| {
                if request.contains("sk-admin-of-one") { given_up.clone() } else { page() }
            },
        )
        .await;
        let [one, two] = clients(&server, ["one", "two"]);
        let _ = first_user(&one, Duration::from_millis(350)).await;
        for _ in 0..3 {
            assert_eq!(first_user(&two, Duration::from_secs(5)).await.unwrap(), "a");
        }
    }
}

fn whole(body: &str) -> Vec<u8> {
    match answer("200 OK", "", body) {
        Answer::Bytes(bytes) => bytes,
        _ => unreachable!("it is bytes"),
    }
}
