//! Why a flow's application is not the one that nDPI printed: by capture and nDPI's name. An entry without such a flow, and
//! such a flow without an entry, fail the test.

/// The octets say next to nothing; nDPI claims them all the same.
const PLAIN: &str = "the octets are too plain to claim: probes without an answer, data of a session that began before";
/// nDPI goes by networks' addresses, or by what it remembers of other flows.
const ADDRESS: &str = "nDPI knows the address or remembers it from another flow; the octets are the carrier's alone";
/// A fingerprint.
const FINGERPRINT: &str = "no name is said, or a made-up one; nDPI has a fingerprint of the handshake";
/// The name says somebody else.
const OTHER_NAME: &str = "the host's name is not the application's; nDPI looks at other fields";
/// What HTTP carries.
const CARRIED: &str = "HTTP is named, and not the format that it carries";
/// STUN, then DTLS and media.
const STUN_FIRST: &str = "STUN opens the flow and decides; DTLS or media follow";
/// nDPI is wrong.
const OURS_IS_RIGHT: &str = "ours is right, as the octets show";
/// nDPI does not know it; the octets show that ours is right.
const KNOWN_HERE: &str = "nDPI does not know the flow; its octets or its IP protocol show that ours is right";
/// Rules for a test of nDPI.
const RULES: &str = "rules of nDPI's own test name the address";

/// Causes by capture and nDPI's name.
pub(crate) const CAUSES: &[(&str, &str, &str)] = &[
    ("android.pcap", "Google", ADDRESS),
    ("coap_mqtt.pcap", "Dropbox", OURS_IS_RIGHT),
    ("coap_mqtt.pcap", "MQTT", PLAIN),
    ("codm.pcap", "CoD_Mobile", PLAIN),
    ("custom_rules_same-ip_multiple_ports.pcapng", "CustomProtocolB", RULES),
    ("custom_rules_same-ip_multiple_ports.pcapng", "CustomProtocolC", RULES),
    ("dropbox.pcap", "Dropbox", OURS_IS_RIGHT),
    ("fuzz-2020-02-16-11740.pcap", "Unknown", KNOWN_HERE),
    ("mongodb.pcap", "MongoDB", PLAIN),
    ("mpeg-dash.pcap", "HTTP.MpegDash", CARRIED),
    ("ookla.pcap", "HTTP.Ookla", OTHER_NAME),
    ("ookla.pcap", "Ookla", PLAIN),
    ("ookla.pcap", "TLS.Ookla", ADDRESS),
    ("ossfuzz_seed_fake_traces_2.pcapng", "TruPhone", OURS_IS_RIGHT),
    ("ossfuzz_seed_fake_traces_3.pcapng", "MapleStory", OTHER_NAME),
    ("pluralsight.pcap", "TLS.Pluralsight", OTHER_NAME),
    ("protobuf.pcap", "Protobuf", PLAIN),
    ("psiphon3.pcap", "TLS.Psiphon", FINGERPRINT),
    ("raknet.pcap", "RakNet", PLAIN),
    ("sip.pcap", "Unknown", KNOWN_HERE),
    ("smtp-starttls.pcap", "SMTPS.Google", OTHER_NAME),
    ("snapchat_call.pcapng", "QUIC.SnapchatCall", FINGERPRINT),
    ("soap.pcap", "SOAP", CARRIED),
    ("softether.pcap", "Softether", PLAIN),
    ("starcraft_battle.pcap", "Google", ADDRESS),
    ("starcraft_battle.pcap", "Starcraft", PLAIN),
    ("stun.pcap", "DTLS", STUN_FIRST),
    ("stun.pcap", "DTLS.GoogleCall", STUN_FIRST),
    ("stun.pcap", "STUN.FacebookVoip", ADDRESS),
    ("stun.pcap", "STUN.GoogleCall", ADDRESS),
    ("stun.pcap", "STUN.Skype_TeamsCall", ADDRESS),
    ("stun_classic.pcap", "STUN.RTP", STUN_FIRST),
    ("stun_dtls_rtp.pcapng", "DTLS.GoogleCall", STUN_FIRST),
    ("stun_dtls_rtp.pcapng", "STUN.GoogleCall", ADDRESS),
    ("stun_zoom.pcapng", "DTLS", STUN_FIRST),
    ("telegram_videocall.pcapng", "AmazonAWS", ADDRESS),
    ("telegram_videocall.pcapng", "STUN.TelegramVoip", ADDRESS),
    ("telegram_videocall.pcapng", "Telegram", ADDRESS),
    (
        "tls_client_certificate_with_missing_server_one.pcapng",
        "TLS.AnyDesk",
        FINGERPRINT,
    ),
    ("tor.pcap", "TLS.Tor", FINGERPRINT),
    ("ultrasurf.pcap", "UltraSurf", PLAIN),
    ("viber.pcap", "STUN.ViberVoip", ADDRESS),
    ("whatsapp_login_call.pcap", "ApplePush", ADDRESS),
    ("whatsapp_login_call.pcap", "SRTP.WhatsAppCall", ADDRESS),
    ("whatsapp_login_call.pcap", "STUN.WhatsAppCall", ADDRESS),
];
