//! Writes pages for whoever scrapes. What is on them of an organization is written once for each state of it, and kept;
//! what is the exporter's own is written each time. A page may be given again as long as it still shows what is there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::Registry;
use prometheus::proto::MetricFamily;
use tokio::time::Instant;

use super::family::{Head, Series, Value};
use super::format::{Format, Samples, Writer};
use super::page::{Begun, Organizations, Page};
use super::part::{Part, Present};
use super::samples::Options;
use crate::catalog::{Family, Kind};
use crate::clock::Clock;
use crate::snapshot::Board;
use crate::telemetry::{Count, ORGANIZATION_FAMILIES, REQUEST_FAMILIES, Telemetry};

/// What was not asked for that long is not kept: no Prometheus that is worth the name scrapes so seldom.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// For so long a page is shared: far less than from one scrape to the next, and enough that pages are made 500 times a second
/// at most.
const A_MOMENT: Duration = Duration::from_millis(2);

/// A page up to here takes less time to write than to have somebody else do it.
const QUICK: usize = 256 << 10;

/// Writes the pages of one exporter.
#[derive(Debug)]
pub struct Renderer {
    board: Arc<Board>,
    telemetry: Telemetry,
    clock: Clock,
    options: Options,
    /// Families that are neither organizations' nor of the telemetry.
    further: Registry,
    kept: Mutex<Vec<Kept>>,
    /// The length of the last page.
    last: AtomicUsize,
}

/// The organizations' families in a format.
#[derive(Debug, Clone)]
struct Kept {
    format: Format,
    organizations: Arc<Organizations>,
    asked: Instant,
}

