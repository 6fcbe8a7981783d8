use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_text_is_a_selector_or_an_error_in_one_short_line(
        any in any::<String>(),
        labels in r#"[{}=!~"',a-z_ \\]{0,40}"#,
        name in r#"\{"(openai_org_)?[\x00-\x20a-z]{1,8}"\}"#,
        many in prop::collection::vec(r#""[\x00-\x7f&&[^"\\]]{1,200}"="""#, 1..40),
    ) {
        for text in [any, labels, name, format!("{{{}}}", many.join(","))] {
            for parse in [Selector::parse, Selector::from_printed] {
                if let Err(error) = parse(&text) {
                    let line = error.to_string();
                    prop_assert!(!line.chars().any(char::is_control), "{line:?}");
                    prop_assert!(line.len() < 4 << 10, "{}", line.len());
                }
            }
        }
    }

    #[test]
    fn a_selector_is_read_as_it_is_shown(text in r#"[a-z"\\é]{1,8}"#, negated in any::<bool>()) {
        let test = Test { negated, pattern: Pattern::Is(text) };
        let shown = format!("openai_org_users{{organization{test},role{test}}}");
        let selector = Selector::parse(&shown).unwrap();
        prop_assert_eq!(selector.to_string(), shown);
        prop_assert_eq!(Selector::from_printed(&selector.to_string()).unwrap(), selector);
    }
}

#[test]
fn series_are_taken_as_they_are_printed() {
    let expected = Selector::parse(r#"{role="owner",scim_managed="false"}"#).unwrap().criteria();
    for text in [
        r#"{role="owner", scim_managed="false"}"#,
        r#"{role="owner",scim_managed="false",}"#,
        r#"role="owner" scim_managed="false""#,
        "role=owner\nscim_managed=false\nalertname=OpenAIOrgOwnerOutsideScim\nseverity=warning",
        " role = owner\n scim_managed = false\n",
        "Labels:\n - alertname = X\n - role = owner\n - scim_managed = false\n",
        r#"{"role":"owner","scim_managed":"false","instance":"a:1"}"#,
        r#"{"metric":{"role":"owner","scim_managed":"false"},"value":[1732863600,"3"]}"#,
        r#"[{"labels":{"role":"owner","scim_managed":"false"},"status":{"state":"active"}}]"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"role":"owner","scim_managed":"false"}}]}}"#,
        r#"{"data":{"alerts":[{"labels":{"role":"owner","scim_managed":"false"},"state":"firing"}]}}"#,
        r#"{alertname="X", instance="a:1", job="openai", role='owner', scim_managed=`false`}"#,
        r#"{role="owner", scim_managed="false"} => 3 @[1732863600]"#,
        r#"ALERTS{alertname="X",alertstate="firing",role="owner",scim_managed="false"} 1"#,
    ] {
        let selector = Selector::from_printed(text).unwrap();
        assert_eq!(selector.criteria(), expected, "{text}");
    }
    let named =
        Selector::from_printed(r#"{"openai_org_users", instance="a:1", organization="acme"}"#).unwrap();
    assert_eq!(named.to_string(), r#"openai_org_users{organization="acme"}"#);
    assert_eq!(named.ignored(), ["instance"]);
    assert!(named.means_organization("acme") && !named.means_organization("globex"));
}

#[test]
fn what_is_no_selector_of_users_is_said_with_the_mending() {
    for (text, expected) in [
        ("", "not a selector, at character 1: there is nothing; write a family, labels in braces, or both"),
        ("{", "not a selector, at character 2: expected the name of a label"),
        (r#"{role="owner""#, "not a selector, at character 14: the closing brace is missing"),
        (r#"{role="owner}"#, "not a selector, at character 14: the closing quote is missing"),
        (
            r#"{role=owner}"#,
            "not a selector, at character 7: expected a value in quotes; for a shell, all of the selector stands in single quotes",
        ),
        (r#"role="owner""#, r#"not a selector, at character 5: labels stand in braces, {role="…"}"#),
        (
            "sum(openai_org_users)",
            "not a selector, at character 4: this is an expression; give the selector that stands in it, without functions",
        ),
        (
            "openai_org_users[5m]",
            "not a selector, at character 17: expected labels in braces, {role=\"owner\"}",
        ),
        (
            r#"{role="owner"} > 3"#,
            "not a selector, at character 16: expected nothing more; a range, an offset or an operator is no part of a selector",
        ),
        ("openai_org_user", "family openai_org_user: unknown; did you mean openai_org_users?"),
        (r#"{rol="owner"}"#, "label rol: unknown; did you mean role?"),
        (r#"{scim_managed="no"}"#, r#"label scim_managed: nobody has "no"; values are true, false, unknown"#),
        (
            r#"{older_than="soon"}"#,
            r#"label older_than: "soon" is no span of time; write it like 90d or 1h30m"#,
        ),
        (
            r#"openai_org_users{within="7d"}"#,
            "openai_org_users has no label within; it is one of openai_org_users_recently_added (or leave the family out: \
             labels alone go together freely)",
        ),
        (
            "openai_org_user_changes_total",
            "openai_org_user_changes_total counts changes, and the exporter keeps nobody's history: its log has the ids of \
             those who changed",
        ),
        (r#"{__name__=~"openai.*"}"#, "__name__: name one family, with ="),
    ] {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    assert!(Selector::parse(r#"{instance="a"}"#).unwrap_err().to_string().contains("says nothing of users"));
    assert!(Selector::from_printed(r#"{rol="owner"}"#).is_err());
    assert_eq!(Selector::parse(r#"openai_org_users{within=""}"#).unwrap().criteria(), Criteria::default());
}

#[test]
fn what_nobody_can_ever_have_is_refused() {
    for (text, expected) in [
        (
            r#"{email_domain="ACME.com"}"#,
            r#"label email_domain: domains are in lower case; write "acme.com""#,
        ),
        (
            r#"{role="a@b.c"}"#,
            r#"label role: "a@b.c" is never a label's value; what is too long, or like an address or a key, is other"#,
        ),
        (
            r#"{status=~"banned|disbled"}"#,
            r#"label status: nobody has "disbled"; values are active, banned, disabled, unknown"#,
        ),
    ] {
        assert_eq!(Selector::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    let alert = r#"{alertname="X",organization="acme",policy="owners",severity="critical"}"#;
    assert_eq!(
        Selector::from_printed(alert).unwrap_err().to_string(),
        "nothing of users is left without alertname, policy, severity; who is behind a policy, check \
         --show-users says"
    );
    assert!(Selector::from_printed(r#"{organization="acme"}"#).is_ok());
    for (text, expected) in [
        (r#"[{"labels":{}},{"labels":{}}]"#, "there are the labels of 2 series or alerts; give those of one"),
        (r#"{"data":{"result":[]}}"#, "there are the labels of 0 series or alerts; give those of one"),
        (
            r#"{"data":{"result":[{"metric":{},"value":[1,"5"]}]}}"#,
            "there are no labels, as behind sum(): give the selector that stands in it",
        ),
        (
            r#"{"labels":{},"role":"owner"}"#,
            "there are no labels, as behind sum(): give the selector that stands in it",
        ),
    ] {
        assert_eq!(Selector::from_printed(text).unwrap_err().to_string(), expected);
    }
}
