//! Files that answer late, or not at all.

use std::sync::mpsc;

use tokio::task::yield_now;

use super::*;

/// A guard of one file whose readings wait until they are let go.
struct Slow {
    directory: TempDir,
    next: Arc<StdMutex<GuardSettings>>,
    /// Lets one reading go each time, and all once it is gone.
    release: mpsc::Sender<()>,
    begun: Arc<AtomicUsize>,
    guard: Guard,
}

impl Slow {
    /// One that has read `settings`.
    fn new(settings: GuardSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        fs::write(&path, "0").unwrap();
        let (release, hang) = mpsc::channel::<()>();
        let (hang, begun) = (StdMutex::new(hang), Arc::<AtomicUsize>::default());
        let first = reading(&path, Ok(settings.clone()));
        let next = Arc::new(StdMutex::new(settings));
        let read = {
            let (next, begun) = (next.clone(), begun.clone());
            move || {
                // What it reads is what is there when it begins.
                let read = reading(&path, Ok(next.lock().unwrap().clone()));
                begun.fetch_add(1, Ordering::Relaxed);
                let _ = hang.lock().unwrap().recv();
                read
            }
        };
        let telemetry = Telemetry::new(&Registry::new());
        let guard = Guard::new(first, Box::new(read), &telemetry, Clock::system()).unwrap();
        Self { directory, next, release, begun, guard }
    }

    fn write(&self, text: &str, settings: GuardSettings) {
        *self.next.lock().unwrap() = settings;
        fs::write(file(&self.directory), text).unwrap();
    }

    async fn ask(&self, user: &str) -> Result<(), Refusal> {
        self.guard.admit(&headers_of(user), false).await
    }

    /// Begins a look for somebody who goes away while it is under way.
    async fn abandon_look(&self) {
        let (before, guard) = (self.begun.load(Ordering::Relaxed), self.guard.clone());
        let gone = tokio::spawn(async move { guard.admit(&HeaderMap::new(), true).await });
        while self.begun.load(Ordering::Relaxed) == before {
            yield_now().await;
        }
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
    }

    /// Waits until the look that was left alone has read all.
    async fn look_ends(&self) {
        let watch = self.guard.0.watch.as_ref().unwrap();
        while !watch.state.lock().await.pending.as_ref().unwrap().is_finished() {
            yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn files_that_hang_hold_nobody_up_for_long_and_no_more_than_one_thread() {
    let slow = Slow::new(with_users(&[("a", "old")]));
    let ask = |guard: Guard| tokio::spawn(async move { guard.admit(&HeaderMap::new(), true).await });
    for _ in 0..20 {
        let asked = ask(slow.guard.clone());
        yield_now().await;
        while slow.begun.load(Ordering::Relaxed) == 0 {
            yield_now().await;
        }
        advance(LONGEST_LOOK).await;
        assert_eq!(asked.await.unwrap(), Ok(()));
        // One that gives up while it waits leaves the look to the next.
        advance(LOOK_EVERY).await;
        let gone = ask(slow.guard.clone());
        yield_now().await;
        gone.abort();
        let _ = gone.await;
        advance(LOOK_EVERY).await;
    }
    assert_eq!(slow.begun.load(Ordering::Relaxed), 1);
    slow.write("1", with_users(&[("a", "new")]));
    let Slow { release, guard, directory, .. } = slow;
    drop(release);
    let asked = async || guard.admit(&headers_of("a:new"), false).await;
    // The look that hung may end while nobody waits, or be waited for: then it is the next one that reads the file.
    if asked().await.is_err() {
        advance(LOOK_EVERY).await;
        assert_eq!(asked().await, Ok(()));
    }
    drop(directory);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_while_nobody_waited_is_not_the_last_word() {
    let slow = Slow::new(with_users(&[("a", "one")]));
    slow.write("1", with_users(&[("a", "two")]));
    slow.abandon_look().await;
    slow.release.send(()).unwrap();
    slow.look_ends().await;
    slow.write("22", with_users(&[("a", "three")]));
    slow.release.send(()).unwrap();
    advance(LOOK_EVERY).await;
    assert_eq!(slow.ask("a:two").await, Err(Refusal::Unauthorized));
    assert_eq!(slow.ask("a:three").await, Ok(()));
    assert_eq!(slow.begun.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reading_from_before_a_reload_is_of_no_meaning_after_it() {
    let slow = Slow::new(with_users(&[("a", "one")]));
    slow.write("1", with_users(&[("a", "two")]));
    slow.abandon_look().await;
    // What a changed file alone would not take away.
    slow.write("22", GuardSettings::default());
    slow.guard.reload(reading(&file(&slow.directory), Ok(GuardSettings::default()))).await;
    slow.release.send(()).unwrap();
    slow.release.send(()).unwrap();
    assert_eq!(slow.ask("").await, Ok(()));
    advance(LOOK_EVERY).await;
    slow.release.send(()).unwrap();
    assert_eq!(slow.ask("").await, Ok(()));
}
