//! A browser without a window, and what is asked of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::{Capabilities, ChromeCapabilities, ChromiumLikeCapabilities as _, Key, WebDriver};

use crate::program::Program;
use crate::{DEADLINE, root};

/// The sandbox is for pages of strangers; a container's root cannot have it. The others keep the browser from asking
/// anything of the network on its own.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// What a page is looked at with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `prefers-color-scheme: light`
    Light,
    /// `prefers-color-scheme: dark`
    Dark,
}

/// Pixels, from left to right, of a phone and of a screen.
pub const WIDTHS: [u32; 2] = [360, 1440];

/// A browser of its own, with an empty profile. It ends with this value.
pub struct Browser {
    driver: WebDriver,
    /// Where the driver listens.
    authority: String,
    _chromedriver: Program,
    _profile: TempDir,
}

/// Ends the session, after a failed test too: Chromium outlives a driver that is killed. The driver's own crate does this
/// through the runtime of the test, which stands still here.
impl Drop for Browser {
    fn drop(&mut self) {
        let (session, authority) = (self.driver.session_id(), &self.authority);
        let end = || -> Result<()> {
            let mut driver = TcpStream::connect(authority)?;
            driver.set_read_timeout(Some(DEADLINE))?;
            write!(driver, "DELETE /session/{session} HTTP/1.1\r\nHost: {authority}\r\n\r\n")?;
            let mut answer = [0; 12];
            driver.read_exact(&mut answer)?;
            ensure!(&answer == b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&answer));
            Ok(())
        };
        if let Err(error) = end() {
            eprintln!("the browser may still run: {error:#}");
        }
        let _ = self.driver.clone().leak();
    }
}

/// Something that the browser wrote to its console.
#[derive(Debug, Clone)]
pub struct Message {
    /// `SEVERE`, `WARNING` and so on.
    pub level: String,
    /// The URL, the place and what is said.
    pub text: String,
}

/// What axe found wrong.
#[derive(Debug, serde::Deserialize)]
pub struct Violation {
    /// The rule.
    pub id: String,
    /// What the rule says.
    pub help: String,
    /// The elements, each with what is wrong about it.
    pub nodes: Vec<String>,
}

impl Browser {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// If Chromium or its driver does not start.
    pub async fn start() -> Result<Self> {
        let mut chromedriver = Program::start(Command::new("chromedriver").arg("--port=0"), &[])?;
        let port = chromedriver.find("started successfully on port ").await?;
        let profile = tempfile::tempdir()?;
        let mut capabilities = ChromeCapabilities::new();
        for argument in ARGUMENTS {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        capabilities.set_logging_prefs("performance", LoggingPrefsLogLevel::All)?;
        let authority = format!("127.0.0.1:{}", port.trim_end_matches('.'));
        let driver = WebDriver::new(format!("http://{authority}"), Capabilities::from(capabilities)).await?;
        let browser = Self { driver, authority, _chromedriver: chromedriver, _profile: profile };
        browser.look(WIDTHS[1], Scheme::Light).await?;
        Ok(browser)
    }

    /// Goes to `url` and waits until it is loaded.
    ///
    /// # Errors
    ///
    /// If it cannot be loaded.
    pub async fn open(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Makes the page so wide, and of that scheme.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn look(&self, width: u32, scheme: Scheme) -> Result<()> {
        self.resize(width, 900).await?;
        let scheme = if scheme == Scheme::Dark { "dark" } else { "light" };
        self.prefer(&[("prefers-color-scheme", scheme)]).await
    }

    /// Makes the window so wide and high, in pixels; below a width of 600 it is a phone's.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Answers media queries so.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn prefer(&self, features: &[(&str, &str)]) -> Result<()> {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.command("Emulation.setEmulatedMedia", json!({"features": features})).await?;
        Ok(())
    }

    /// Switches the scripts of pages off, for those opened from now on.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn without_scripts(&self) -> Result<()> {
        self.command("Emulation.setScriptExecutionDisabled", json!({"value": true})).await?;
        Ok(())
    }

    /// A command of the DevTools protocol.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn command(&self, name: &str, parameters: Value) -> Result<Value> {
        self.driver.cdp().send_raw(name, parameters).await.with_context(|| name.to_owned())
    }

    /// What the body of a function returns in the page.
    ///
    /// # Errors
    ///
    /// If it throws, or returns something else than a `T`.
    pub async fn ask<T: DeserializeOwned>(&self, body: &str) -> Result<T> {
        self.ask_with(body, vec![]).await
    }

    /// The same, with `arguments`.
    ///
    /// # Errors
    ///
    /// As of [`Browser::ask`].
    pub async fn ask_with<T: DeserializeOwned>(&self, body: &str, arguments: Vec<Value>) -> Result<T> {
        Ok(self.driver.execute(body, arguments).await?.convert()?)
    }

    /// What a script hands to its last argument, a function, in its own time.
    ///
    /// # Errors
    ///
    /// If it throws, never does so, or hands on something else than a `T`.
    pub async fn later<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        Ok(self.driver.execute_async(script, vec![]).await?.convert()?)
    }

    /// Presses a key, where the focus is.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn press(&self, key: Key) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(key).perform().await?)
    }

    /// What was written to the console since the last time that this was asked.
    ///
    /// # Errors
    ///
    /// If the driver does not say.
    pub async fn console(&self) -> Result<Vec<Message>> {
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|entry| Message { level: entry.level, text: entry.message }).collect())
    }

    /// The URLs that were asked for since the last time that this was asked, the pages' own included.
    ///
    /// # Errors
    ///
    /// If the driver does not say.
    pub async fn requests(&self) -> Result<Vec<String>> {
        let events = self.events("Network.requestWillBeSent").await?;
        Ok(events.iter().filter_map(|event| event["request"]["url"].as_str()).map(str::to_owned).collect())
    }

    /// The parameters of the DevTools protocol's events of this name since the last time that any were asked for.
    ///
    /// # Errors
    ///
    /// If the driver does not say.
    pub async fn events(&self, name: &str) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        for entry in self.driver.get_log("performance").await? {
            let mut entry: Value = serde_json::from_str(&entry.message)?;
            if entry["message"]["method"] == name {
                events.push(entry["message"]["params"].take());
            }
        }
        Ok(events)
    }

    /// What axe-core finds wrong with the page as it is now.
    ///
    /// # Errors
    ///
    /// If axe-core is not there or fails.
    pub async fn violations(&self) -> Result<Vec<Violation>> {
        let path = root().join(".tools/axe/node_modules/axe-core/axe.min.js");
        let source = fs::read_to_string(&path)
            .with_context(|| format!("{}; tests/run.sh brings it", path.display()))?;
        self.driver.execute(source, vec![]).await?;
        let found = self.driver.execute_async(AXE, vec![]).await?;
        if let Some(error) = found.json()["error"].as_str() {
            bail!("axe: {error}");
        }
        Ok(found.convert()?)
    }

    /// A picture of what the window shows, as PNG.
    ///
    /// # Errors
    ///
    /// If the browser refuses.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.driver.screenshot_as_png().await?)
    }
}

const AXE: &str = "
const done = arguments[arguments.length - 1];
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(
  found => done(found.violations.map(({ id, help, nodes }) => ({
    id, help, nodes: nodes.map(node => node.html.slice(0, 200) + ' -- ' + node.failureSummary),
  }))),
  error => done({ error: String(error) }),
);
";
