//! The applications that nDPI's reader printed, compared flow by flow with ours.
//!
//! `applications.golden` says for each capture how many of nDPI's flows carry the same application here, and lists the
//! others by cause. `SPANWATCH_BLESS=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use dissect::l7::Signatures;
use model::{App, Confidence, FlowRecord};

use crate::causes::CAUSES;
use crate::corpus;
use crate::mapping;
use crate::ndpi::{self, End};

/// How one of nDPI's flows fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The same application.
    Same,
    /// nDPI names the carrier alone; the host's name, or what HTTP was switched to or a proxy carries, says more here.
    Finer,
    /// The carrier alone, of which nDPI says what it carries.
    Coarser,
    /// nDPI does not know the flow, we do.
    More,
    /// Another one.
    Differs,
    /// Not known here.
    Unknown,
    /// The flow is not among ours: the test of flows says why.
    NoFlow,
}

/// A flow's line in the golden file.
fn line(key: &ndpi::Key, theirs: &str, record: Option<&FlowRecord>) -> String {
    let (protocol, a, b) = key;
    let mut line = format!("{protocol} {}:{} {}:{} {theirs}", a.0, a.1, b.0, b.1);
    if let Some(record) = record {
        let l7 = record.l7.as_deref();
        let confidence = l7.map_or("port", |l7| match l7.confidence {
            Confidence::Port => "port",
            Confidence::Dns => "dns",
            Confidence::Pattern => "pattern",
            Confidence::Parsed => "parsed",
        });
        let _ = write!(line, " | {} {confidence}", record.app);
        if let Some(host) = l7.and_then(|l7| l7.host.as_deref()) {
            let _ = write!(line, " {host}");
        }
    }
    line
}

fn judge(theirs: &str, record: &FlowRecord) -> Outcome {
    let names = mapping::ours(theirs);
    let app = record.app;
    if app == App::UNKNOWN {
        return if theirs == "Unknown" {
            Outcome::Same
        } else {
            Outcome::Unknown
        };
    }
    if theirs == "Unknown" {
        return Outcome::More;
    }
    if names.iter().any(|name| App::by_name(name) == Some(app)) {
        return Outcome::Same;
    }
    let host = record.l7.as_ref().and_then(|l7| l7.host.as_deref());
    let by_host = host.and_then(|host| Signatures::builtin().by_host(host));
    let is_carrier = matches!(theirs, "TLS" | "HTTP" | "QUIC" | "DTLS");
    let is_proxy = matches!(theirs, "SOCKS" | "HTTP_Connect");
    let name = app.name().unwrap_or_default();
    match () {
        () if is_proxy => Outcome::Finer,
        () if is_carrier && (by_host == Some(app) || name == "websocket") => Outcome::Finer,
        () if mapping::is_carrier(theirs, name) => Outcome::Coarser,
        () => Outcome::Differs,
    }
}

/// Of our flows with nDPI's ends, the one with as many packets, else any that is left.
fn partner(ours: &mut BTreeMap<ndpi::Key, Vec<FlowRecord>>, key: &ndpi::Key, packets: u64) -> Option<FlowRecord> {
    let left = ours.get_mut(key)?;
    let at = left.iter().position(|r| r.packets + r.packets_rev == packets);
    let at = at.or_else(|| (!left.is_empty()).then_some(0))?;
    Some(left.remove(at))
}

#[test]
fn applications_are_those_of_ndpi() {
    let Some(folder) = corpus::folder("ndpi") else { return };
    let mut golden = String::new();
    let mut sums: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unused: BTreeSet<(&str, &str)> = CAUSES.iter().map(|(of, app, _)| (*of, *app)).collect();
    let mut without = Vec::new();
    for path in corpus::files(&folder.join("pcap")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = std::fs::read(folder.join("expected").join(format!("{name}.out"))) else {
            continue;
        };
        let mut ours: BTreeMap<ndpi::Key, Vec<FlowRecord>> = BTreeMap::new();
        for record in corpus::meter(&path).records {
            let src: End = (record.src_ip.to_string(), record.src_port);
            let dst: End = (record.dst_ip.to_string(), record.dst_port);
            ours.entry(ndpi::key(record.protocol, src, dst))
                .or_default()
                .push(record);
        }
        let (mut same, mut all, mut lines) = (0, 0, Vec::new());
        for line_of in String::from_utf8_lossy(&text).lines() {
            let Some(flow) = ndpi::read(line_of) else { continue };
            let Some(theirs) = application(line_of) else { continue };
            let record = partner(&mut ours, &flow.key, flow.packets);
            let outcome = record.as_ref().map_or(Outcome::NoFlow, |record| judge(theirs, record));
            *sums.entry(outcome).or_default() += 1;
            all += 1;
            match outcome {
                Outcome::Same | Outcome::Finer | Outcome::NoFlow => {}
                _ => {
                    let cause = CAUSES.iter().find(|(of, app, _)| *of == name && *app == theirs);
                    let Some((of, app, cause)) = cause else {
                        without.push(format!("{name} {theirs}"));
                        continue;
                    };
                    unused.remove(&(*of, *app));
                    *causes.entry(*cause).or_default() += 1;
                }
            }
            match outcome {
                Outcome::Same => same += 1,
                _ => lines.push(format!("  {outcome:?} {}", line(&flow.key, theirs, record.as_ref()))),
            }
        }
        lines.sort();
        let _ = writeln!(golden, "{name} {same}/{all}");
        for line in lines {
            let _ = writeln!(golden, "{line}");
        }
    }
    let of = |outcome| sums.get(&outcome).copied().unwrap_or_default();
    let all: usize = sums.values().sum();
    let agree = of(Outcome::Same) + of(Outcome::Finer);
    eprintln!("{agree} of {all} flows agree: {sums:?}");
    for (cause, count) in &causes {
        eprintln!("{count:4} {cause}");
    }
    assert!(all > 2_000, "only {all} flows were compared");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/applications.golden");
    if std::env::var_os("SPANWATCH_BLESS").is_some() {
        std::fs::write(file, &golden).unwrap();
    }
    assert!(
        without.is_empty() && unused.is_empty(),
        "without a cause: {without:#?}\ncauses of nothing: {unused:#?}"
    );
    assert!(
        agree * 10 >= all * 9,
        "{agree} of {all} flows carry the same application"
    );
    let expected = std::fs::read_to_string(file).unwrap();
    let differing: Vec<_> = golden
        .lines()
        .zip(expected.lines())
        .filter(|(new, old)| new != old)
        .take(5)
        .collect();
    assert!(
        golden == expected,
        "SPANWATCH_BLESS=1 renews {file}; first differences (new, old): {differing:#?}"
    );
}

/// What stands behind the number in `[proto: 91.26/TLS.ntop]`.
fn application(line: &str) -> Option<&str> {
    let said = line.split("[proto: ").nth(1)?.split(']').next()?;
    // A tunnel's name stands before the inner flow's.
    let (_, name) = said.split_once('/')?;
    Some(name)
}
