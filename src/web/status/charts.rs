//! Pictures: inline SVG from plain templates.
//!
//! A bar and a line are few lines of SVG each. A chart crate would bring fonts, sizes in pixels and styles of its own;
//! these stretch with the page, take their colours from the style sheet in light and dark, and need no style attribute.
//! No picture says what does not stand beside it in text.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::figures::part;

/// A part of a bar: the class that colours it, and how many.
pub(super) type Part = (&'static str, u64);

/// A bar of parts, of which `whole` would fill all the width. What it says stands beside it: it is hidden from readers.
pub(super) fn bar(parts: &[Part], whole: u64) -> Markup {
    html! {
        svg class="bar" width="100%" height="8" aria-hidden="true" focusable="false" { (pieces(parts, whole)) }
    }
}

/// A bar that stands for itself, with a title and a description.
pub(super) fn labelled_bar(id: &str, title: &str, description: &str, parts: &[Part], whole: u64) -> Markup {
    html! {
        svg class="bar bar-tall" width="100%" height="16" role="img" focusable="false"
            aria-labelledby={ (id) "-title" } aria-describedby={ (id) "-desc" } {
            title id={ (id) "-title" } { (title) }
            desc id={ (id) "-desc" } { (description) }
            (pieces(parts, whole))
        }
    }
}

fn pieces(parts: &[Part], whole: u64) -> Markup {
    let percent = |users: u64| part(users, whole).unwrap_or_default().min(1.0) * 100.0;
    let mut end = 0.0;
    let pieces = parts.iter().filter(|(_, users)| *users > 0).map(|(class, users)| {
        let (start, width) = (end, percent(*users));
        end += width;
        (*class, start, width)
    });
    html! {
        rect class="track" width="100%" height="100%" {}
        @for (class, start, width) in pieces {
            rect class={ "part " (class) } x=(format!("{start:.3}%")) width=(format!("{width:.3}%")) height="100%" {}
        }
    }
}

/// A line over time.
pub(super) struct Line<'l> {
    /// What the ids in it begin with.
    pub(super) id: &'l str,
    /// What it shows.
    pub(super) title: &'l str,
    /// The same in a sentence with its numbers.
    pub(super) description: &'l str,
    /// Times and values, the oldest first. Where a value is not known the line has a gap.
    pub(super) points: &'l [(u64, Option<u64>)],
}

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 64.0;
/// Room for the stroke at top and bottom.
const MARGIN: f64 = 4.0;

/// The least part of the highest value that the height stands for.
const LEAST_SPAN: f64 = 0.02;

/// A line that stays where it is from one point to the next, as the numbers do.
pub(super) fn line(line: &Line<'_>) -> Markup {
    let drawn = Drawn::of(line.points);
    html! {
        svg class="line" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" width="100%" height="64"
            role="img" focusable="false"
            aria-labelledby={ (line.id) "-title" } aria-describedby={ (line.id) "-desc" } {
            title id={ (line.id) "-title" } { (line.title) }
            desc id={ (line.id) "-desc" } { (line.description) }
            path class="area" d=(drawn.area) {}
            path class="stroke" d=(drawn.stroke) {}
            @if let Some((x, y)) = drawn.last {
                path class="dot" d={ "M" (format!("{x:.1} {y:.1}")) "h0" } {}
            }
        }
    }
}

/// The paths of a line.
#[derive(Debug, Default, PartialEq)]
struct Drawn {
    stroke: String,
    area: String,
    last: Option<(f64, f64)>,
}

