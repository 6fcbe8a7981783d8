//! A walk of many segments at the same time, which counts when the chain of them is proved.

use std::collections::HashMap;
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
    chain: &'c Mutex<Chain>,
    number: usize,
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
}

/// A walk in progress.
struct Segments<'w, P> {
    ground: &'w Ground<'w, P>,
    /// Those that somebody walks now.
    walking: Vec<usize>,
    /// The others that were begun, by number; it may turn out that they have to go on.
    resting: HashMap<usize, Pass<'w, P>>,
    /// Whether any boundary led anywhere, and how many did not.
    found: bool,
    in_vain: usize,
}

/// Walks the segments of `chain`, as many at a time as there are walkers. They are dealt in the order of the list, so that
/// those come first that have to go on.
pub(super) async fn walk<P: Pages>(ground: &Ground<'_, P>, chain: Chain) -> Result<Outcome, Error> {
    let chain = Mutex::new(chain);
    let mut segments =
        Segments { ground, walking: vec![], resting: HashMap::new(), found: false, in_vain: 0 };
    let mut passes = FuturesUnordered::new();
    loop {
        while segments.walking.len() < ground.pages.walkers().max(1)
            && let Some((number, mut pass)) = segments.deal(&lock(&chain))
        {
            let segment = Segment { chain: &chain, number };
            passes.push(async move {
                let ended = pass.run(Some(&segment)).await;
                (number, pass, ended)
            });
        }
        let Some((number, pass, ended)) = passes.next().await else { break };
        let ended = match ended {
            // Whoever comes this way from before the boundary will meet it too, unless it is the boundary that is at fault.
            Err(Error::InvalidResponse(_) | Error::ClientError(_)) if number > 0 => Ended::Failed,
            ended => ended?,
        };
        match ended {
            Ended::Odd => return Ok(Outcome::Broken),
            Ended::Lost | Ended::Failed if number == 0 => return Ok(Outcome::Lost),
            _ => {}
        }
        segments.take_back(number, pass, ended, &mut lock(&chain));
    }
    let proved = lock(&chain).proved();
    let mut piece = |number| segments.resting.remove(&number).map(Pass::into_counted);
    let pieces = proved.and_then(|numbers| numbers.into_iter().map(&mut piece).collect());
    Ok(pieces.map_or(Outcome::Broken, Outcome::Whole))
}

impl<'w, P: Pages> Segments<'w, P> {
    /// The next segment that nobody walks, and its pass.
    fn deal(&mut self, chain: &Chain) -> Option<(usize, Pass<'w, P>)> {
        let number = chain.open().find(|number| !self.walking.contains(number))?;
        self.walking.push(number);
        let begin = || Pass::new(self.ground, chain.boundary(number).map(str::to_owned));
        Some((number, self.resting.remove(&number).unwrap_or_else(begin)))
    }

    /// The pass of a segment comes back.
    fn take_back(&mut self, number: usize, pass: Pass<'w, P>, ended: Ended, chain: &mut Chain) {
        self.walking.retain(|other| *other != number);
        match ended {
            Ended::Met => {}
            Ended::AllPages => chain.ended(number),
            Ended::Lost | Ended::Failed | Ended::Odd => chain.fail(number),
        }
        if number > 0 {
            self.found |= pass.has_begun();
            self.in_vain += usize::from(!pass.has_begun());
        }
        self.resting.insert(number, pass);
        if !self.found && self.in_vain >= MOST_IN_VAIN {
            let rest: Vec<usize> =
                chain.open().filter(|other| *other > 0 && !self.walking.contains(other)).collect();
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

fn lock(chain: &Mutex<Chain>) -> MutexGuard<'_, Chain> {
    chain.lock().unwrap_or_else(PoisonError::into_inner)
}