/// A family of the exporter itself.
enum Own<'o> {
    Gathered(&'o MetricFamily),
    OfRequests(&'static Family),
    OfOrganizations(&'static Family),
}

impl Renderer {
    /// Writes what `board` and `telemetry` show, and the families of `further`, which are no others' too.
    pub fn new(
        board: Arc<Board>,
        telemetry: Telemetry,
        clock: Clock,
        options: Options,
        further: Registry,
    ) -> Self {
        let (kept, last) = (Mutex::default(), AtomicUsize::new(usize::MAX));
        Self { board, telemetry, clock, options, further, kept, last }
    }

    /// All families as they are now: those of organizations by name, then the others. Nobody is held up meanwhile.
    ///
    /// # Errors
    ///
    /// If a family is not well formed, which the catalog rules out.
    pub fn page(&self, format: Format) -> prometheus::Result<Page> {
        let begun = Begun { at: self.clock.now().instant, changes: self.telemetry.changes() };
        let page = Page::new(begun, self.organizations(format), self.own(format)?);
        self.last.store(page.len(), Ordering::Relaxed);
        Ok(page)
    }

    /// Whether `page` was begun less than two milliseconds ago, and one that is begun now would show the same, but for the
    /// requests that were served meanwhile and the figures of the process.
    pub fn still_shows(&self, page: &Page) -> bool {
        let (now, organizations) = (self.clock.now(), self.board.organizations());
        let parts = &page.organizations.parts;
        now.instant.saturating_duration_since(page.begun.at) < A_MOMENT
            && self.telemetry.changes() == page.begun.changes
            && organizations.len() == parts.len()
            && organizations
                .iter()
                .all(|organization| find(parts, &Present::of(organization, &now)).is_some())
    }

    /// Whether the next page takes less time than it is worth to speak of, as far as the last one shows.
    pub fn is_quick(&self) -> bool {
        self.last.load(Ordering::Relaxed) <= QUICK
    }

    /// The families of organizations. What is kept is believed only where it shows what would be shown now.
    fn organizations(&self, format: Format) -> Arc<Organizations> {
        let now = self.clock.now();
        let mut organizations = self.board.organizations().to_vec();
        organizations.sort_by(|one, other| one.name.cmp(&other.name));
        let kept = self.kept().clone();
        let alike = kept.iter().filter(|kept| kept.format.has_samples_of(format));
        let alike: Vec<_> = alike.map(|kept| &kept.organizations.parts).collect();
        let part = |organization| {
            let present = Present::of(organization, &now);
            let known = alike.iter().find_map(|parts| find(parts, &present));
            known.unwrap_or_else(|| Arc::new(present.write(format, self.options)))
        };
        let parts: Vec<_> = organizations.iter().map(part).collect();
        let same = kept.iter().find(|kept| kept.format == format && kept.organizations.are_of(&parts));
        let organizations = match same {
            Some(kept) => kept.organizations.clone(),
            None => Arc::new(Organizations::of(parts, format)),
        };
        self.keep(format, organizations.clone(), now.instant);
        organizations
    }

    fn keep(&self, format: Format, organizations: Arc<Organizations>, asked: Instant) {
        let mut kept = self.kept();
        kept.retain(|kept| kept.format != format && asked.saturating_duration_since(kept.asked) < KEPT_FOR);
        kept.push(Kept { format, organizations, asked });
    }

    /// The exporter's own families, and the end of the page.
    fn own(&self, format: Format) -> prometheus::Result<Vec<Vec<u8>>> {
        let mut gathered = self.telemetry.process_families();
        gathered.extend(self.further.gather());
        let births = self.telemetry.process_births();
        let (requests, counted) = (self.telemetry.requests(), self.telemetry.organizations());
        let mut families: Vec<(&str, Own<'_>)> =
            gathered.iter().map(|family| (family.name(), Own::Gathered(family))).collect();
        families.extend(REQUEST_FAMILIES.map(|family| (family.name, Own::OfRequests(family))));
        families.extend(ORGANIZATION_FAMILIES.map(|family| (family.name, Own::OfOrganizations(family))));
        families.sort_by_key(|(name, _)| *name);
        let mut writer = Writer::new(format);
        for (_, family) in families {
            match family {
                Own::Gathered(family) => writer.gathered(family, &births)?,
                Own::OfRequests(family) => writer.family(&Head::from(family), |samples| {
                    let birth = births.of_process();
                    requests.series(family, |values, count| {
                        write_count(format, family, values, count, birth, samples);
                    });
                }),
                Own::OfOrganizations(family) => writer.family(&Head::from(family), |samples| {
                    for (name, counts) in &counted {
                        counts.series(family, name, |values, count| {
                            write_count(format, family, values, count, counts.birth(), samples);
                        });
                    }
                }),
            }
        }
        Ok(writer.finish())
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part among `parts`, which stand by name, that shows `present`.
fn find(parts: &[Arc<Part>], present: &Present) -> Option<Arc<Part>> {
    let place = parts.binary_search_by(|part| part.name.as_str().cmp(present.name())).ok()?;
    Some(&parts[place]).filter(|part| present.is_shown_by(part)).cloned()
}

/// The samples of the series of `family` that has these label values.
fn write_count(
    format: Format,
    family: &'static Family,
    values: &[&str],
    count: Count<'_>,
    birth: Option<u64>,
    samples: &mut Samples,
) {
    let mut labels = [("", ""); 2];
    let pairs = family.labels.iter().copied().zip(values.iter().copied());
    labels.iter_mut().zip(pairs).for_each(|(label, pair)| *label = pair);
    let birth = birth.filter(|_| family.kind != Kind::Gauge);
    let mut write = |value| {
        let series = Series { labels: &labels[..family.labels.len()], value, birth };
        format.series(&Head::from(family), &series, samples.next());
    };
    match count {
        Count::Number(value) if family.kind == Kind::Counter => write(Value::Counter(value)),
        Count::Number(value) => write(Value::Gauge(value)),
        Count::Distribution(all) => {
            write(Value::Histogram { count: all.count(), sum: all.sum(), buckets: &all.buckets() });
        }
    }
}

#[cfg(test)]
mod tests;
