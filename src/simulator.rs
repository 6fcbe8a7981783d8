//! Synthetic organizations over the Admin API's wire format, with faults.
//!
//! It must not know the rest of the house: a struct shared with the client would hide the same mistake on both
//! sides.
//!
//! An organization follows from a seed: the same seed, number of users and reference time give the same users,
//! byte for byte. The list is in the order of joining; users who join later come last, and the id of one who
//! left is no cursor any more (404). What never changes about a user is computed whenever it is needed, what
//! does takes about 50 bytes, and an id leads to its place without a search: a million users are no burden. Nor are
//! a thousand organizations behind one address: what each needs besides its users is about 13 kB.

mod blueprint;
mod churn;
mod fault;
mod names;
mod office;
mod payload;
mod population;
mod query;
mod reception;
mod refusal;
mod seed;
mod wire;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

pub use self::fault::{Fault, FaultKind, FaultSwitch, ParseFaultError};

use self::office::NoAnswer;
use self::reception::Reception;

/// How long answers under way may take once the simulator is told to stop.
const GRACE: Duration = Duration::from_millis(800);
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// What to simulate.
#[derive(Clone)]
pub struct Options {
    /// Organizations, at least one and at most `u32::MAX`. Each has its own users, of a seed of its own.
    pub organizations: usize,
    /// Users of each at the start, at most `u32::MAX`.
    pub users: usize,
    /// All that is random follows from it.
    pub seed: u64,
    /// The key that requests must carry; of several organizations, each has this with `-1`, `-2` and so on behind it.
    pub admin_key: String,
    /// From each request to its answer, at least.
    pub latency: Duration,
    /// Changes to each organization per minute, on average; 0 for none.
    pub churn_per_minute: f64,
    /// Whether to compress answers for clients that accept gzip.
    pub gzip: bool,
    /// The rate limit that answers announce. It is never enforced.
    pub requests_per_minute: u64,
    /// What goes wrong. Each request gets at most one fault: the first whose rate hits.
    pub faults: Vec<Fault>,
    /// Unix seconds at the start: all generated times lie before it, and changes count from it.
    pub now: i64,
}

/// Synthetic organizations on a socket of their own.
pub struct Simulator {
    listener: TcpListener,
    address: SocketAddr,
    reception: Arc<Reception>,
    churn_per_minute: f64,
    stop: CancellationToken,
}

impl Default for Options {
    /// One organization of 250 users of seed 1 behind the key `sk-admin-simulated`, compressed, without latency, churn or faults,
    /// as of now.
    fn default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            organizations: 1,
            users: 250,
            seed: 1,
            admin_key: "sk-admin-simulated".to_owned(),
            latency: Duration::ZERO,
            churn_per_minute: 0.0,
            gzip: true,
            requests_per_minute: 10_000,
            faults: vec![],
            now: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

impl Simulator {
    /// Makes up the organizations and listens; connections wait until [`Simulator::run`].
    ///
    /// # Errors
    ///
    /// The address cannot be listened on; or, as [`io::ErrorKind::InvalidInput`], there are too many users or
    /// organizations, or none of the latter, or the churn is no finite number of at least 0.
    pub async fn bind(address: SocketAddr, options: Options) -> io::Result<Self> {
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
        let users = u32::try_from(options.users).map_err(|_| invalid("more users than ids"))?;
        let organizations = u32::try_from(options.organizations).ok().filter(|number| *number > 0);
        let organizations = organizations.ok_or_else(|| invalid("no organization, or too many"))?;
        let churn_per_minute = options.churn_per_minute;
        if !(churn_per_minute.is_finite() && churn_per_minute >= 0.0) {
            return Err(invalid("the churn is not a number of at least 0"));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let reception = Arc::new(Reception::open(&options, users, organizations, &stop));
        Ok(Self { listener, address, reception, churn_per_minute, stop })
    }

    /// The address listened on, with the port that the system chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes for `https://api.openai.com/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// A handle to change the faults while the simulator runs.
    pub fn faults(&self) -> FaultSwitch {
        self.reception.faults.clone()
    }

    /// Serves until `shutdown`, then ends within a second: what is under way may finish, the rest is dropped.
    ///
    /// Dropping the future has the same effect, in the background.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { listener, reception, churn_per_minute, stop, .. } = self;
        let _stops_connections = stop.clone().drop_guard();
        let connections = TaskTracker::new();
        let changes = TaskTracker::new();
        for office in reception.offices() {
            let churn = churn::churn(office.clone(), churn_per_minute);
            changes.spawn(stop.clone().run_until_cancelled_owned(churn));
        }
        changes.close();
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = accept(&listener, &reception, &connections, &stop) => {}
        }
        drop(listener);
        stop.cancel();
        connections.close();
        connections.wait().await;
        changes.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    reception: &Arc<Reception>,
    connections: &TaskTracker,
    stop: &CancellationToken,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(reception), stop.clone()));
            }
            Err(error) => {
                warn!(%error, "the simulator could not accept a connection");
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// Without header or idle time-outs: in tests with a paused clock they would pass at once.
async fn serve(stream: TcpStream, reception: Arc<Reception>, stop: CancellationToken) {
    let _best_effort = stream.set_nodelay(true);
    let service = service_fn(|request| reception.answer(request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut connection_ref = Pin::new(&mut connection);
    let result = tokio::select! {
        result = connection_ref.as_mut() => result,
        () = stop.cancelled() => {
            connection_ref.as_mut().graceful_shutdown();
            timeout(GRACE, connection_ref).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        debug!(%error, "a connection to the simulator broke");
        if error.source().is_some_and(<dyn Error>::is::<NoAnswer>) {
            // Closing without lingering resets the connection instead of ending it.
            let _best_effort = connection.into_parts().io.into_inner().set_zero_linger();
        }
    }
}
