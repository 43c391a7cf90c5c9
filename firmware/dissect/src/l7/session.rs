//! Sessions that say who or what.

use model::{App, DetailKey, L7, LogSource, Timestamp};

use super::flow::Env;
use super::log::{Ends, Line};

/// The line of a flow that a recogniser knew, where it says a user, or what client or server call themselves.
pub(super) fn line(app: Option<App>, l7: &L7, began: Timestamp, ends: Ends, env: &mut Env<'_, '_>) {
    let Some(app) = app.filter(|_| env.lines.wanted) else {
        return;
    };
    let said = |key| l7.details.get(key).unwrap_or_default();
    let (user, agent, server) = (said(DetailKey::User), said(DetailKey::Agent), said(DetailKey::Server));
    if user.is_empty() && agent.is_empty() && server.is_empty() {
        return;
    }
    let mut text = app.to_string();
    for (name, value) in [("user", user), ("agent", agent), ("server", server)] {
        if !value.is_empty() {
            text.push_str(&format!(" {name} {value}"));
        }
    }
    let line = Line {
        source: LogSource::Session,
        began,
        over: env.now,
        ends,
        host: l7.host.as_deref().unwrap_or_default(),
        app,
        code: "",
        failed: false,
        text: format_args!("{text}"),
    };
    env.lines.write(&line, |data| data.details(l7));
}
