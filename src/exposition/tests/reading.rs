//! Readers of the formats that share nothing with what writes them, strict where the writers are.

use std::collections::BTreeMap;

/// What an exposition says, whichever format it is in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// Name, labels and value of every sample, sorted; bounds are read as numbers, values are bits.
    pub(super) samples: Vec<(String, BTreeMap<String, String>, u64)>,
    /// Type and help by the name that the text format has.
    pub(super) families: BTreeMap<String, (String, String)>,
    /// Units by the same name.
    pub(super) units: BTreeMap<String, String>,
    /// Births in Unix milliseconds, by that name and the labels.
    pub(super) births: BTreeMap<(String, BTreeMap<String, String>), u64>,
}

impl Reading {
    fn sample(&mut self, name: String, mut labels: BTreeMap<String, String>, value: f64) {
        for bound in ["le", "quantile"] {
            if let Some(bound) = labels.get_mut(bound) {
                *bound = format!("{:?}", bound.parse::<f64>().unwrap());
            }
        }
        // All numbers that are none are alike, and so are both zeros.
        let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
        self.samples.push((name, labels, value.to_bits()));
    }

    fn sorted(mut self) -> Self {
        self.samples.sort();
        self
    }
}

/// Reads the text format 0.0.4.
pub(super) fn text(page: &[u8]) -> Reading {
    let mut reading = Reading::default();
    for line in std::str::from_utf8(page).unwrap().split_terminator('\n') {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            reading.families.entry(name.to_owned()).or_default().1 = unescaped(help);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            reading.families.entry(name.to_owned()).or_default().0 = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line);
            reading.sample(name, labels, value.parse().unwrap());
        }
    }
    reading.sorted()
}

/// Reads OpenMetrics' text format.
pub(super) fn open_metrics(page: &[u8]) -> Reading {
    let page = std::str::from_utf8(page).unwrap().strip_suffix("# EOF\n").expect("it ends with its mark");
    let mut reading = Reading::default();
    let (mut name, mut kind) = (String::new(), String::new());
    let mut help = String::new();
    for line in page.split_terminator('\n') {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = unescaped(text.split_once(' ').unwrap().1);
        } else if let Some(text) = line.strip_prefix("# TYPE ") {
            let (base, of) = text.split_once(' ').unwrap();
            kind = of.to_owned();
            name = if kind == "counter" { format!("{base}_total") } else { base.to_owned() };
            reading.families.insert(name.clone(), (kind.clone(), std::mem::take(&mut help)));
        } else if let Some(text) = line.strip_prefix("# UNIT ") {
            let (base, unit) = text.split_once(' ').unwrap();
            assert_eq!(name.strip_suffix("_total").filter(|_| kind == "counter").unwrap_or(&name), base);
            assert!(base.ends_with(&format!("_{unit}")), "{line}");
            reading.units.insert(name.clone(), unit.to_owned());
        } else {
            let (of, labels, value) = sample(line);
            let base = name.strip_suffix("_total").filter(|_| kind == "counter").unwrap_or(&name);
            match of.strip_suffix("_created") {
                Some(of) if of == base && matches!(&*kind, "counter" | "histogram" | "summary") => {
                    let (seconds, milliseconds) = value.split_once('.').unwrap();
                    assert_eq!(milliseconds.len(), 3);
                    let birth = format!("{seconds}{milliseconds}").parse().unwrap();
                    reading.births.insert((name.clone(), labels), birth);
                }
                _ => {
                    let value = match value {
                        "+Inf" => f64::INFINITY,
                        "-Inf" => f64::NEG_INFINITY,
                        "NaN" => f64::NAN,
                        number => {
                            assert!(!number.contains(char::is_alphabetic), "{line}");
                            number.parse().unwrap()
                        }
                    };
                    reading.sample(of, labels, value);
                }
            }
        }
    }
    reading.sorted()
}

/// The name, the labels and the value as it is written.
fn sample(line: &str) -> (String, BTreeMap<String, String>, &str) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            let mut escaped = false;
            let end = after
                .find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                })
                .unwrap();
            let before = labels.insert(label.to_owned(), unescaped(&after[..end]));
            assert!(before.is_none(), "twice in {line}");
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break rest = rest.strip_prefix('}').unwrap(),
            }
        }
    }
    (name.to_owned(), labels, rest.strip_prefix(' ').unwrap())
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut characters) = (String::new(), text.chars());
    while let Some(c) = characters.next() {
        plain.push(match c {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                c => panic!("{c:?} is escaped in {text:?}"),
            },
            c => c,
        });
    }
    plain
}