impl Drawn {
    #[expect(clippy::cast_precision_loss, reason = "a picture needs no 64 bits")]
    fn of(points: &[(u64, Option<u64>)]) -> Self {
        let mut drawn = Self::default();
        let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return drawn };
        let known = || points.iter().filter_map(|(_, value)| *value);
        let (Some(low), Some(high)) = (known().min(), known().max()) else { return drawn };
        let x = |time: u64| match last - first {
            0 => WIDTH,
            span => (time.saturating_sub(*first)) as f64 / span as f64 * WIDTH,
        };
        // One more or less of many must not look like a landslide.
        let span = ((high - low) as f64).max(high as f64 * LEAST_SPAN).max(4.0);
        let top = (high + low) as f64 / 2.0 + span / 2.0;
        let y = |value: u64| MARGIN + (top - value as f64) / span * (HEIGHT - 2.0 * MARGIN);
        for piece in points.split(|(_, value)| value.is_none()) {
            let [(start, first), rest @ ..] = piece else { continue };
            let (Some(first), mut end) = (first, x(*start)) else { continue };
            let mut path = format!("M{:.1} {:.1}", x(*start), y(*first));
            for (time, value) in rest {
                let Some(value) = value else { continue };
                end = x(*time);
                let _ = write!(path, "H{end:.1}V{:.1}", y(*value));
                drawn.last = Some((end, y(*value)));
            }
            if rest.is_empty() {
                drawn.last = Some((end, y(*first)));
            }
            let _ = write!(drawn.area, "{path}V{HEIGHT}H{:.1}Z", x(*start));
            drawn.stroke.push_str(&path);
        }
        drawn
    }
}

/// The shapes that tell states apart, whatever the colours.
pub(super) fn glyph(state: super::model::State) -> Markup {
    use super::model::State;
    let shape = match state {
        State::Fresh => {
            html! { circle cx="8" cy="8" r="7" {} path class="cut" d="M4.8 8.2l2.2 2.2 4.2-4.6" {} }
        }
        State::Failing => html! { path d="M8 1.2L15.4 14.4H.6Z" {} path class="cut" d="M8 6v4M8 12.2h0" {} },
        State::HeldBack => {
            html! { rect x="1" y="1" width="14" height="14" rx="3" {} path class="cut" d="M6 5v6M10 5v6" {} }
        }
        State::Stale | State::NoFigures => {
            html! { path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z" {} path class="cut" d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2" {} }
        }
        State::FirstWalk => html! { circle cx="8" cy="8" r="7" {} path class="cut" d="M8 4.2V8l2.6 1.8" {} },
    };
    html! {
        svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" { (shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_its_parts_side_by_side() {
        let drawn = bar(&[("people", 30), ("unknown", 0), ("service", 20)], 100).into_string();
        assert!(drawn.contains(r#"<rect class="part people" x="0.000%" width="30.000%""#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="part service" x="30.000%" width="20.000%""#));
        assert!(!drawn.contains("unknown"));
        assert!(!bar(&[("people", 0)], 0).into_string().contains("part"));
    }

    #[test]
    fn a_line_keeps_its_height_until_the_next_point() {
        let drawn = Drawn::of(&[(0, Some(10)), (50, Some(20)), (100, Some(15))]);
        assert_eq!(drawn.stroke, "M0.0 60.0H150.0V4.0H300.0V32.0");
        assert_eq!(drawn.area, "M0.0 60.0H150.0V4.0H300.0V32.0V64H0.0Z");
        assert_eq!(drawn.last, Some((300.0, 32.0)));
    }

    #[test]
    fn a_small_change_is_drawn_small() {
        assert_eq!(Drawn::of(&[(0, Some(9)), (1, Some(10))]).stroke, "M0.0 39.0H300.0V25.0");
        assert_eq!(Drawn::of(&[(0, Some(1_000)), (1, Some(999))]).stroke, "M0.0 30.6H300.0V33.4");
    }

    #[test]
    fn where_nothing_is_known_a_line_has_a_gap() {
        assert_eq!(Drawn::of(&[(0, Some(1)), (1, None), (2, Some(5))]).stroke, "M0.0 60.0M300.0 4.0");
        for nothing in [&[][..], &[(5, None)]] {
            assert_eq!(Drawn::of(nothing), Drawn::default());
        }
        assert_eq!(Drawn::of(&[(5, Some(7))]).stroke, "M300.0 32.0");
    }
}
