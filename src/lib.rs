//! A Prometheus exporter for OpenAI organizations.
//!
//! It walks the Admin API's `GET /v1/organization/users` page by page in the background, counts what the
//! organization is made of, and serves the counts on `/metrics`. A number is either right or absent: every
//! figure comes from one complete walk, its age is published beside it, and a missing field is `unknown`,
//! never `false`.
//!
//! # The rooms
//!
//! Data flows one way: `admin_api -> walk -> composition (+ roster) -> snapshot -> exposition -> web`. A room
//! imports only what stands in its row; `tests/rooms.rs` reads this table and holds the code to it.
//!
//! | room | what it is | may import |
//! |---|---|---|
//! | `catalog` | every metric family, once: name, help, type, labels; no values | |
//! | `duration` | durations as Prometheus writes them | |
//! | `clock` | what time it is, on the wall and since the start; tests hand in their own | |
//! | `telemetry` | the exporter's own counters and histograms, as handles per organization | `catalog`, `clock` |
//! | `admin_api` | the endpoint: key, base URL, client, page, user, retries, errors | `telemetry` |
//! | `composition` | label values, counts, coverage, projects: pure, no I/O, no clock | `admin_api` |
//! | `selection` | selectors over the labels, and whether a user is one of those selected: pure | `admin_api`, `catalog`, `composition`, `duration` |
//! | `listing` | who is listed, in which columns, how lists are written down and held against series: pure | `admin_api`, `catalog`, `composition`, `selection` |
//! | `policy` | rules over the labels, and whether an organization keeps them: pure | `admin_api`, `composition`, `selection` |
//! | `roster` | who is in an organization, as 12 bytes a user; what changed: pure | `admin_api`, `composition` |
//! | `walk` | one complete pass over the pages, or a reason why there is none | `admin_api`, `clock`, `composition`, `policy`, `roster`, `telemetry` |
//! | `snapshot` | the result of a walk, the state of an organization, the board that scrapes read | `admin_api` (in tests), `clock`, `composition`, `policy`, `roster`, `walk` |
//! | `state` | the state file: format, lock, atomic writes | `admin_api` (in tests), `clock`, `composition`, `policy`, `roster`, `snapshot`, `telemetry` |
//! | `poll` | walks one organization on a schedule and publishes snapshots | `admin_api`, `clock`, `roster`, `snapshot`, `telemetry`, `walk` |
//! | `exposition` | the collector over the board, and the formats | `admin_api` and `walk` (in tests), `catalog`, `clock`, `composition`, `policy`, `roster`, `snapshot`, `telemetry` |
//! | `web` | hyper server, guard, routes, content negotiation, limits, status page | `clock`, `composition`, `exposition`, `policy`, `roster`, `snapshot`, `telemetry` |
//! | `config` | flags, environment and YAML become one validated configuration; secrets | `admin_api`, `composition`, `duration`, `listing`, `policy`, `selection`, `web` (value types only) |
//! | `app` | puts the rooms together: pollers, server, reload, signals, shutdown | `admin_api`, `catalog`, `clock`, `composition`, `config`, `exposition`, `listing`, `policy`, `poll`, `report`, `snapshot`, `state`, `telemetry`, `walk`, `web` |
//! | `cli` | arguments, one file per subcommand | `app`, `catalog`, `clock`, `config`, `duration`, `listing`, `report`, `selection`, `simulator`, `snapshot`, `walk`, `web` (value types only) |
//! | `report` | verdicts on policies, as a table, JSON, JUnit, SARIF or Markdown: pure | `admin_api` (in tests), `listing`, `policy` |
//! | `simulator` | synthetic organizations over the Admin API's wire format, with faults | |

pub mod admin_api;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod composition;
pub mod config;
pub mod duration;
pub mod exposition;
pub mod listing;
pub mod policy;
pub mod poll;
pub mod report;
pub mod roster;
pub mod selection;
pub mod simulator;
pub mod snapshot;
pub mod state;
pub mod telemetry;
pub mod walk;
pub mod web;
