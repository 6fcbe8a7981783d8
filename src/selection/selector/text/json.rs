//! Labels in JSON: by themselves, or in what the APIs of Prometheus and Alertmanager answer.

use serde_json::{Map, Value};

use crate::selection::SelectorError;

/// Where these APIs have the labels of one series or alert.
const LABELS: [&str; 2] = ["metric", "labels"];

/// Where they have lists of such.
const LISTS: [&str; 3] = ["data", "result", "alerts"];

/// The labels in `json`; nothing where it is something else.
///
/// # Errors
///
/// If there are those of several series, or of none.
pub(super) fn labels(json: &Value) -> Result<Option<Vec<(String, String)>>, SelectorError> {
    match json {
        Value::Object(object) => {
            let inner =
                LABELS.iter().chain(&LISTS).find_map(|key| object.get(*key).filter(|inner| is_nested(inner)));
            match inner {
                Some(inner) => match labels(inner)? {
                    Some(labels) if labels.is_empty() => Err(SelectorError(
                        "there are no labels, as behind sum(): give the selector that stands in it"
                            .to_owned(),
                    )),
                    labels => Ok(labels),
                },
                None => Ok(texts(object)),
            }
        }
        Value::Array(list) => match list.as_slice() {
            [one] => labels(one),
            list => {
                let why =
                    format!("there are the labels of {} series or alerts; give those of one", list.len());
                Err(SelectorError(why))
            }
        },
        _ => Ok(None),
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The entries, if all are texts.
fn texts(object: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    object.iter().map(text).collect()
}
