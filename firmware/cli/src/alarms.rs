//! Alarms: what is open, what was, and that somebody has seen it.

use api::alarms::{AcknowledgeAlarm, AlarmsQuery};
use api::hardware::AcknowledgeRequest;
use model::Timestamp;

use crate::commands::Action;
use crate::grammar::Parsed;
use crate::session::{Format, Session, limit, option, user};
use crate::show::Show;
use crate::when;

/// Alarms that are over and shown where no number is given.
const LIMIT: u32 = 100;

impl Session {
    /// Shows alarms, or acknowledges one.
    pub(crate) fn about_alarms(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        if parsed.action == Action::AcknowledgeAlarm {
            let name = parsed.values.first().cloned().unwrap_or_default();
            // a name always has a point in it
            match name.parse() {
                Ok(id) => self.ask(AcknowledgeAlarm { id, user: user() })?,
                Err(_) => self.ask(AcknowledgeRequest { id: name, user: user() })?,
            }
            return self.print(format, (), |()| self.done());
        }
        let query = alarms_query(parsed, crate::offline::now());
        let show = Show(self.language);
        self.print(format, self.ask(query.clone())?, |alarms| show.alarms(&query, alarms))
    }
}

fn alarms_query(parsed: &Parsed, now: Timestamp) -> AlarmsQuery {
    let which = parsed.values.first().map(String::as_str);
    let last = option(parsed, "last").and_then(when::length_s);
    AlarmsQuery {
        open: which != Some("history"),
        history: which.is_some(),
        from: last.map(|last| Timestamp::from_secs(now.as_secs().saturating_sub(last))),
        limit: limit(parsed, LIMIT),
        ..AlarmsQuery::default()
    }
}

#[cfg(test)]
mod tests {
    use settings::Language;

    use super::*;
    use crate::grammar::{Grammar, split};

    #[test]
    fn words_become_a_query() {
        let read = |line: &str| {
            let words = split(line, Language::English).unwrap();
            let parsed = Grammar::new(Language::English, true).parse(&words).unwrap();
            assert_eq!(parsed.action, Action::ShowAlarms);
            alarms_query(&parsed, Timestamp::from_secs(1_000_000))
        };
        let open = AlarmsQuery {
            open: true,
            limit: 100,
            ..AlarmsQuery::default()
        };
        assert_eq!(read("show alarms"), open);
        let week = AlarmsQuery {
            open: false,
            history: true,
            from: Some(Timestamp::from_secs(395_200)),
            limit: 5,
            ..open.clone()
        };
        assert_eq!(read("show alarms history last 7d limit 5"), week);
        let all = AlarmsQuery { history: true, ..open };
        assert_eq!(read("show alarms all"), all);
    }
}
