use std::fs;
use std::path::Path;

use crate::config::{Config, Environment, Layers, User};
use crate::policy::{Bound, Until, Whom};

/// Flags by name, with their values.
type Flags = std::collections::BTreeMap<String, Vec<String>>;

/// The configuration of `serve` with the text of a policy file, and of a configuration file if there is one.
fn read_in(directory: &Path, policies: Option<&str>, config: Option<&str>) -> Result<Config, String> {
    read_with(Flags::new(), directory, policies, config)
}

fn read_with(
    mut flags: Flags,
    directory: &Path,
    policies: Option<&str>,
    config: Option<&str>,
) -> Result<Config, String> {
    for (flag, name, text) in [("policy.file", "p.yaml", policies), ("config.file", "c.yaml", config)] {
        let Some(text) = text else { continue };
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        flags.insert(flag.to_owned(), vec![path.to_string_lossy().into_owned()]);
    }
    let keys = [("OPENAI_ADMIN_KEY", "sk-admin-1"), ("A", "sk-admin-a"), ("B", "sk-admin-b")];
    let environment = Environment::from(keys.map(|(name, key)| (name.to_owned(), key.to_owned())));
    let layers = Layers::read(User::Serve, flags, environment);
    let config = layers.and_then(|layers| Config::from_layers(&layers));
    config.map_err(|error| error.to_string().replace(&format!("{}/", directory.display()), ""))
}

fn read(policies: &str) -> Result<Config, String> {
    read_in(tempfile::tempdir().unwrap().path(), Some(policies), None)
}

/// What is wrong with a policy that has these keys besides a name.
fn wrong(keys: &str) -> String {
    read(&format!("policies:\n  - name: p\n{keys}")).unwrap_err()
}

