use proptest::prelude::*;

use super::*;

const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn headers<V: AsRef<[u8]>>(lines: impl IntoIterator<Item = V>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        // What HTTP does not allow in a header does not reach us.
        if let Ok(line) = HeaderValue::from_bytes(line.as_ref()) {
            headers.append(ACCEPT, line);
        }
    }
    headers
}

/// The content type for these lines of `Accept`.
fn wanted(lines: &[&str]) -> String {
    Exposition::wanted(&headers(lines)).content_type().to_str().unwrap().to_owned()
}

fn text(version: &str) -> String {
    format!("text/plain; version={version}; charset=utf-8")
}

fn open_metrics(version: &str) -> String {
    format!("application/openmetrics-text; version={version}; charset=utf-8")
}

fn protobuf() -> String {
    PROTOBUF.replace(';', "; ")
}

#[test]
fn prometheus_gets_what_it_puts_first() {
    // As scrape/scrape.go of version 3 writes them for its default, with protobuf first, and for the other schemes.
    let version_3 = |scheme: &str, weights: [u8; 5]| {
        let [a, b, c, d, e] = weights;
        format!(
            "application/openmetrics-text;version=1.0.0;escaping={scheme};q=0.{a},\
             application/openmetrics-text;version=0.0.1;q=0.{b},\
             text/plain;version=1.0.0;escaping={scheme};q=0.{c},text/plain;version=0.0.4;q=0.{d},*/*;q=0.{e}"
        )
    };
    let texts = version_3("allow-utf-8", [6, 5, 4, 3, 2]);
    assert_eq!(wanted(&[&texts]), open_metrics("1.0.0") + "; escaping=allow-utf-8");
    let with_protobuf = format!("{PROTOBUF};q=0.6,{}", version_3("allow-utf-8", [5, 4, 3, 2, 1]));
    assert_eq!(wanted(&[&with_protobuf]), protobuf());
    for (asked, answered) in [
        ("underscores", "underscores"),
        ("values", "values"),
        ("dots", "underscores"),
        ("new", "underscores"),
    ] {
        let texts = version_3(asked, [6, 5, 4, 3, 2]);
        assert_eq!(wanted(&[&texts]), format!("{}; escaping={answered}", open_metrics("1.0.0")));
    }
    // With one protocol configured.
    for (range, content_type) in [
        ("text/plain;version=0.0.4;q=0.6,*/*;q=0.5", text("0.0.4")),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,*/*;q=0.5",
            text("1.0.0") + "; escaping=allow-utf-8",
        ),
        ("application/openmetrics-text;version=0.0.1;q=0.6,*/*;q=0.5", open_metrics("0.0.1")),
    ] {
        assert_eq!(wanted(&[range]), content_type, "{range}");
    }
    // Version 2.
    let version_2 = "application/openmetrics-text;version=1.0.0,\
        application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(wanted(&[version_2]), open_metrics("1.0.0"));
    let native_histograms = format!(
        "{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,\
         application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    );
    assert_eq!(wanted(&[&native_histograms]), protobuf());
    let version_2_5 = "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(wanted(&[version_2_5]), open_metrics("0.0.1"));
    // Version 1.
    let version_1 = format!("{PROTOBUF};q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1");
    assert_eq!(wanted(&[&version_1]), protobuf());
}

#[test]
fn people_and_other_programs_get_text() {
    for accept in [
        "",
        "*/*",
        "text/*",
        "text/plain",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "text/plain;version=0.0.4;q=1,*/*;q=0.1",
    ] {
        assert_eq!(wanted(&[accept]), text("0.0.4"), "{accept}");
    }
    assert_eq!(wanted(&[]), text("0.0.4"));
}

#[test]
fn who_accepts_nothing_that_there_is_gets_text() {
    for accept in [
        "application/json",
        "*/*;q=0",
        "text/plain;q=0, application/json",
        "application/openmetrics-text;q=0",
        "application/vnd.google.protobuf;q=0.000, application/openmetrics-text;q=0",
        "text/plain;version=2.0.0",
        "text/plain;charset=iso-8859-1",
        "application/openmetrics-text;version=2.0.0",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
        "application/vnd.google.protobuf;proto=io.prometheus.client.Metric;encoding=delimited",
        // What cannot be read is not there.
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=",
        "application/openmetrics-text;q=.",
        "application/openmetrics-text;q=1.001",
        "application/openmetrics-text;version",
        "openmetrics-text",
        "/",
        ";;;,,,===",
        "application/openmetrics-text;x=\"never closed, text/html",
        "application/openmetrics-text;x=\"closed\" early, text/html",
        "application/openmetrics-text;x=\"\\",
    ] {
        assert_eq!(wanted(&[accept]), text("0.0.4"), "{accept}");
    }
}

#[test]
fn weights_names_and_places_decide_in_this_order() {
    for (lines, content_type) in [
        (
            &["text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=0.501"][..],
            open_metrics("1.0.0"),
        ),
        (&["text/plain;version=0.0.4;q=0.5", "application/openmetrics-text;q=0.501"], open_metrics("1.0.0")),
        // What fits best speaks for an offer, wherever it stands.
        (&["*/*, text/plain;q=0.1"], open_metrics("1.0.0")),
        (&["*/*, text/plain;q=0, application/openmetrics-text;q=0"], protobuf()),
        (&["*/*;q=0, application/openmetrics-text"], open_metrics("1.0.0")),
        (&["application/*, application/openmetrics-text;q=0"], protobuf()),
        (
            &["application/openmetrics-text, application/openmetrics-text;version=1.0.0;q=0"],
            open_metrics("0.0.1"),
        ),
        (
            &["application/openmetrics-text;version=1.0.0;q=0.1, application/openmetrics-text;q=0.9"],
            open_metrics("0.0.1"),
        ),
        // Equal weights: a name before any, then the first.
        (&["*/*, application/openmetrics-text;version=1.0.0"], open_metrics("1.0.0")),
        (&["application/openmetrics-text, text/plain"], open_metrics("1.0.0")),
        (&["text/plain, application/openmetrics-text"], text("0.0.4")),
        (&["application/*"], open_metrics("1.0.0")),
        (&["application/vnd.google.protobuf"], protobuf()),
        // However it is written.
        (
            &["Application/OpenMetrics-Text ; Version = \"1.0.0\" ;; Charset=UTF-8 ; Q=1.000"],
            open_metrics("1.0.0"),
        ),
        (&["text/plain;version=\"0.\\0.4\";escaping=\"values\""], text("0.0.4") + "; escaping=values"),
        (&["application/openmetrics-text;strange=\"a,b;q=0\\\",\""], open_metrics("1.0.0")),
        (&["text/html, , application/openmetrics-text;q=0.0001"], open_metrics("1.0.0")),
    ] {
        assert_eq!(wanted(lines), content_type, "{lines:?}");
    }
}

#[test]
fn a_line_that_is_no_text_hides_no_other_one() {
    let accept = headers([&b"\xff\xfe"[..], b"application/openmetrics-text"]);
    assert_eq!(Exposition::wanted(&accept).format(), Format::OpenMetrics);
}

fn element() -> impl Strategy<Value = String> {
    let range = prop::sample::select(vec![
        "*/*",
        "text/*",
        "text/plain",
        "application/*",
        "application/openmetrics-text",
        "application/vnd.google.protobuf",
        "text/html",
    ]);
    let parameters = prop::collection::vec(
        prop::sample::select(vec![
            ";version=0.0.4",
            ";version=1.0.0",
            ";version=0.0.1",
            ";encoding=delimited",
            ";encoding=text",
            ";charset=utf-8",
            ";escaping=allow-utf-8",
            ";escaping=dots",
            ";x=\",\"",
        ]),
        0..3,
    );
    let weight = prop::sample::select(vec!["", ";q=0", ";q=0.0", ";q=0.001", ";q=0.5", ";q=1"]);
    (range, parameters, weight)
        .prop_map(|(range, parameters, weight)| range.to_owned() + &parameters.concat() + weight)
}

proptest! {
    #[test]
    fn whatever_is_accepted_there_is_an_answer(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        text in prop::collection::vec("[a-z*/;,=\"\\\\ q0-9.]{0,60}", 0..4),
    ) {
        for headers in [headers(&lines), headers(&text)] {
            let content_type = Exposition::wanted(&headers).content_type();
            prop_assert!(content_type.to_str().unwrap().contains('/'));
            for element in elements(&headers, &ACCEPT) {
                prop_assert!(element.weight <= FULL && !element.name.is_empty());
            }
        }
    }

    /// By the definition, offer by offer: no other one is wanted more, and what is excluded is not sent.
    #[test]
    fn nothing_else_is_wanted_more(accept in prop::collection::vec(element(), 0..6)) {
        let headers = headers([accept.join(", ")]);
        let ranges: Vec<_> = elements(&headers, &ACCEPT).collect();
        prop_assert_eq!(ranges.len(), accept.len());
        let weight = |offer: Offer| {
            let best = ranges.iter().filter_map(|range| offer.fit(range)).max()?;
            ranges.iter().find(|range| offer.fit(range) == Some(best)).map(|range| range.weight)
        };
        let answer = Exposition::wanted(&headers);
        let most = Offer::ALL.into_iter().filter_map(weight).max().unwrap_or(0);
        match most {
            0 => prop_assert_eq!(answer, Exposition { offer: Offer::Text004, escaping: None }),
            most => prop_assert_eq!(weight(answer.offer), Some(most)),
        }
    }

    #[test]
    fn weights_are_read_as_numbers(weight in 0..=1000_u16, further in "[0-9]{0,4}") {
        let text = format!("{}.{:03}", weight / 1000, weight % 1000);
        prop_assert_eq!(parse_weight(&text), Some(weight));
        if weight < 1000 {
            let further = parse_weight(&format!("{text}{further}")).unwrap();
            prop_assert!(further == weight || (weight == 0 && further == 1));
        }
    }
}
