use std::borrow::Cow;

use super::*;
use crate::admin_api::{Field, User};
use crate::policy::{Audit, Bound, Exception, Policy, Terms, Until, Whom, parse_selector};

const START: i64 = 1_800_000_000;

fn policy(name: &str, bound: Bound, exceptions: &[(&str, &str)]) -> Arc<Policy> {
    let exception = |(id, until): &(&str, &str)| Exception {
        whom: if id.ends_with("@example.com") { Whom::email(id) } else { Whom::User((*id).to_owned()) },
        reason: "r".into(),
        until: Until::parse(until).unwrap(),
    };
    Arc::new(Policy::new(Terms {
        name: name.to_owned(),
        select: parse_selector(r#"{role="owner"}"#).unwrap(),
        of: None,
        bound,
        severity: "critical".to_owned(),
        description: Some("Few can <do> everything.".to_owned()),
        exceptions: exceptions.iter().map(exception).collect(),
    }))
}

fn user(id: &'static str, role: Field<Cow<'static, str>>) -> User<'static> {
    User { id: id.into(), email: Field::Value(format!("{id}@example.com").into()), role, ..User::default() }
}

fn owner() -> Field<Cow<'static, str>> {
    Field::Value("owner".into())
}

fn organization(
    name: &str,
    policies: Vec<Arc<Policy>>,
    users: &[User<'static>],
    shows_users: bool,
) -> Organization {
    let policies = Arc::new(Policies::new(policies));
    let mut audit = Audit::new(policies.clone(), Arc::default(), START, shows_users);
    users.iter().for_each(|user| audit.add(user));
    let walked = Walked {
        start: START,
        users: users.len() as u64,
        unreadable: 1,
        found: audit.finish(&Default::default(), 0),
    };
    Organization { name: name.into(), policies, outcome: Ok(walked) }
}

fn report(policies: Vec<Arc<Policy>>, shows_users: bool, failed: bool) -> Report {
    let users = [user("user-1", owner()), user("user-2", owner()), user("user-3", Field::Absent)];
    let mut organizations = vec![organization("acme", policies, &users, shows_users)];
    let policies = organizations[0].policies.clone();
    if failed {
        let failed = Failed { result: "unauthorized", why: "401 <\u{1b}[1m>".into() };
        organizations.push(Organization { name: "globex".into(), policies, outcome: Err(failed) });
    }
    let location = Location { path: "./my policies.yaml".into(), line: 7 };
    Report { organizations, locations: [("two".to_owned(), location)].into(), shows_users }
}

fn three() -> Vec<Arc<Policy>> {
    let ended = [("user-9", "2026-10-01"), ("nobody@example.com", "never")];
    vec![
        policy("two", Bound::Max(1), &[]),
        policy("some", Bound::MinShare(0.6), &[]),
        policy("old", Bound::Max(9), &ended),
    ]
}

#[test]
fn the_outcome_is_the_worst_and_not_walked_is_worse() {
    let outcome = |policies, failed| report(policies, false, failed).outcome();
    let (ok, unknown) = (policy("a", Bound::Max(4), &[]), policy("b", Bound::Max(3), &[]));
    assert_eq!(outcome(vec![ok.clone()], false), Outcome::Ok);
    assert_eq!(outcome(vec![ok.clone(), unknown.clone()], false), Outcome::Unknown);
    assert_eq!(outcome(vec![unknown, policy("c", Bound::Max(1), &[])], false), Outcome::Violated);
    assert_eq!(outcome(vec![ok], true), Outcome::NotWalked);
}

#[test]
fn a_table_says_what_and_why() {
    assert_eq!(
        report(three(), true, true).write(Format::Table),
        "\
ORGANIZATION  POLICY  SEVERITY  VALUE              LIMIT         VERDICT
acme          two     critical  2                  at most 1     violated
acme          some    critical  2 of 3 (66.6667%)  at least 60%  unknown
acme          old     critical  2                  at most 9     violated
globex: not walked: 401 <\\u{1b}[1m>
acme, two: it is 2, and has to be at most 1
acme, two: users behind this:
  user-1
  user-2
  user-3  (maybe: the API does not say enough)
acme, some: it may be 50% to 100%: the API does not say role of 1 user, and 1 record cannot be read
acme, some: users behind this:
  user-3  (maybe: the API does not say enough)
acme, old: the exception for user-9 ended on 2026-10-01
3 verdicts: 0 ok, 2 violated, 1 unknown, 1 organization not walked
"
    );
}

#[test]
fn junit_has_a_case_for_each_policy() {
    assert_eq!(
        report(three(), false, true).write(Format::Junit),
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"openai-org-exporter check\" tests=\"4\" failures=\"2\" errors=\"2\">
  <testsuite name=\"acme\" tests=\"3\" failures=\"2\" errors=\"1\">
    <testcase classname=\"acme\" name=\"two\">
      <failure type=\"violated\" message=\"it is 2, and has to be at most 1\"/>
    </testcase>
    <testcase classname=\"acme\" name=\"some\">
      <error type=\"unknown\" message=\"it may be 50% to 100%: the API does not say role of 1 user, and 1 record cannot be read\"/>
    </testcase>
    <testcase classname=\"acme\" name=\"old\">
      <failure type=\"violated\" message=\"the exception for a user (number 1) ended on 2026-10-01\"/>
    </testcase>
  </testsuite>
  <testsuite name=\"globex\" tests=\"1\" failures=\"0\" errors=\"1\">
    <testcase classname=\"globex\" name=\"walk\">
      <error type=\"unauthorized\" message=\"not walked: 401 &lt;\\u{1b}[1m&gt;\"/>
    </testcase>
  </testsuite>
</testsuites>
"
    );
}

#[test]
fn markdown_takes_nothing_of_others_for_its_own() {
    assert_eq!(
        report(three(), true, true).write(Format::Markdown),
        "\
### Policies: not all checked

3 verdicts: 0 ok, 2 violated, 1 unknown, 1 organization not walked

| | organization | policy | value | limit | why |
|---|---|---|---|---|---|
| ❌ violated | `acme` | `two` | 2 | at most 1 | it is 2, and has to be at most 1 |
| ❔ unknown | `acme` | `some` | 2 of 3 (66.6667%) | at least 60% | it may be 50% to 100%: the API does not say role of 1 user, and 1 record cannot be read |
| ❌ violated | `acme` | `old` | 2 | at most 9 | the exception for `user-9` ended on 2026-10-01 |

**`globex`** was not walked: `401 <\\u{1b}[1m>`

Behind `acme`, `two`:

- `user-1`
- `user-2`
- `user-3` (maybe: the API does not say enough)

Behind `acme`, `some`:

- `user-3` (maybe: the API does not say enough)
"
    );
}

#[test]
fn markdown_has_no_links_and_no_structure_of_others() {
    for (text, expected) in [
        ("https://evil", "https://evil"),
        ("www.evil", "www.evil"),
        ("@somebody", "@somebody"),
        ("<b>&lt;", "<b>&lt;"),
        ("---", "---"),
        ("+ x", "+ x"),
        ("1. x", "1. x"),
        (r"a`](x)|b\", r"a\u{60}](x)\u{7c}b\"),
        ("", " "),
    ] {
        let id = crate::admin_api::shown_id(text);
        assert_eq!(
            of_others(text).write(Format::Markdown),
            format!(
                "\
### Policies: not all checked

1 verdict: 0 ok, 1 violated, 0 unknown, 1 organization not walked

| | organization | policy | value | limit | why |
|---|---|---|---|---|---|
| ❌ violated | `{expected}` | `{expected}` | 1 | at most 0 | it is 1, and has to be at most 0; the exception for `{id}` ended on 2026-10-01 |

**`{expected}`** was not walked: `{expected}`

Behind `{expected}`, `{expected}`:

- `{id}`
"
            )
        );
    }
}

#[test]
fn sarif_has_a_result_for_each_that_is_not_kept_at_its_line() {
    let mut policies = three();
    policies.push(policy("kept", Bound::Max(9), &[]));
    let sarif: serde_json::Value =
        serde_json::from_str(&report(policies, false, true).write(Format::Sarif)).unwrap();
    let run = &sarif["runs"][0];
    let ids = |list: &serde_json::Value, key: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&run["tool"]["driver"]["rules"], "id"), ["two", "some", "old", "kept"]);
    assert_eq!(ids(&run["results"], "ruleId"), ["two", "some", "old"]);
    assert_eq!(ids(&run["results"], "kind"), ["fail", "open", "fail"]);
    assert_eq!(ids(&run["results"], "level"), ["error", "none", "error"]);
    let place = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "my%20policies.yaml");
    assert_eq!(place["region"]["startLine"], 7);
    assert_eq!(run["results"][0]["message"]["text"], "acme, two: it is 2, and has to be at most 1");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["invocations"][0]["startTimeUtc"], "2027-01-15T08:00:00Z");
}

