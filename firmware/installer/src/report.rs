//! The test report: JSON for programs, HTML for people, a signature for both.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use crate::identity::Identity;
use crate::selftest::{Part, overall};

/// What a report is made of.
pub(crate) struct Report<'a> {
    /// The box's serial number.
    pub(crate) serial_number: &'a str,
    /// The version that was installed.
    pub(crate) version: &'a str,
    /// When, in UTC (RFC 3339).
    pub(crate) time: &'a str,
    /// The machine's own tables.
    pub(crate) machine: BTreeMap<&'static str, String>,
    /// Its processors.
    pub(crate) processors: Value,
    /// The self-test.
    pub(crate) parts: &'a [Part],
    /// What was installed where.
    pub(crate) installation: Value,
}

impl Report<'_> {
    /// The report as JSON, version 1 (docs/factory.md).
    pub(crate) fn json(&self) -> Value {
        let parts = self.parts.iter().map(|part| {
            let result = json!({"verdict": part.verdict.word(), "summary": part.summary, "seen": part.seen});
            (part.name.to_owned(), result)
        });
        json!({
            "report": 1,
            "verdict": overall(self.parts).word(),
            "serial_number": self.serial_number,
            "version": self.version,
            "time": self.time,
            "machine": self.machine,
            "processors": self.processors,
            "tests": parts.collect::<serde_json::Map<_, _>>(),
            "installation": self.installation,
        })
    }

    /// The files of the report, each with its signature beside it when there is a key to sign with.
    pub(crate) fn files(&self, identity: Option<&Identity>) -> Result<Vec<(String, Vec<u8>)>> {
        let value = self.json();
        let name = format!("spanwatch-report-{}", self.serial_number);
        let mut files = vec![
            (format!("{name}.json"), format!("{value:#}\n").into_bytes()),
            (format!("{name}.html"), html(&value, identity.is_some()).into_bytes()),
        ];
        if let Some(identity) = identity {
            for index in 0..2 {
                let Some((file, octets)) = files.get(index) else {
                    continue;
                };
                let signature = (format!("{file}.sig"), identity.sign(octets)?);
                files.push(signature);
            }
            files.push((format!("{name}.csr"), identity.request.clone().into_bytes()));
        }
        Ok(files)
    }
}

/// A text without what HTML would take for its own.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn html(report: &Value, signed: bool) -> String {
    let text = |pointer: &str| {
        let value = report.pointer(pointer).cloned().unwrap_or_default();
        plain(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let mut rows = String::new();
    let tests = report.get("tests").and_then(Value::as_object).into_iter().flatten();
    for (name, test) in tests {
        let word = |key: &str| plain(test.get(key).and_then(Value::as_str).unwrap_or_default());
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td class=\"{1}\">{1}</td><td>{2}</td></tr>",
            plain(name),
            word("verdict"),
            word("summary")
        );
    }
    let details = plain(&format!("{report:#}"));
    let serial = text("/serial_number");
    let verify = match signed {
        true => format!(
            "<h2>验证签名 / Verify the signature</h2><pre>openssl req -in spanwatch-report-{serial}.csr -noout -pubkey -out device.pem\n\
             openssl dgst -sha256 -verify device.pem -signature spanwatch-report-{serial}.html.sig spanwatch-report-{serial}.html</pre>"
        ),
        false => "<p>未签名 / Not signed: nothing was installed.</p>".to_owned(),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><title>{serial}</title><style>\
         body{{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}table{{border-collapse:collapse;width:100%}}\
         td,th{{border:1px solid #ccc;padding:.3em .6em;text-align:left}}.passed{{color:#187a2f}}.failed{{color:#b00020;font-weight:bold}}\
         .warning{{color:#8a5a00}}pre{{background:#f4f4f4;padding:1em;overflow:auto}}</style></head><body>\
         <h1>网镜出厂检测报告 / Spanwatch factory report</h1>\
         <table><tr><th>序列号 / Serial number</th><td>{serial}</td></tr><tr><th>结论 / Verdict</th><td class=\"{verdict}\">{verdict}</td></tr>\
         <tr><th>版本 / Version</th><td>{version}</td></tr><tr><th>时间 / Time (UTC)</th><td>{time}</td></tr>\
         <tr><th>机型 / Machine</th><td>{vendor} {product}</td></tr></table>\
         <h2>检测 / Tests</h2><table><tr><th>项目 / Part</th><th>结论 / Verdict</th><th>摘要 / Summary</th></tr>\n{rows}</table>\
         {verify}<h2>明细 / Details</h2><pre>{details}</pre></body></html>\n",
        verdict = text("/verdict"),
        version = text("/version"),
        time = text("/time"),
        vendor = text("/machine/sys_vendor"),
        product = text("/machine/product_name"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::Verdict;

    fn report(parts: &[Part]) -> Report<'_> {
        Report {
            serial_number: "SW-1",
            version: "1.0.0",
            time: "2026-01-01T00:00:00Z",
            machine: BTreeMap::from([("sys_vendor", "A <b> & \"c\"".to_owned())]),
            processors: json!({}),
            parts,
            installation: json!({}),
        }
    }

    fn part(verdict: Verdict) -> Part {
        Part {
            name: "memory",
            verdict,
            summary: "<script>".to_owned(),
            seen: json!({"octets": 1}),
        }
    }

    #[test]
    fn the_worst_part_is_the_verdict() {
        let parts = [part(Verdict::Passed), part(Verdict::Failed), part(Verdict::Skipped)];
        assert_eq!(report(&parts).json()["verdict"], "failed");
        assert_eq!(report(&parts[..1]).json()["verdict"], "passed");
        assert_eq!(report(&[]).json()["verdict"], "skipped");
    }

    #[test]
    fn nothing_in_the_page_is_taken_for_markup() {
        let parts = [part(Verdict::Passed)];
        let page = html(&report(&parts).json(), true);
        assert!(!page.contains("<script>") && !page.contains("A <b>"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn every_file_has_its_signature() {
        let identity = Identity::new("SW-1").expect("an identity");
        let parts = [part(Verdict::Passed)];
        let files = report(&parts).files(Some(&identity)).expect("files");
        let mut names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let wanted = ["csr", "html", "html.sig", "json", "json.sig"].map(|end| format!("spanwatch-report-SW-1.{end}"));
        assert_eq!(names, wanted);
        assert_eq!(report(&parts).files(None).expect("files").len(), 2);
    }
}
