//! What a plan that is replaced does to a poller that is asleep, or walks.

use prometheus::Registry;
use tokio::task::JoinHandle;

use super::*;
use crate::telemetry::Telemetry;

/// A poller with an interval of 100 s, and what holds it.
struct Running {
    start: Instant,
    scripts: Vec<Arc<Script>>,
    plan: watch::Sender<Plan<Script>>,
    registry: Registry,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(answers: &[Answer]) -> Self {
        let script = Arc::new(Script { answers: answers.to_vec(), asked_at: Mutex::default() });
        let interval = Duration::from_secs(100);
        let (sender, plan) = watch::channel(plan(&script, interval));
        let registry = Registry::new();
        let poller = Poller {
            plan,
            organization: Arc::new(Organization::new("acme", interval, interval * 3)),
            published: Arc::default(),
            clock: Clock::starting_at(1_800_000_000),
            telemetry: Telemetry::new(&registry).organization("acme"),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(poller.run(shutdown.clone()));
        Self { start: Instant::now(), scripts: vec![script], plan: sender, registry, shutdown, task }
    }

    /// Replaces the plan by one with a script of its own.
    fn replace(&mut self, answers: &[Answer], interval: u64) {
        let script = Arc::new(Script { answers: answers.to_vec(), asked_at: Mutex::default() });
        self.plan.send_replace(plan(&script, Duration::from_secs(interval)));
        self.scripts.push(script);
    }

    /// When requests began, in seconds, for each plan.
    fn asked(&self) -> Vec<Vec<u64>> {
        let seconds = |at: &Instant| (*at - self.start).as_secs();
        self.scripts
            .iter()
            .map(|script| script.asked_at.lock().unwrap().iter().map(seconds).collect())
            .collect()
    }

    async fn stop(self) -> String {
        self.shutdown.cancel();
        self.task.await.unwrap();
        text_of(&self.registry)
    }
}

fn text_of(registry: &Registry) -> String {
    prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_interval_holds_for_the_wait_that_has_begun() {
    let mut running = Running::start(&[Answer::OneUser]);
    pass(50).await;
    running.replace(&[Answer::OneUser], 200);
    pass(140).await;
    assert_eq!(running.asked(), [vec![0], vec![]], "the old interval is over and forgotten");
    pass(20).await;
    assert_eq!(running.asked()[1].len(), 1);
    about(running.asked()[1][0], 200);
}

#[tokio::test(start_paused = true)]
async fn an_interval_that_is_over_already_starts_a_walk_at_once_and_only_one() {
    let mut running = Running::start(&[Answer::OneUser]);
    pass(50).await;
    running.replace(&[Answer::OneUser], 20);
    pass(15).await;
    assert_eq!(running.asked(), [vec![0], vec![50]]);
    pass(10).await;
    about(running.asked()[1][1], 70);
}

#[tokio::test(start_paused = true)]
async fn the_same_interval_again_moves_nothing() {
    let mut running = Running::start(&[Answer::OneUser]);
    for _ in 0..9 {
        pass(10).await;
        running.replace(&[Answer::OneUser], 100);
    }
    pass(30).await;
    let asked = running.asked();
    let walks: Vec<u64> = asked.concat();
    assert_eq!(walks.len(), 2, "{walks:?}");
    about(walks[1], 100);
    assert_eq!(asked.last().unwrap().len(), 1, "the latest plan is the one that is followed");
}

#[tokio::test(start_paused = true)]
async fn a_walk_under_way_is_finished_as_it_was_begun() {
    let mut running = Running::start(&[Answer::Hang, Answer::OneUser]);
    pass(60).await;
    running.replace(&[Answer::OneUser], 40);
    pass(59).await;
    assert_eq!(running.asked(), [vec![0], vec![]], "nothing disturbs the walk");
    pass(2 + 10).await;
    // It failed after its stall time-out of 120 s, and a failed walk is tried again 10 s later.
    about(running.asked()[1][0], 130);
    let text = running.stop().await;
    assert!(
        text.contains(r#"openai_org_exporter_walks_total{organization="acme",result="timeout"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"openai_org_exporter_walks_total{organization="acme",result="cancelled"} 0"#),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_walk_that_is_given_up_counts_as_cancelled() {
    for (answer, cancelled) in [(Answer::OneUser, 0), (Answer::Hang, 1)] {
        let running = Running::start(&[answer]);
        pass(50).await;
        let text = running.stop().await;
        let line = format!(
            r#"openai_org_exporter_walks_total{{organization="acme",result="cancelled"}} {cancelled}"#
        );
        assert!(text.contains(&line), "{text}");
    }
}
