//! Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>). Pure: samples go in, text comes out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The media type.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The most samples of a family: the box takes as many exporters.
const SAMPLES_MAX: usize = 10_000;
/// The most octets of the text.
const TEXT_MAX: usize = 16 << 20;
/// The longest value of a label, in characters.
const LABEL_MAX: usize = 200;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up, but when what counts starts anew.
    Counter,
}

impl Kind {
    /// As the format writes it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// A family of samples with `N` labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family<const N: usize> {
    /// Its name.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its labels' names.
    pub(super) labels: [&'static str; N],
    /// What it means, in a line without a backslash.
    pub(super) help: &'static str,
}

/// The text.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    left_out: usize,
}

impl Exposition {
    /// A family with its samples, each the labels' values in their order and the number; without any sample there is no
    /// family. Of samples with the same labels the first counts, since a second one would make the whole text unreadable.
    pub(super) fn family<const N: usize>(
        &mut self,
        family: &Family<N>,
        samples: impl IntoIterator<Item = ([String; N], f64)>,
    ) {
        let Family {
            name,
            kind,
            labels,
            help,
        } = family;
        let mut seen = BTreeSet::new();
        for (values, value) in samples {
            // not a number and infinities are no readings
            if !value.is_finite() {
                continue;
            }
            let labels = written(labels, &values);
            if seen.contains(&labels) {
                continue;
            }
            if seen.len() >= SAMPLES_MAX || self.text.len() >= TEXT_MAX {
                self.left_out += 1;
                continue;
            }
            // a String takes everything
            if seen.is_empty() {
                let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
            }
            let _ = writeln!(self.text, "{name}{labels} {value}");
            seen.insert(labels);
        }
    }

    /// A family of one sample without labels; a missing value is no sample.
    pub(super) fn one(&mut self, family: &Family<0>, value: Option<f64>) {
        self.family(family, value.map(|value| ([], value)));
    }

    /// Samples that were more than the text holds.
    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

fn written(names: &[&str], values: &[String]) -> String {
    let mut text = String::new();
    for (name, value) in names.iter().zip(values) {
        text.push_str(if text.is_empty() { "{" } else { "," });
        let _ = write!(text, "{name}=\"");
        for c in value.chars().take(LABEL_MAX) {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                // other control characters mean nothing to anybody
                c if c.is_control() => text.push(' '),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAT: Family<2> = Family {
        name: "a_celsius",
        kind: Kind::Gauge,
        labels: ["name", "id"],
        help: "Heat.",
    };
    const COUNT: Family<1> = Family {
        name: "b_total",
        kind: Kind::Counter,
        labels: ["x"],
        help: "Things.",
    };
    const BARE: Family<0> = Family {
        name: "c",
        kind: Kind::Gauge,
        labels: [],
        help: "C.",
    };

    fn labels<const N: usize>(values: [&str; N]) -> [String; N] {
        values.map(str::to_owned)
    }

    #[test]
    fn labels_are_escaped_and_bounded() {
        let mut out = Exposition::default();
        let long = "长".repeat(500);
        out.family(
            &HEAT,
            [
                (labels(["a\\b\"c\nd\u{1b}e", "温度"]), 1.5),
                (labels([&long, ""]), -0.25),
            ],
        );
        let text = out.finish();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "# HELP a_celsius Heat.",
                "# TYPE a_celsius gauge",
                "a_celsius{name=\"a\\\\b\\\"c\\nd e\",id=\"温度\"} 1.5",
            ]
        );
        assert_eq!(lines[3].chars().filter(|c| *c == '长').count(), LABEL_MAX);
        assert!(lines[3].ends_with(",id=\"\"} -0.25") && text.ends_with('\n'));
    }

    #[test]
    fn what_is_missing_is_absent() {
        let mut out = Exposition::default();
        out.one(&BARE, None);
        out.one(&BARE, Some(f64::NAN));
        out.family(&COUNT, [(labels(["1"]), f64::INFINITY), (labels(["2"]), 3.0)]);
        assert_eq!(
            out.finish(),
            "# HELP b_total Things.\n# TYPE b_total counter\nb_total{x=\"2\"} 3\n"
        );
    }

    #[test]
    fn no_sample_comes_twice_nor_too_many() {
        let mut out = Exposition::default();
        out.family(&COUNT, [(labels(["1"]), 1.0), (labels(["1"]), 2.0)]);
        assert_eq!(out.left_out(), 0);
        out.family(
            &HEAT,
            (0..SAMPLES_MAX + 10).map(|n| ([n.to_string(), String::new()], 0.0)),
        );
        assert_eq!(out.left_out(), 10);
        let text = out.finish();
        assert!(text.starts_with("# HELP b_total Things.\n# TYPE b_total counter\nb_total{x=\"1\"} 1\n# HELP a"));
        assert_eq!(
            text.lines().filter(|line| line.starts_with("a_celsius{")).count(),
            SAMPLES_MAX
        );
    }

    #[test]
    fn the_text_is_bounded() {
        let mut out = Exposition::default();
        let long = "长".repeat(LABEL_MAX);
        for _ in 0..4 {
            out.family(&HEAT, (0..SAMPLES_MAX).map(|n| ([long.clone(), n.to_string()], 0.0)));
        }
        assert!(out.left_out() > 0);
        assert!(out.finish().len() < TEXT_MAX + 4_096);
    }

    /// What the format's grammar says of a sample's line, apart from how it is written: labels' values and the number.
    fn read(line: &str) -> Option<(Vec<(String, String)>, f64)> {
        let (head, mut rest) = line.split_once('{')?;
        if !head.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let mut labels = Vec::new();
        loop {
            let (name, tail) = rest.split_once("=\"")?;
            let (mut value, mut tail) = (String::new(), tail.chars());
            loop {
                match tail.next()? {
                    '"' => break,
                    '\\' => value.push(match tail.next()? {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        _ => return None,
                    }),
                    c => value.push(c),
                }
            }
            labels.push((name.to_owned(), value));
            rest = tail.as_str();
            if let Some(next) = rest.strip_prefix(',') {
                rest = next;
                continue;
            }
            return Some((labels, rest.strip_prefix("} ")?.parse().ok()?));
        }
    }

    proptest! {
        /// Whatever a sensor or an exporter calls itself, each sample is one line that reads back as it was.
        #[test]
        fn hostile_names_stay_within_their_label(name in any::<String>(), id in "[\\\\\"\n\r{}=, #\u{85}\u{2028}a]{0,40}", value in any::<f64>()) {
            let mut out = Exposition::default();
            out.family(&HEAT, [([name.clone(), id.clone()], value)]);
            let text = out.finish();
            let lines: Vec<&str> = text.split('\n').collect();
            if !value.is_finite() {
                prop_assert_eq!(text, "");
                return Ok(());
            }
            prop_assert_eq!((lines.len(), lines[3]), (4, ""), "{}", text);
            let told = |text: &str| -> String {
                text.chars().take(LABEL_MAX).map(|c| if c != '\n' && c.is_control() { ' ' } else { c }).collect()
            };
            let expected = vec![("name".to_owned(), told(&name)), ("id".to_owned(), told(&id))];
            prop_assert_eq!(read(lines[2]), Some((expected, value)), "{}", text);
        }
    }
}
