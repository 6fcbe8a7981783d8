//! The series of an exposition in the text format.

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its labels, in the order of the line.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Series {
    /// The samples in `text`. Lines that are none are left out.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.lines().filter(|line| !line.starts_with('#')).filter_map(Self::parse).collect()
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn parse(line: &str) -> Option<Self> {
        let end = line.find(['{', ' ', '\t'])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside.trim_start();
            while !rest.starts_with('}') {
                let (label, behind) = rest.split_once('=')?;
                let (value, behind) = quoted(behind.trim_start())?;
                labels.push((label.trim().to_owned(), value));
                rest = behind.trim_start().trim_start_matches(',').trim_start();
            }
            rest = &rest[1..];
        }
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }
}

/// The text in quotes that `text` begins with, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_and_the_rest_is_left_out() {
        let text = "# HELP a b{c=\"d\"} 1\nplain 3\na{} 1e3 1700000000\nb{x=\"1, } \\\"\\\\\\n\",y=\"2\",} 7\nbroken{x=\"1 2\n\nno 1x\n";
        let sample = |name: &str, labels: &[(&str, &str)], value| Series {
            name: name.to_owned(),
            labels: labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            value,
        };
        assert_eq!(
            Series::parse_all(text),
            [
                sample("plain", &[], 3.0),
                sample("a", &[], 1_000.0),
                sample("b", &[("x", "1, } \"\\\n"), ("y", "2")], 7.0)
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), line in r#"[a{}="\\, 1]{0,30}"#) {
            let _ = (Series::parse_all(&text), Series::parse_all(&line));
        }
    }
}