#[test]
fn whoever_names_the_one_organization_may_have_policies_of_others_too() {
    let policy = |name: &str, about: &str| {
        format!("  - {{name: {name}, select: openai_org_users, max: 1, organizations: [{about}]}}\n")
    };
    let text = format!("policies:\n{}{}", policy("ours", "acme, globex"), policy("theirs", "globex"));
    let directory = tempfile::tempdir().unwrap();
    let named = Flags::from([("organization".to_owned(), vec!["acme".to_owned()])]);
    let config = read_with(named, directory.path(), Some(&text), None).unwrap();
    let names: Vec<&str> = config.organizations[0].policies.iter().map(|policy| policy.name()).collect();
    assert_eq!(names, ["ours"]);
    assert_eq!(config.warnings, [r#"left out, as they are not about organization "acme": policies theirs"#]);
}

#[test]
fn a_policy_has_a_name_a_selector_and_a_bound_and_the_rest_is_as_it_says() {
    let config = read(
        "policies:
  - name: ' owners '
    description: >
      Few people
      can do everything.
    select: '{role=\"owner\"}'
    of: 'openai_org_users'
    max_share: 5%
    severity: critical
    organizations: [default]
    except:
      - {user: user-1, reason: break-glass, until: 2027-01-31}
      - {email: Safe@Example.com, reason: also, until: never}
  - {name: plain, select: openai_org_users_default, exactly: 1}
",
    )
    .unwrap();
    let policies: Vec<_> = config.organizations[0].policies.iter().map(|policy| policy.terms()).collect();
    let [owners, plain] = policies[..] else { panic!("{policies:?}") };
    assert_eq!((owners.name.as_str(), owners.bound), ("owners", Bound::MaxShare(0.05)));
    assert_eq!(owners.description.as_deref(), Some("Few people can do everything."));
    assert_eq!(owners.select.to_string(), r#"{role="owner"}"#);
    assert_eq!(owners.of.as_ref().unwrap().to_string(), "openai_org_users");
    assert_eq!(owners.exceptions[0].whom, Whom::User("user-1".into()));
    assert_eq!(owners.exceptions[0].until.to_string(), "2027-01-31");
    assert_eq!(owners.exceptions[1].whom, Whom::Email("safe@example.com".into()));
    assert_eq!(owners.exceptions[1].until, Until::Never);
    assert_eq!((plain.severity.as_str(), plain.bound), ("warning", Bound::Exactly(1)));
    assert_eq!((&owners.severity, &plain.description), (&"critical".to_owned(), &None));
}

#[test]
fn organizations_get_the_policies_that_are_about_them() {
    let directory = tempfile::tempdir().unwrap();
    let config = "
organizations:
  - {name: a, admin_key_env: A}
  - {name: b, admin_key_env: B}
policies:
  - {name: all, select: openai_org_users, min: 1}
  - {name: of-b, select: openai_org_users, max: 9, organizations: b}
";
    let own = "policies: [{name: own, select: openai_org_users, min: 2, organizations: [a]}]";
    let config = read_in(directory.path(), Some(own), Some(config)).unwrap();
    let names = |at: usize| {
        let policies = config.organizations[at].policies.iter();
        policies.map(|policy| policy.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(0), names(1)),
        (vec!["all".to_owned(), "own".into()], vec!["all".to_owned(), "of-b".into()])
    );
    let yaml = config.to_yaml();
    let shown = "policies:
  - name: \"all\"
    select: \"openai_org_users\"
    min: 1
    severity: \"warning\"
  - name: \"of-b\"
    select: \"openai_org_users\"
    max: 9
    severity: \"warning\"
    organizations: [\"b\"]
organizations:
";
    assert!(yaml.contains(shown) && yaml.contains("policy:\n  file: ") && !yaml.contains("own"), "{yaml}");
}

#[test]
fn whom_a_policy_excepts_is_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let config = "policies:
  - name: p
    select: openai_org_users
    max: 9
    except:
      - {user: user-MARKED, reason: r, until: never}
      - {email: MARKED@example.com, reason: r, until: never}
";
    let yaml = read_in(directory.path(), None, Some(config)).unwrap().to_yaml();
    assert!(
        yaml.contains("    # except: 2 <not shown>\n") && !yaml.to_lowercase().contains("marked"),
        "{yaml}"
    );
}

#[test]
fn what_is_wrong_with_a_policy_is_said_with_its_place() {
    let good = "    select: openai_org_users\n    max: 1\n";
    let except = |exception: &str| wrong(&format!("{good}    except:\n      - {exception}\n"));
    for (found, expected) in [
        (
            wrong("    max: 1\n"),
            "p.yaml:2:5: policy \"p\" selects nobody; add select: with a selector, such as '{role=\"owner\"}'",
        ),
        (
            wrong("    select: {role=\"owner\"}\n    max: 1\n"),
            "p.yaml:3:13: select is a map here; put the selector in single quotes, select: '{role=\"owner\"}'",
        ),
        (
            wrong("    select: '{rol=\"owner\"}'\n    max: 1\n"),
            "p.yaml:3:13: select: label rol: unknown; did you mean role?",
        ),
        (
            wrong("    select: '{organization=\"a\"}'\n    max: 1\n"),
            "p.yaml:3:13: select: the label organization is no part of a policy's selector; name organizations in organizations:",
        ),
        (
            wrong("    select: '{role=\"other\"}'\n    max: 1\n"),
            "p.yaml:3:13: select: label role: \"other\" stands for whatever has no series of its own, which depends on what else is \
             there; name the values themselves",
        ),
        (
            wrong("    select: openai_org_users\n"),
            "p.yaml:2:5: policy \"p\" has no bound; add one of max, min, exactly, max_share, min_share",
        ),
        (
            wrong("    select: openai_org_users\n    max: 1\n    min: 1\n"),
            "p.yaml:5:10: policy \"p\" has two bounds, max and min; make two policies of it",
        ),
        (
            wrong("    select: openai_org_users\n    max: few\n"),
            "p.yaml:4:10: max: \"few\" is no number of users, such as 5",
        ),
        (
            wrong("    select: openai_org_users\n    min_share: 99\n"),
            "p.yaml:4:16: min_share: \"99\" is no share; write it like 0.05 or 5%",
        ),
        (
            wrong(&format!("{good}    of: openai_org_users\n")),
            "p.yaml:5:9: policy \"p\": of is for max_share and min_share; take it out, or put it into select",
        ),
        (
            wrong(&format!("{good}    severty: info\n")),
            "p.yaml:5:5: unknown key \"severty\" in policies; did you mean severity?",
        ),
        (wrong(&format!("{good}    severity: ''\n")), "p.yaml:5:15: the severity of a policy is empty"),
        (
            wrong(&format!("{good}    severity: \"hi\\u00adgh\"\n")),
            r"p.yaml:5:15: the severity of a policy holds a character that nobody sees: hi\u{ad}gh; take it out",
        ),
        (
            read("policies:\n  - name: no\n").unwrap_err(),
            "p.yaml:2:11: name is a number, true or false in YAML; put it in quotes",
        ),
        (
            wrong(&format!("{good}    except:\n      - {{user: 1e3, reason: r, until: never}}\n")),
            "p.yaml:6:16: user is a number, true or false in YAML; put it in quotes",
        ),
        (
            wrong(&format!("{good}    organizations: [defalt]\n")),
            "p.yaml:2:5: policy \"p\": nobody watches an organization \"defalt\"; did you mean default?",
        ),
        (
            wrong(&format!("{good}    organizations: [acme]\n")),
            "p.yaml:2:5: policy \"p\": nobody watches an organization \"acme\"; say with --organization what the one is called",
        ),
        (
            wrong(&format!("{good}    except: user-1\n")),
            "p.yaml:5:13: except is no list; begin each exception with \"- user:\" or \"- email:\"",
        ),
        (except("{reason: r, until: never}"), "p.yaml:6:9: an exception is for nobody; add user: or email:"),
        (
            except("{user: user-1, email: a@b.c, reason: r, until: never}"),
            "p.yaml:6:31: an exception is for one user; take out user: or email:",
        ),
        (except("{user: user-1, until: never}"), "p.yaml:6:9: an exception has no reason; add reason:"),
        (
            except("{user: user-1, reason: r}"),
            "p.yaml:6:9: an exception has no end; add until: with a date such as 2027-01-31, or never",
        ),
        (
            except("{user: user-1, reason: r, until: 2026-02-30}"),
            "p.yaml:6:42: \"2026-02-30\" is no date; write it like 2027-01-31, or never",
        ),
        (
            except("{user: a@b.c, reason: r, until: never}"),
            "p.yaml:6:16: user is an id, and this is an address; write email: instead",
        ),
        (
            except("{email: user-1, reason: r, until: never}"),
            "p.yaml:6:17: email is no address; write it like somebody@example.com",
        ),
        (
            except(
                "{user: user-1, reason: r, until: never}\n      - {user: user-1, reason: s, until: never}",
            ),
            "p.yaml:7:9: this user is excepted twice; take one exception out",
        ),
        (
            except("{user: user-1, why: r}"),
            "p.yaml:6:24: unknown key \"why\" in except; known are email, reason, until, user",
        ),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn what_is_wrong_with_a_file_of_policies_is_said_with_its_place() {
    let twice = "policies:\n  - {name: p, select: openai_org_users, max: 1}\n  - {name: p, select: openai_org_users, max: 2}\n";
    for (text, expected) in [
        (
            "",
            "p.yaml:1:1: there are no policies; begin with \"policies:\", and each of them with \"- name:\"",
        ),
        ("policies: []", "p.yaml:1:11: policies is empty; list at least one, or take the key out"),
        ("policies: {name: p}", "p.yaml:1:11: policies is no list; begin each policy with \"- name:\""),
        ("policy: []", "p.yaml:1:1: unknown key \"policy\"; did you mean policies?"),
        ("policies: [{}]", "p.yaml:1:12: a policy has no name; add name:"),
        ("policies: [null]", "p.yaml:1:12: a policy is empty; give it a name, a selector and a bound"),
        (
            r#"policies: [{name: "p\u202Eq", select: openai_org_users, max: 1}]"#,
            r"p.yaml:1:19: the name of a policy holds a character that nobody sees: p\u{202e}q; take it out",
        ),
        (
            r#"policies: [{name: "p\u0085q", select: openai_org_users, max: 1}]"#,
            r#"p.yaml:1:19: "p\u{85}q" holds a control character"#,
        ),
        (twice, "p.yaml:3:5: the policy \"p\" stands twice, first at p.yaml:2:5; names are unique"),
    ] {
        assert_eq!(read(text).unwrap_err(), expected, "{text}");
    }
    let directory = tempfile::tempdir().unwrap();
    let own = "policies: [{name: p, select: openai_org_users, max: 1}]";
    let error = read_in(directory.path(), Some(own), Some(own)).unwrap_err();
    assert_eq!(error, "p.yaml:1:12: the policy \"p\" stands twice, first at c.yaml:1:12; names are unique");
}

#[test]
fn no_error_repeats_whom_a_policy_excepts() {
    for keys in [
        "{user: MARKED@example.com, reason: r, until: never}",
        "{user: 'MARKED id', reason: r, until: never}",
        "{email: MARKED, reason: r, until: never}",
        "{email: MARKED@example.com, reason: r, until: soon}",
        "{email: MARKED@example.com, reason: r, until: never, x: 1}",
    ] {
        let error = wrong(&format!("    select: openai_org_users\n    max: 1\n    except: [{keys}]\n"));
        assert!(!error.contains("MARKED"), "{error}");
    }
}

#[test]
fn the_starter_set_is_good() {
    let text = fs::read_to_string("policies/baseline.yaml").unwrap();
    let config = read(&text).unwrap();
    assert!(config.policies.len() > 5);
    // Each has a reason in the line before it.
    let lines: Vec<&str> = text.lines().collect();
    for at in (0..lines.len()).filter(|at| lines[*at].starts_with("  - name: ")) {
        assert!(lines[at - 1].starts_with("  # "), "{}", lines[at]);
    }
}
