//! A walk of many segments at the same time, which counts when the chain of them is proved.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::Pages;
use super::chain::{Chain, Extent};
use super::ground::{Counted, Ground};
use super::pass::{Ended, Pass};
use crate::admin_api::{Error, Page};

/// After so many boundaries that led nowhere, and none that did, the others are not tried: it may be a server that knows
/// no cursors of yesterday.
const MOST_IN_VAIN: usize = 4;

/// One segment, as its pass sees it.
pub(super) struct Segment<'c> {
    number: usize,
    chain: &'c Mutex<Chain>,
    /// How many walk at this moment.
    walking: &'c AtomicUsize,
    /// So many pages of all segments together are too many.
    most_pages: u64,
}

/// How it ended, if it did not fail.
pub(super) enum Outcome {
    /// The chain is proved: what each segment counted, in the order of the list.
    Whole(Vec<Counted>),
    /// The place in the first segment was lost.
    Lost,
    /// The segments are no chain.
    Broken,
}

impl Segment<'_> {
    /// Which part of `page` belongs to the segment.
    pub(super) fn extent(&self, page: &Page<'_>) -> Extent {
        lock(self.chain).read(self.number, page.users.iter().map(|user| &*user.id), page.unreadable == 0)
    }

    /// Whether so many pages are more than the list can have, by what it had.
    pub(super) fn is_endless(&self, pages: u64) -> bool {
        pages > self.most_pages
    }

    /// Whether more than `walkers` walk, so that one has to rest. Whoever hears so counts no more.
    pub(super) fn gives_way(&self, walkers: usize) -> bool {
        let one_less = |walking: usize| (walking > walkers.max(1)).then(|| walking - 1);
        self.walking.fetch_update(Relaxed, Relaxed, one_less).is_ok()
    }
}

/// A walk in progress.
struct Segments<'w, P> {
    ground: &'w Ground<'w, P>,
    /// The segments that somebody walks now.
    dealt: Vec<usize>,
    /// The others that were begun, by number; it may turn out that they have to go on.
    resting: HashMap<usize, Pass<'w, P>>,
    /// How many boundaries led nowhere.
    in_vain: usize,
}

/// Walks the segments of `chain`, as many at a time as there are walkers. They are dealt in the order of the list, so that
/// those come first that have to go on.
///
/// `pages` is how many the list had before.
pub(super) async fn walk<P: Pages>(
    ground: &Ground<'_, P>,
    chain: Chain,
    pages: u64,
) -> Result<Outcome, Error> {
    let most_pages = pages.saturating_mul(3).saturating_add(100);
    let (chain, walking) = (Mutex::new(chain), AtomicUsize::new(0));
    let mut segments = Segments { ground, dealt: vec![], resting: HashMap::new(), in_vain: 0 };
    let mut passes = FuturesUnordered::new();
    loop {
        while walking.load(Relaxed) < ground.pages.walkers().max(1)
            && let Some((number, mut pass)) = segments.deal(&lock(&chain))
        {
            walking.fetch_add(1, Relaxed);
            let segment = Segment { number, chain: &chain, walking: &walking, most_pages };
            passes.push(async move {
                let ended = pass.run(Some(&segment)).await;
                (number, pass, ended)
            });
        }
        let Some((number, pass, ended)) = passes.next().await else { break };
        if !matches!(ended, Ok(Ended::Resting)) {
            walking.fetch_sub(1, Relaxed);
        }
        let ended = match ended {
            Err(error) if number > 0 && may_be_the_boundary(&error, &pass) => Ended::Failed,
            ended => ended?,
        };
        match ended {
            Ended::Odd => return Ok(Outcome::Broken),
            Ended::Lost | Ended::Failed if number == 0 => return Ok(Outcome::Lost),
            Ended::AllPages if !lock(&chain).ended(number) => return Ok(Outcome::Broken),
            Ended::Lost | Ended::Failed => lock(&chain).fail(number),
            Ended::AllPages | Ended::Met | Ended::Resting => {}
        }
        segments.take_back(number, pass, &mut lock(&chain));
        // Who still walks then has failed, and may hang.
        if lock(&chain).proved().is_some() {
            break;
        }
    }
    let proved = lock(&chain).proved();
    let mut piece = |number| segments.resting.remove(&number).map(Pass::into_counted);
    let pieces = proved.and_then(|numbers| numbers.into_iter().map(&mut piece).collect());
    Ok(pieces.map_or(Outcome::Broken, Outcome::Whole))
}

impl<'w, P: Pages> Segments<'w, P> {
    /// The next segment that nobody walks, and its pass.
    fn deal(&mut self, chain: &Chain) -> Option<(usize, Pass<'w, P>)> {
        let number = chain.open().find(|number| !self.dealt.contains(number))?;
        self.dealt.push(number);
        let begin = || Pass::new(self.ground, chain.boundary(number).map(str::to_owned));
        Some((number, self.resting.remove(&number).unwrap_or_else(begin)))
    }

    /// The pass of a segment comes back.
    fn take_back(&mut self, number: usize, pass: Pass<'w, P>, chain: &mut Chain) {
        self.dealt.retain(|other| *other != number);
        self.in_vain += usize::from(number > 0 && !pass.has_begun());
        self.resting.insert(number, pass);
        if self.in_vain >= MOST_IN_VAIN && !chain.has_led_anywhere() {
            let rest: Vec<usize> =
                chain.open().filter(|other| *other > 0 && !self.dealt.contains(other)).collect();
            rest.into_iter().for_each(|number| chain.fail(number));
        }
        self.resting.retain(|number, pass| {
            let stands = chain.stands(*number);
            if !stands {
                self.ground.thrown_away(pass.users());
            }
            stands
        });
    }
}

/// Whether it is the boundary that is at fault. If it is not, whoever comes this way from before it will fail too.
fn may_be_the_boundary<P: Pages>(error: &Error, pass: &Pass<'_, P>) -> bool {
    match error {
        Error::InvalidResponse(_) | Error::ClientError(_) => true,
        Error::Unauthorized(_) => false,
        _ => !pass.has_begun(),
    }
}

fn lock(chain: &Mutex<Chain>) -> MutexGuard<'_, Chain> {
    chain.lock().unwrap_or_else(PoisonError::into_inner)
}