#[test]
fn no_output_has_an_address_and_ids_are_there_only_if_asked_for() {
    for format in Format::NAMES.map(|(_, format)| format) {
        let text = report(three(), false, false).write(format);
        assert!(!text.contains("example.com") && !text.contains("user-"), "{text}");
        let text = report(three(), true, false).write(format);
        assert!(
            !text.contains("example.com") && text.contains("user-1") && text.contains("user-9"),
            "{text}"
        );
    }
}

#[test]
fn exceptions_for_nobody_are_noted_unless_somebody_cannot_be_read() {
    let mut report = report(three(), true, false);
    let note = "the exception for an address (number 2) is for nobody who is there";
    for format in Format::NAMES.map(|(_, format)| format) {
        assert!(!report.write(format).contains(note));
    }
    report.organizations[0].outcome.as_mut().unwrap().unreadable = 0;
    for format in Format::NAMES.map(|(_, format)| format) {
        assert!(report.write(format).contains(note), "{}", report.write(format));
    }
}

#[test]
fn names_that_nobody_has_are_remarked_with_those_of_others_made_harmless() {
    let mut acme = organization("acme", vec![policy("boss", Bound::Max(9), &[])], &[], false);
    let remark = "nobody has role=\"Boss\"; there are \"`<b>|\u{202e}\"";
    acme.outcome.as_mut().unwrap().found[0].unseen.push(remark.to_owned());
    let report = Report { organizations: vec![acme], locations: BTreeMap::new(), shows_users: false };
    let table = report.write(Format::Table);
    assert!(
        table.contains("acme, boss: nobody has role=\"Boss\"; there are \"`<b>|\\u{202e}\"\n"),
        "{table}"
    );
    let markdown = report.write(Format::Markdown);
    assert!(
        markdown.contains(r#"`nobody has role="Boss"; there are "\u{60}<b>\u{7c}\u{202e}"` |"#),
        "{markdown}"
    );
    let json: serde_json::Value = serde_json::from_str(&report.write(Format::Json)).unwrap();
    assert_eq!(json["organizations"][0]["policies"][0]["notes"].as_array().unwrap().len(), 1);
}

#[test]
fn json_is_read_back() {
    let json: serde_json::Value =
        serde_json::from_str(&report(three(), true, true).write(Format::Json)).unwrap();
    assert_eq!((&json["version"], &json["outcome"]), (&1.into(), &"not_walked".into()));
    let policies = &json["organizations"][0]["policies"];
    assert_eq!(policies[0]["verdict"], "violated");
    assert_eq!(policies[0]["users"][2], serde_json::json!({"id": "user-3", "sure": false}));
    assert_eq!((&policies[1]["least"], &policies[1]["most"]), (&0.5.into(), &1.0.into()));
    assert_eq!(json["organizations"][1]["result"], "unauthorized");
    assert!(report(three(), false, true).write(Format::Json).find("\"users\": [").is_none());
}

/// A report in which all texts of others are `text`.
fn of_others(text: &'static str) -> Report {
    let policies = vec![policy(text, Bound::Max(0), &[(text, "2026-10-01")])];
    let acme = organization(text, policies, &[user(text, owner())], true);
    let failed = Failed { result: "unauthorized", why: text.into() };
    let globex = Organization { name: text.into(), policies: Arc::default(), outcome: Err(failed) };
    Report { organizations: vec![acme, globex], locations: BTreeMap::new(), shows_users: true }
}

#[test]
fn nothing_harmful_of_others_is_in_any_output() {
    const TEXT: &str = "a\u{9b}\u{202e}\u{ad}\u{e0041}\u{1d173}\u{2028}\n\u{1b}z";
    let spelled = r"a\u{9b}\u{202e}\u{ad}\u{e0041}\u{1d173}\u{2028}\n\u{1b}z";
    let json = r"a\u009b\u202e\u00ad\udb40\udc41\ud834\udd73\u2028\n\u001bz";
    for (format, expected) in [
        (Format::Table, spelled),
        (Format::Json, json),
        (Format::Junit, spelled),
        (Format::Sarif, json),
        (Format::Markdown, spelled),
    ] {
        let text = of_others(TEXT).write(format);
        let harmful = |c: char| c != '\n' && crate::listing::is_harmful(c);
        assert!(text.contains(expected) && !text.contains(harmful) && !text.contains('\u{fffd}'), "{text}");
    }
    for format in [Format::Json, Format::Sarif] {
        let json: serde_json::Value = serde_json::from_str(&of_others(TEXT).write(format)).unwrap();
        let name = match format {
            Format::Json => &json["organizations"][0]["name"],
            _ => &json["runs"][0]["results"][0]["ruleId"],
        };
        assert_eq!(name, TEXT);
    }
}

#[test]
fn no_line_is_a_command_to_who_reads_the_log_of_a_job() {
    assert_eq!(
        of_others("::error::x").write(Format::Table),
        "\
ORGANIZATION  POLICY      SEVERITY  VALUE  LIMIT      VERDICT
- ::error::x    ::error::x  critical  1      at most 0  violated
- ::error::x: not walked: ::error::x
- ::error::x, ::error::x: it is 1, and has to be at most 0
- ::error::x, ::error::x: the exception for <unusual> ended on 2026-10-01
- ::error::x, ::error::x: users behind this:
  <unusual>
1 verdict: 0 ok, 1 violated, 0 unknown, 1 organization not walked
"
    );
    for (format, spelled) in [
        (Format::Table, r"#\u{23}[error]x"),
        (Format::Markdown, r"#\u{23}[error]x"),
        (Format::Json, r"#\u0023[error]x"),
        (Format::Sarif, r"#\u0023\\[error\\]x"),
        (Format::Junit, "&#35;&#35;[error]x"),
    ] {
        let text = of_others("##[error]x").write(format).replace("### Policies", "");
        assert!(text.contains(spelled) && !text.contains("##"), "{text}");
    }
}