/// The fields of a protobuf message, by number.
struct Fields<'p>(Vec<(u64, Value<'p>)>);

#[derive(Clone, Copy)]
enum Value<'p> {
    Varint(u64),
    Double(f64),
    Bytes(&'p [u8]),
}

/// Reads the delimited protobuf format.
pub(super) fn protobuf(mut page: &[u8]) -> Reading {
    let mut reading = Reading::default();
    while !page.is_empty() {
        let family = Fields::of(delimited(&mut page));
        let name = family.text(1);
        let kind = ["counter", "gauge", "summary", "untyped", "histogram"]
            [usize::try_from(family.varint(3)).unwrap()];
        reading.families.insert(name.clone(), (kind.to_owned(), family.text(2)));
        if family.bytes(5).next().is_some() {
            reading.units.insert(name.clone(), family.text(5));
        }
        for metric in family.bytes(4).map(Fields::of) {
            let pair = |pair| (Fields::of(pair).text(1), Fields::of(pair).text(2));
            let labels: BTreeMap<String, String> = metric.bytes(1).map(pair).collect();
            let inner = |field| Fields::of(metric.bytes(field).next().unwrap());
            let created = match kind {
                "counter" => {
                    reading.sample(name.clone(), labels.clone(), inner(3).double(1));
                    inner(3).bytes(3).next().map(Fields::of)
                }
                "gauge" => {
                    reading.sample(name.clone(), labels.clone(), inner(2).double(1));
                    None
                }
                "histogram" => {
                    histogram(&mut reading, &name, &labels, &inner(7));
                    inner(7).bytes(15).next().map(Fields::of)
                }
                _ => unreachable!("there is no {kind}"),
            };
            if let Some(created) = created {
                let birth = created.varint(1) * 1_000 + created.varint(2) / 1_000_000;
                reading.births.insert((name.clone(), labels), birth);
            }
        }
    }
    reading.sorted()
}

#[expect(clippy::cast_precision_loss, reason = "tests count less")]
fn histogram(reading: &mut Reading, name: &str, labels: &BTreeMap<String, String>, histogram: &Fields<'_>) {
    let mut bucket = |bound: f64, count: u64| {
        let labels = labels.clone().into_iter().chain([("le".to_owned(), bound.to_string())]).collect();
        reading.sample(format!("{name}_bucket"), labels, count as f64);
    };
    for fields in histogram.bytes(3).map(Fields::of) {
        bucket(fields.double(2), fields.varint(1));
    }
    bucket(f64::INFINITY, histogram.varint(1));
    reading.sample(format!("{name}_count"), labels.clone(), histogram.varint(1) as f64);
    reading.sample(format!("{name}_sum"), labels.clone(), histogram.double(2));
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn delimited<'p>(bytes: &mut &'p [u8]) -> &'p [u8] {
    let length = usize::try_from(varint(bytes)).unwrap();
    let (message, rest) = bytes.split_at(length);
    *bytes = rest;
    message
}

impl<'p> Fields<'p> {
    fn of(mut bytes: &'p [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let value = match tag & 7 {
                0 => Value::Varint(varint(&mut bytes)),
                1 => {
                    let (eight, rest) = bytes.split_first_chunk().unwrap();
                    bytes = rest;
                    Value::Double(f64::from_le_bytes(*eight))
                }
                2 => Value::Bytes(delimited(&mut bytes)),
                other => panic!("no field is of kind {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = Value<'p>> {
        self.0.iter().filter(move |(of, _)| *of == number).map(|(_, value)| *value)
    }

    fn bytes(&self, number: u64) -> impl Iterator<Item = &'p [u8]> {
        self.all(number).map(move |value| match value {
            Value::Bytes(bytes) => bytes,
            _ => panic!("field {number} is of another kind"),
        })
    }

    fn text(&self, number: u64) -> String {
        String::from_utf8(self.bytes(number).next().unwrap().to_vec()).unwrap()
    }

    fn varint(&self, number: u64) -> u64 {
        match self.all(number).next() {
            Some(Value::Varint(value)) => value,
            _ => panic!("there is no number in field {number}"),
        }
    }

    fn double(&self, number: u64) -> f64 {
        match self.all(number).next() {
            Some(Value::Double(value)) => value,
            _ => panic!("there is no double in field {number}"),
        }
    }
}
