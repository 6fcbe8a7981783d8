//! The query of the list: `after`, `limit`, `emails[]`.

use std::collections::HashSet;

use super::refusal::Refusal;

/// What a request asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) after: Option<String>,
    pub(super) limit: usize,
    /// In lower case; empty for all users.
    pub(super) emails: HashSet<String>,
}

impl Query {
    /// Unknown parameters are ignored; of a repeated `after` or `limit` the last counts.
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parsed = Self { after: None, limit: 20, emails: HashSet::new() };
        let url = reqwest::Url::parse(&format!("http://localhost/?{query}"));
        let url = url.map_err(|error| Refusal::bad_query(&error.to_string()))?;
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "after" => parsed.after = Some(value.into_owned()),
                "limit" => parsed.limit = limit(&value)?,
                "emails[]" | "emails" => {
                    parsed.emails.insert(value.to_lowercase());
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn limit(text: &str) -> Result<usize, Refusal> {
    match text.parse::<i64>() {
        Err(_) => {
            Err(Refusal::limit("invalid_type", &format!("expected an integer, but got {text:?} instead")))
        }
        Ok(value) if value < 1 => Err(Refusal::limit(
            "integer_below_min_value",
            &format!("integer below minimum value. Expected a value >= 1, but got {value} instead"),
        )),
        Ok(value) if value > 100 => Err(Refusal::limit(
            "integer_above_max_value",
            &format!("integer above maximum value. Expected a value <= 100, but got {value} instead"),
        )),
        Ok(value) => Ok(usize::try_from(value).expect("from 1 to 100")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_query_asks_for_the_first_twenty() {
        assert_eq!(Query::parse("").unwrap(), Query { after: None, limit: 20, emails: HashSet::new() });
    }

    #[test]
    fn addresses_are_decoded_and_compared_in_lower_case() {
        let query = Query::parse("emails%5B%5D=A%2Bb%40X.org&limit=7&emails[]=c@x.org&after=user-1").unwrap();
        let emails = ["a+b@x.org", "c@x.org"].map(str::to_owned);
        assert_eq!(query, Query { after: Some("user-1".into()), limit: 7, emails: emails.into() });
    }
}
