use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::yield_now;
use tokio::time::Instant;

use super::*;
use crate::admin_api::BaseUrl;
use crate::web::NotAsked;

mod world;

use world::{Asked, Fake, HANGS, World, config};

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn walks(organization: &str, result: &str, number: usize) -> String {
    format!(r#"openai_org_exporter_walks_total{{organization="{organization}",result="{result}"}} {number}"#)
}

#[tokio::test(start_paused = true)]
async fn added_ones_start_removed_ones_leave_with_all_series_and_the_others_are_not_disturbed() {
    let world = World::start(&config(&[("a", "ka"), ("b", "kb")])).await;
    pass(10).await;
    assert!(world.series("b").len() > 20);
    let before = world.series("a");
    let said = world.reload(config(&[("c", "kc"), ("a", "ka")])).await;
    assert_eq!(said, "Reloaded: organizations added 1, removed 1, restarted 0, changed 0, kept 1.");
    assert_eq!(world.series("b"), Vec::<String>::new());
    pass(10).await;
    assert_eq!(world.series("a"), before, "figures, counters and timestamps are what they were");
    assert_eq!(
        (world.asked("a"), world.asked("b"), world.asked("c")),
        (vec![(1, 0)], vec![(1, 0)], vec![(1, 10)])
    );
    assert!(world.series("c").len() > 20);
    pass(1100).await;
    assert!((2..=3).contains(&world.asked("a").len()), "it is walked as before");
    assert_eq!(world.asked("b").len(), 1, "nobody walks it any more");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_starts_at_zero() {
    let both = config(&[("a", "ka"), ("b", "kb")]);
    let world = World::start(&both).await;
    pass(10).await;
    world.assert_shows(&walks("b", "success", 1));
    world.reload(config(&[("a", "ka")])).await;
    let mut hanging = both.clone();
    hanging.organizations[1].base_url = BaseUrl::parse(HANGS, false).unwrap();
    world.reload(hanging).await;
    world.assert_shows(&walks("b", "success", 0));
    world.assert_shows(r#"openai_org_snapshot_available{organization="b"} 0"#);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_walk_of_a_removed_one_is_given_up_and_counts_nowhere() {
    let mut both = config(&[("a", "ka"), ("b", "kb")]);
    both.organizations[1].base_url = BaseUrl::parse(HANGS, false).unwrap();
    let world = World::start(&both).await;
    pass(10).await;
    world.reload(config(&[("a", "ka")])).await;
    pass(1000).await;
    assert_eq!(world.series("b"), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_key_restarts_the_poller_at_once_and_the_figures_stay() {
    let world = World::start(&config(&[("a", "ka"), ("b", "kb")])).await;
    pass(10).await;
    let figures = |world: &World| -> Vec<String> {
        let of_snapshot = |line: &String| line.starts_with("openai_org_users");
        world.series("a").into_iter().filter(of_snapshot).collect()
    };
    let before = figures(&world);
    let said = world.reload(config(&[("a", "another"), ("b", "kb")])).await;
    assert!(!before.is_empty() && figures(&world) == before);
    assert_eq!(said, "Reloaded: organizations added 0, removed 0, restarted 1, changed 0, kept 1.");
    pass(1).await;
    assert_eq!((world.asked("a"), world.asked("b")), (vec![(1, 0), (2, 10)], vec![(1, 0)]));
    world.assert_shows(&walks("a", "success", 2));
    world.assert_shows(&walks("a", "cancelled", 0));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_base_url_gives_up_the_walk_under_way_and_counts_it() {
    let good = config(&[("a", "ka")]);
    let mut hanging = good.clone();
    hanging.organizations[0].base_url = BaseUrl::parse(HANGS, false).unwrap();
    let world = World::start(&hanging).await;
    pass(10).await;
    world.reload(good).await;
    pass(1).await;
    assert_eq!(world.asked("a"), [(1, 0), (2, 10)]);
    world.assert_shows(&walks("a", "cancelled", 1));
    world.assert_shows(&walks("a", "success", 1));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_interval_moves_the_next_walk_and_nothing_else() {
    let old = config(&[("a", "ka")]);
    let world = World::start(&old).await;
    pass(10).await;
    let mut new = old.clone();
    new.organizations[0].interval = Duration::from_secs(100);
    new.organizations[0].max_age = Duration::from_secs(500);
    let said = world.reload(new).await;
    assert_eq!(said, "Reloaded: organizations added 0, removed 0, restarted 0, changed 1, kept 0.");
    world.assert_shows(r#"openai_org_poll_interval_seconds{organization="a"} 100"#);
    world.assert_shows(r#"openai_org_snapshot_max_age_seconds{organization="a"} 500"#);
    pass(100).await;
    let asked = world.asked("a");
    assert_eq!((asked.len(), asked[0]), (2, (1, 0)));
    assert!(
        asked[1].0 == 1 && asked[1].1.abs_diff(100) <= 4,
        "{asked:?}: the same client, from the last start on"
    );
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_time_out_makes_a_new_client_for_the_next_walk_while_the_one_under_way_goes_on() {
    let mut old = config(&[("a", "ka")]);
    old.organizations[0].base_url = BaseUrl::parse(HANGS, false).unwrap();
    let world = World::start(&old).await;
    pass(10).await;
    world.reload(Config { request_timeout: Duration::from_secs(1), ..old }).await;
    pass(20).await;
    assert_eq!(world.asked("a"), [(1, 0)]);
    world.assert_shows(&walks("a", "cancelled", 0));
    // The walk hangs for 120 s, its stall time-out.
    pass(1200).await;
    assert_eq!(world.asked("a")[1].0, 2);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_by_is_another_from_the_next_walk_on() {
    let old = config(&[("a", "ka")]);
    let world = World::start(&old).await;
    pass(1).await;
    let named = |world: &World| world.page().contains("openai_org_project_info{");
    let said = world.reload(Config { projects_names: false, ..old }).await;
    assert!(said.contains("changed 1") && named(&world), "{said}");
    pass(1100).await;
    assert!(!named(&world));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_what_is_known_is_told_of_a_removal() {
    let both = config(&[("a", "ka"), ("b", "kb")]);
    let world = World::start(&both).await;
    pass(1).await;
    world.published.notified().await;
    world.reload(both).await;
    let told = |world: &World| {
        let published = world.published.clone();
        async move { timeout(Duration::from_secs(1), published.notified()).await.is_ok() }
    };
    assert!(!told(&world).await);
    world.reload(config(&[("a", "ka")])).await;
    assert!(told(&world).await);
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_changes_nothing_at_all() {
    let old = config(&[("a", "ka"), ("b", "kb")]);
    let world = World::start(&old).await;
    pass(10).await;
    let before = world.page();
    let assert_same = |world: &World| {
        let now = world.page();
        let differing: Vec<_> =
            before.lines().zip(now.lines()).filter(|(before, now)| before != now).collect();
        let name = "openai_org_exporter_config_last_reload_successful";
        assert_eq!(differing, [(&*format!("{name} 1"), &*format!("{name} 0"))]);
        assert_eq!(before.lines().count(), now.lines().count());
    };

    *world.next.lock().unwrap() = Err(ConfigError {
        place: config::Place::Default,
        message: "it is wrong: sk-admin-planted\nmend it".into(),
    });
    let error = world.reloads.ask().await.unwrap().unwrap_err();
    assert_eq!(error, "default: it is wrong: <key> mend it");
    assert_same(&world);

    // All at once: one is new, one is gone, one has another key; and no client can be made.
    let wrong = Config {
        ca_file: Some(("/ca".into(), vec![])),
        projects_names: false,
        ..config(&[("c", "kc"), ("a", "another")])
    };
    *world.next.lock().unwrap() = Ok(wrong.clone());
    let error = world.reloads.ask().await.unwrap().unwrap_err();
    assert_eq!(error, "cannot make a client for organization \"c\"");
    assert_same(&world);
    pass(10).await;
    assert_eq!((world.asked("a"), world.asked("b"), world.asked("c")), (vec![(1, 0)], vec![(1, 0)], vec![]));

    // What comes next is compared with what is in force, not with what was refused.
    let said = world.reload(Config { ca_file: None, ..wrong }).await;
    assert_eq!(said, "Reloaded: organizations added 1, removed 1, restarted 1, changed 0, kept 0.");
    world.assert_shows("openai_org_exporter_config_last_reload_successful 1");
    world.assert_shows("openai_org_exporter_config_last_reload_success_timestamp_seconds 1800000020");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_need_a_restart_are_named_as_long_as_they_differ_from_the_start() {
    let old = config(&[("a", "ka")]);
    let world = World::start(&old).await;
    let moved = Config {
        telemetry_path: "/other".into(),
        enable_lifecycle: true,
        max_connections: 1,
        listen_addresses: Vec::new(),
        ..old.clone()
    };
    for _ in 0..2 {
        let said = world.reload(moved.clone()).await;
        assert!(
            said.ends_with(
                " Only a restart puts in force: web.listen-address, web.telemetry-path, web.enable-lifecycle, \
                 web.max-connections."
            ),
            "{said}"
        );
    }
    assert!(world.reload(old).await.ends_with("kept 1."));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn reloads_come_one_after_the_other() {
    let config = config(&[("a", "ka")]);
    let (active, most, all) =
        (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let read = {
        let (config, most, all) = (config.clone(), most.clone(), all.clone());
        move || {
            most.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all.fetch_add(1, Ordering::SeqCst);
            let _ = gate.lock().unwrap().recv();
            active.fetch_sub(1, Ordering::SeqCst);
            Ok(config.clone())
        }
    };
    let asked = Asked::default();
    let make_pages = {
        let asked = asked.clone();
        let start = Instant::now();
        move |_: &Config, organization: &config::Organization, _: OrganizationTelemetry| {
            Ok(Fake { name: organization.name.clone(), number: 1, hangs: false, start, asked: asked.clone() })
        }
    };
    let next = Arc::new(Mutex::new(Ok(config.clone())));
    let world = World::with(&config, make_pages, read, next, asked).await;
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let reloads = world.reloads.clone();
            tokio::spawn(async move { reloads.ask().await })
        })
        .collect();
    for _ in 0..10 {
        yield_now().await;
        go.send(()).unwrap();
    }
    for asked in asking {
        assert!(asked.await.unwrap().unwrap().is_ok());
    }
    assert_eq!((most.load(Ordering::SeqCst), all.load(Ordering::SeqCst)), (1, 10));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_shutdown_nobody_waits_for_a_reload() {
    let config = config(&[("a", "ka")]);
    let world = World::start(&config).await;
    let reloads = world.reloads.clone();
    world.shutdown.cancel();
    assert_eq!(reloads.ask().await, Err(NotAsked::Ending));
    world.stop().await;
    assert_eq!(reloads.ask().await, Err(NotAsked::Ending));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_panics_is_a_refused_reload_and_the_next_one_works() {
    let config = config(&[("a", "ka")]);
    let world = World::start(&config).await;
    let next = world.next.clone();
    let _ = std::thread::spawn(move || {
        let _guard = next.lock().unwrap();
        panic!("a fault planted by a test");
    })
    .join();
    let error = world.reloads.ask().await.unwrap().unwrap_err();
    assert!(error.starts_with("the configuration cannot be read, by a fault of the exporter"), "{error}");
    world.next.clear_poison();
    assert!(world.reload(config).await.ends_with("kept 1."));
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_comes_back_after_a_while_until_it_ends_or_is_stopped() {
    let (runs, broken) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let task = |panics: usize| {
        let runs = runs.clone();
        move || {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            async move { assert!(run >= panics, "a fault planted by a test") }
        }
    };
    let note = |_: &JoinError| {
        broken.fetch_add(1, Ordering::SeqCst);
    };
    let (start, stop) = (Instant::now(), CancellationToken::new());
    until_it_ends(task(2), note, &stop).await;
    assert_eq!((runs.load(Ordering::SeqCst), broken.load(Ordering::SeqCst)), (3, 2));
    assert_eq!(start.elapsed(), COME_BACK * 2);
    stop.cancel();
    until_it_ends(task(usize::MAX), note, &stop).await;
    assert_eq!(start.elapsed(), COME_BACK * 2);
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_hangs_is_given_up_and_the_next_one_works() {
    let config = config(&[("a", "ka")]);
    let world = World::start(&config).await;
    let next = world.next.clone();
    let (release, released) = std::sync::mpsc::channel::<()>();
    // What holds the configuration keeps the reading from it, on a thread of its own.
    let (held, holds) = std::sync::mpsc::channel();
    let holder = std::thread::spawn(move || {
        let _guard = next.lock().unwrap();
        held.send(()).unwrap();
        let _ = released.recv();
    });
    holds.recv().unwrap();
    let reloads = world.reloads.clone();
    let asked = tokio::spawn(async move { reloads.ask().await });
    yield_now().await;
    tokio::time::advance(READ_TIMEOUT).await;
    let error = asked.await.unwrap().unwrap().unwrap_err();
    assert_eq!(
        error,
        "configuration: reading it and its key files took longer than 30 s; see whether their file systems answer"
    );
    let again = world.reloads.ask().await.unwrap().unwrap_err();
    assert!(again.contains("still hangs"), "no second thread is spent on it: {again}");
    world.assert_shows("openai_org_exporter_config_last_reload_successful 0");
    release.send(()).unwrap();
    holder.join().unwrap();
    // The thread that hung has to see that it may go on.
    let done = loop {
        match world.reloads.ask().await.unwrap() {
            Err(error) if error.contains("still hangs") => yield_now().await,
            outcome => break outcome.unwrap(),
        }
    };
    assert!(done.ends_with("kept 1."), "{done}");
    world.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_is_gone_is_noticed_and_one_that_was_told_to_end_is_not() {
    let world = World::start(&config(&[("a", "ka"), ("b", "kb")])).await;
    pass(10).await;
    world.reload(config(&[("a", "another"), ("c", "kc")])).await;
    let liveness = world.liveness.clone();
    assert!(liveness.all_there(), "who leaves by a reload is not lost");
    world.stop().await;
    assert!(liveness.all_there());

    let world = World::start(&config(&[("a", "ka")])).await;
    pass(10).await;
    world.task.abort();
    let _ = world.task.await;
    assert!(!world.liveness.all_there());
}
