//! Capture ports side by side: now, or over a span.

use api::analyzer::{LinksQuery, SeriesQuery};
use api::collector::StatusQuery;
use api::ingest::LinkKind;
use model::{LinkCounters, Scope, Timestamp};

use crate::grammar::Parsed;
use crate::session::{Format, Session, option};
use crate::show::Show;
use crate::show::links::PortDetail;
use crate::when;

/// Points that a span is asked for in: each is summed up.
const POINTS: u64 = 1_000;
/// Seconds of a minute: longer spans are asked for in whole ones.
const MINUTE: u64 = 60;

impl Session {
    /// What each capture port carries in its newest second, or carried in the last so long.
    pub(crate) fn show_links_detail(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let links = self.ask(LinksQuery {})?.into_iter();
        let links = links.filter(|link| link.info.kind == LinkKind::Port && !link.removed);
        let collector = self.ask(StatusQuery {}).ok();
        let last = option(parsed, "last").and_then(when::length_s);
        let mut ports = Vec::new();
        for link in links {
            let status = collector
                .as_ref()
                .and_then(|c| c.ports.iter().find(|port| port.info.id == link.info.id).cloned());
            let (counters, seconds) = match last {
                None => (link.second.clone(), u64::from(link.seconds)),
                Some(last) => self.over(Scope::Link(link.info.id), last)?,
            };
            ports.push(PortDetail {
                link,
                counters,
                seconds,
                status,
            });
        }
        self.print(format, ports, |ports| Show(self.language).links_detail(ports))
    }

    /// The sum of the last seconds, and how many of them are known.
    fn over(&self, scope: Scope, last: u64) -> Result<(Option<LinkCounters>, u64), String> {
        let now = crate::offline::now().as_secs();
        let least = last.div_ceil(POINTS);
        let step = if least > 1 { least.next_multiple_of(MINUTE) } else { 1 };
        let series = self.ask(SeriesQuery {
            scope,
            from: Timestamp::from_secs(now.saturating_sub(last)),
            to: Some(Timestamp::from_secs(now)),
            step_s: u32::try_from(step).unwrap_or(u32::MAX),
        })?;
        let mut sum = LinkCounters::default();
        let mut seconds = 0;
        for point in &series.points {
            sum += &point.counters;
            seconds += u64::from(point.seconds);
        }
        Ok(((seconds > 0).then_some(sum), seconds))
    }
}
