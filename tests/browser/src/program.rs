//! Programs that run for the time of a test.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::{root, wait_for};

/// The key of the simulated organization.
pub const KEY: &str = "sk-admin-simulated";

/// A running program whose output is kept. It ends with this value.
pub struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts `command` without anything that steers the exporter or a proxy, but with `environment`.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command, environment: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let said = File::create(folder.path().join("said"))?;
        for (name, _) in env::vars_os() {
            let upper = name.to_string_lossy().to_uppercase();
            if upper.starts_with("OPENAI_") || upper.ends_with("_PROXY") {
                command.env_remove(name);
            }
        }
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, folder })
    }

    /// Waits until it has said `before`, and returns what stands behind that, up to a blank or a quotation mark.
    ///
    /// # Errors
    ///
    /// If it ends, or does not say that in time.
    pub async fn find(&mut self, before: &str) -> Result<String> {
        let waited = wait_for(before, async || {
            let said = self.output()?;
            if let Some((_, behind)) = said.split_once(before)
                && let Some(end) = behind.find(|c: char| c.is_whitespace() || c == '"')
            {
                return Ok(Some(behind[..end].to_owned()));
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status}, said:\n{said}");
            }
            Ok(None)
        });
        waited.await.with_context(|| format!("it said:\n{}", self.output().unwrap_or_default()))
    }

    /// Everything it has said so far.
    ///
    /// # Errors
    ///
    /// If its output cannot be read.
    pub fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.path().join("said"))?).into_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test: `EXPORTER_BINARY`, or else the release build.
fn binary() -> PathBuf {
    env::var_os("EXPORTER_BINARY").map_or_else(
        || {
            let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
            target.join("release/openai-org-exporter")
        },
        PathBuf::from,
    )
}

/// Organizations over the Admin API's wire format.
pub struct Simulator {
    _program: Program,
    /// Where the API begins, without a slash at the end.
    pub base_url: String,
}

impl Simulator {
    /// Starts the simulator with `flags`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn start(flags: &[&str]) -> Result<Self> {
        let mut command = Command::new(binary());
        command.arg("simulate");
        if !flags.iter().any(|flag| flag.starts_with("--listen-address")) {
            command.arg("--listen-address=127.0.0.1:0");
        }
        let mut program = Program::start(command.args(flags), &[])?;
        let behind = program.find("http://127.0.0.1:").await?;
        Ok(Self { _program: program, base_url: format!("http://127.0.0.1:{behind}") })
    }

    /// Its address, as `--listen-address` takes it.
    pub fn address(&self) -> &str {
        self.base_url.trim_start_matches("http://").trim_end_matches("/v1")
    }

    /// Every user's record of the organization whose key is `key`.
    ///
    /// # Errors
    ///
    /// If the API does not answer with pages of users.
    pub async fn users(&self, key: &str) -> Result<Vec<serde_json::Value>> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let (mut users, mut after) = (Vec::new(), String::new());
        loop {
            let url = format!("{}/organization/users?limit=100{after}", self.base_url);
            let page = client.get(url).bearer_auth(key).send().await?.error_for_status()?.text().await?;
            let page: serde_json::Value = serde_json::from_str(&page)?;
            users.extend(page["data"].as_array().context("no list")?.iter().cloned());
            if page["has_more"] != true {
                return Ok(users);
            }
            after = format!("&after={}", page["last_id"].as_str().context("no cursor")?);
        }
    }
}

/// A running exporter.
pub struct Exporter {
    program: Program,
    /// The address that it listens on.
    pub address: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Exporter {
    /// Starts `demo` with `flags`: calm, so that the page and the metrics can be compared.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn demo(flags: &[&str]) -> Result<Self> {
        let mut arguments = vec!["demo", "--poll.interval=1s", "--churn=0"];
        for flag in flags {
            let name = flag.split('=').next().unwrap_or(flag);
            arguments.retain(|argument| argument.split('=').next() != Some(name));
            arguments.push(flag);
        }
        Self::start(&arguments, BTreeMap::new()).await
    }

    /// Starts `serve` on one organization, which is `acme` if no flag names it, with `flags`.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn serve(simulator: &Simulator, flags: &[&str]) -> Result<Self> {
        let base_url = format!("--openai.base-url={}", simulator.base_url);
        let mut arguments = vec!["serve", base_url.as_str()];
        if !flags.iter().any(|flag| flag.starts_with("--organization=")) {
            arguments.push("--organization=acme");
        }
        arguments.extend(flags);
        Self::start(&arguments, BTreeMap::from([("OPENAI_ADMIN_KEY", KEY)])).await
    }

    async fn start(arguments: &[&str], environment: BTreeMap<&str, &str>) -> Result<Self> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::listen("127.0.0.1:0", arguments, environment).await
    }

    async fn listen(
        address: &str,
        arguments: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        let pairs: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut command = Command::new(binary());
        command.args(&arguments).arg(format!("--web.listen-address={address}"));
        let mut program = Program::start(&mut command, &pairs)?;
        let address = program.find("addresses=").await?;
        Ok(Self { program, address, arguments, environment })
    }

    /// Ends it at once and gives what [`Stopped::again`] starts it with.
    pub fn stop(self) -> Stopped {
        drop(self.program);
        Stopped { address: self.address, arguments: self.arguments, environment: self.environment }
    }

    /// Everything it has said so far.
    ///
    /// # Errors
    ///
    /// If its output cannot be read.
    pub fn output(&self) -> Result<String> {
        self.program.output()
    }

    /// The URL of `path`, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// An exporter that was ended.
pub struct Stopped {
    address: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Stopped {
    /// Starts it anew on the same port.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub async fn again(self) -> Result<Exporter> {
        Exporter::listen(&self.address, self.arguments, self.environment).await
    }
}
