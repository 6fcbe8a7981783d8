//! What is asked for.

use std::fs;
use std::sync::Arc;

use crate::app::Exporter;
use crate::config::{Config, ConfigError, Layers};
use crate::listing::{Column, FILTERS, Filter, Format, Order, Wanted, as_series, criteria};
use crate::selection::{Label, Pattern, Selector};

/// A list, as the arguments ask for it.
pub(super) struct Request {
    /// Who is on it.
    pub(super) wanted: Arc<Wanted>,
    selector: Option<Selector>,
    organizations: Vec<Filter>,
    /// Whether memberships in projects are what is counted.
    pub(super) counts_memberships: bool,
    pub(super) format: Format,
    /// Columns, where somebody chose them.
    pub(super) columns: Vec<Column>,
    pub(super) order: Option<Order>,
    pub(super) limit: Option<usize>,
    /// What the list is held against.
    pub(super) against: Option<Against>,
}

/// Series of an exporter.
pub(super) struct Against {
    pub(super) exporter: Exporter,
    pub(super) roots: Option<Vec<u8>>,
    pub(super) selector: Selector,
}

impl Request {
    /// What `layers` ask for.
    pub(super) fn read(layers: &Layers) -> Result<Self, ConfigError> {
        let selector = match (
            layers.of_list("selector", Selector::parse)?,
            layers.of_list("from-labels", Selector::from_printed)?,
        ) {
            (Some(_), Some(_)) => {
                let message = "there is a selector besides; give one of them, and filters for the rest";
                return Err(layers.error_of_list("from-labels", message));
            }
            (selector, printed) => selector.or(printed),
        };
        let mut filters = Vec::new();
        for (flag, label) in FILTERS {
            let values = layers.many_of_list(flag, |text| Filter::of_label(label, text))?;
            filters.extend(values.into_iter().map(|filter| (label, filter)));
        }
        let ids = layers.many_of_list("id", Filter::of_id)?;
        let addresses = layers.many_of_list("email", Filter::of_address)?;
        let is_filtered = !filters.is_empty() || !ids.is_empty() || !addresses.is_empty();
        let mut all = selector.as_ref().map(Selector::criteria).unwrap_or_default();
        all.extend(criteria(filters));
        let order = Order::by(layers.many_of_list("sort", Order::key)?);
        let counts_memberships = selector.as_ref().is_some_and(is_of_projects) && !is_filtered;
        Ok(Self {
            against: against(layers, selector.as_ref(), is_filtered)?,
            wanted: Arc::new(Wanted { criteria: all, ids, addresses }),
            selector,
            organizations: layers.many_of_list("organization", Filter::parse)?,
            counts_memberships,
            format: layers.of_list("output", Format::parse)?.unwrap_or(Format::Table),
            columns: columns(layers)?,
            order,
            limit: layers.of_list("limit", limit)?,
        })
    }

    /// What is worth a word before anything is done.
    pub(super) fn notes(&self) -> Vec<String> {
        let ignored = self.selector.as_ref().map(Selector::ignored).unwrap_or_default();
        match ignored {
            [] => Vec::new(),
            ignored => {
                let names: Vec<String> = ignored.iter().map(|name| format!("{name:?}")).collect();
                vec![format!("ignored, as it says nothing of users: {}", names.join(", "))]
            }
        }
    }

    /// Keeps the organizations of `config` that are meant. Where there is one, and it has no name, it gets the one that is
    /// asked for. Gives what is worth a word.
    pub(super) fn choose_organizations(
        &self,
        config: &mut Config,
        layers: &Layers,
    ) -> Result<Vec<String>, ConfigError> {
        let mut notes = Vec::new();
        let asked = |negated: bool| {
            self.organizations
                .iter()
                .filter(move |filter| filter.negated == negated)
                .map(|f| f.value.as_str())
        };
        let selected = self.selector.iter().flat_map(Selector::organization);
        let selected = selected.filter_map(|test| match &test.pattern {
            Pattern::Is(name) if !test.negated => Some(name.as_str()),
            _ => None,
        });
        let selected: Vec<&str> = selected.collect();
        if !layers.lists_organizations() {
            let one = &mut config.organizations[0];
            match (asked(false).next(), selected.first()) {
                (Some(name), _) => one.name = name.to_owned(),
                (None, Some(name)) if !layers.is_set("organization") => {
                    one.name = (*name).to_owned();
                    notes.push(format!("the one admin key is taken for that of organization {name:?}"));
                }
                (None, _) => {}
            }
        }
        let known: Vec<String> = config.organizations.iter().map(|one| one.name.clone()).collect();
        let flag = if self.organizations.is_empty() { "selector" } else { "organization" };
        let named = asked(false).chain(asked(true)).chain(selected);
        if let Some(unknown) = named.into_iter().find(|name| !known.iter().any(|known| known == name)) {
            let message =
                format!("organization {unknown:?} is not configured; configured: {}", known.join(", "));
            return Err(layers.error_of_list(flag, message));
        }
        config.organizations.retain(|one| {
            let name = one.name.as_str();
            (asked(false).next().is_none() || asked(false).any(|asked| asked == name))
                && !asked(true).any(|asked| asked == name)
                && self.selector.as_ref().is_none_or(|selector| selector.means_organization(name))
        });
        match config.organizations.is_empty() {
            true => {
                let message = format!("no organization is left; configured: {}", known.join(", "));
                Err(layers.error_of_list(flag, message))
            }
            false => Ok(notes),
        }
    }
}

fn against(
    layers: &Layers,
    selector: Option<&Selector>,
    is_filtered: bool,
) -> Result<Option<Against>, ConfigError> {
    let Some(exporter) = layers.of_list("compare-with", Exporter::parse)? else { return Ok(None) };
    let roots = layers.of_list("compare-with.ca-file", |path| {
        fs::read(path).map_err(|error| format!("cannot read {path:?}: {error}"))
    })?;
    if is_filtered {
        let message = "with filters the list is that of no series; give the series alone";
        return Err(layers.error_of_list("compare-with", message));
    }
    let everybody = Selector::parse("{}").ok();
    let series = selector.or(everybody.as_ref()).and_then(as_series);
    match series {
        Some(selector) => Ok(Some(Against { exporter, roots, selector })),
        None => {
            let message = "no family has all these labels, so that there is no series to compare with";
            Err(layers.error_of_list("compare-with", message))
        }
    }
}

/// Whether memberships in projects are what the series of `selector` count.
fn is_of_projects(selector: &Selector) -> bool {
    as_series(selector).and_then(|series| series.family()).is_some_and(|family| family.has(Label::ProjectId))
}

/// The columns, each once: twice the same field would be in one object of JSON.
fn columns(layers: &Layers) -> Result<Vec<Column>, ConfigError> {
    let columns = layers.many_of_list("columns", Column::parse)?;
    match columns.iter().enumerate().find(|(place, column)| columns[..*place].contains(column)) {
        Some((_, column)) => {
            let message = format!("{:?} is there twice; give each column once", column.label());
            Err(layers.error_of_list("columns", message))
        }
        None => Ok(columns),
    }
}

fn limit(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is no number from 1 on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, User};

    #[test]
    fn a_column_is_there_once() {
        let read = |flag: &str| {
            let flags = [("columns".to_owned(), vec![flag.to_owned()])];
            columns(&Layers::read(User::Users, flags.into(), Environment::new()).unwrap())
        };
        assert_eq!(read("id,role").unwrap(), [Column::Id, Column::Role]);
        assert_eq!(
            read("id,role,id").unwrap_err().to_string(),
            "flag --columns: \"id\" is there twice; give each column once"
        );
    }
}
