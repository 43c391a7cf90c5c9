//! What TLS carries, by the protocols that it agreed on or that the client offered (RFC 7301).

use model::App;

/// Protocols of IANA's registry of ALPN identifiers, each with its application.
const PROTOCOLS: &[(&str, App)] = &[
    ("h2", App::named("https")),
    ("http/1.1", App::named("https")),
    ("http/1.0", App::named("https")),
    ("acme-tls/1", App::named("https")),
    ("dot", App::named("dns-over-tls")),
    ("ftp", App::named("ftp")),
    ("imap", App::named("imap")),
    ("irc", App::named("irc")),
    ("mqtt", App::named("mqtt")),
    ("nnsp", App::named("nntp")),
    ("nntp", App::named("nntp")),
    ("ntske/1", App::named("ntp")),
    ("pop3", App::named("pop3")),
    ("postgresql", App::named("postgresql")),
    ("radius/1.0", App::named("radius")),
    ("radius/1.1", App::named("radius")),
    ("sip/2", App::named("sip")),
    ("smb", App::named("smb")),
    ("stun.nat-discovery", App::named("stun")),
    ("stun.turn", App::named("stun")),
    ("tds/8.0", App::named("mssql")),
    ("xmpp-client", App::named("xmpp")),
    ("xmpp-server", App::named("xmpp")),
];

/// The application of protocols separated by commas; `None` where one is not known, or they are of several.
pub(super) fn app(protocols: &str) -> Option<App> {
    let mut apps = protocols.split(',').map(|protocol| {
        let known = PROTOCOLS.iter().find(|(name, _)| *name == protocol);
        known.map(|(_, app)| *app)
    });
    let first = apps.next().flatten()?;
    apps.all(|app| app == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_of_one_application_tell_it() {
        let name = |protocols| app(protocols).and_then(App::name);
        assert_eq!(name("h2,http/1.1"), Some("https"));
        assert_eq!(name("xmpp-client"), Some("xmpp"));
        assert_eq!(name("h2,xmpp-client"), None);
        assert_eq!(name("h2,something"), None);
        assert_eq!(name(""), None);
    }
}
