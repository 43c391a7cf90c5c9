//! Against Net-SNMP's agent and its senders of notifications, run for real on the loopback.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod daemon;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use daemon::{Snmpd, missing, scratch};
use model::{LinkId, Severity};
use snmp::{
    Agent, AuthProtocol, Credentials, Engine, Failure, Patience, Poller, PollerOptions, PrivProtocol, Sample, Security,
    TrapReceiver, TrapSender, User,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const AUTH: &str = "authenticates";
const PRIV: &str = "keeps secrets";

fn user(auth: AuthProtocol, privacy: Option<PrivProtocol>) -> User {
    let auth_password = AUTH.to_owned();
    let security = match privacy {
        None => Security::Auth { auth, auth_password },
        Some(privacy) => Security::AuthPriv {
            auth,
            auth_password,
            privacy,
            priv_password: PRIV.to_owned(),
        },
    };
    let name = format!("{auth:?}{}", privacy.map_or(String::new(), |p| format!("{p:?}"))).to_lowercase();
    User {
        name,
        security,
        context: String::new(),
    }
}

/// Every pair of hash and cipher, and every hash alone.
fn users() -> Vec<User> {
    let privacy = || [None].into_iter().chain(PrivProtocol::ALL.map(Some));
    AuthProtocol::ALL
        .into_iter()
        .flat_map(|auth| privacy().map(move |p| user(auth, p)))
        .collect()
}

/// The names that Net-SNMP has for them.
fn auth_name(auth: AuthProtocol) -> &'static str {
    match auth {
        AuthProtocol::Md5 => "MD5",
        AuthProtocol::Sha1 => "SHA",
        AuthProtocol::Sha224 => "SHA-224",
        AuthProtocol::Sha256 => "SHA-256",
        AuthProtocol::Sha384 => "SHA-384",
        AuthProtocol::Sha512 => "SHA-512",
    }
}

fn priv_name(privacy: PrivProtocol) -> &'static str {
    match privacy {
        PrivProtocol::Des => "DES",
        PrivProtocol::Aes128 => "AES",
        PrivProtocol::Aes192 => "AES-192",
        PrivProtocol::Aes256 => "AES-256",
        PrivProtocol::Aes192Cisco => "AES-192-C",
        PrivProtocol::Aes256Cisco => "AES-256-C",
    }
}

fn configuration(users: &[User]) -> String {
    let mut text = "rocommunity public 127.0.0.1\nsysLocation rack 7\nsysName core-1\nsysServices 72\n".to_owned();
    text.push_str("createUser nobody\nrouser nobody noauth\n");
    for user in users {
        let (line, level) = match &user.security {
            Security::None => (String::new(), "noauth"),
            Security::Auth { auth, auth_password } => (format!("{} \"{auth_password}\"", auth_name(*auth)), "auth"),
            Security::AuthPriv {
                auth,
                auth_password,
                privacy,
                priv_password,
            } => (
                format!(
                    "{} \"{auth_password}\" {} \"{priv_password}\"",
                    auth_name(*auth),
                    priv_name(*privacy)
                ),
                "priv",
            ),
        };
        text.push_str(&format!(
            "createUser {} {line}\nrouser {} {level}\n",
            user.name, user.name
        ));
    }
    text
}

fn agent(number: u32, port: u16, credentials: Credentials) -> Agent {
    Agent {
        id: LinkId::of_exporter(number),
        address: LOOPBACK,
        port,
        credentials,
        interval: Duration::from_millis(500),
    }
}

fn community(name: &str) -> Credentials {
    Credentials::V2c {
        community: name.to_owned(),
    }
}

async fn poller(engine: Engine) -> (Poller, mpsc::Receiver<Sample>) {
    let (out, samples) = mpsc::channel(64);
    let options = PollerOptions {
        sockets: vec![SocketAddr::new(LOOPBACK, 0); 2],
        patience: Patience {
            timeout: Duration::from_secs(1),
            retries: 2,
        },
        interval_min: Duration::from_millis(100),
        ..PollerOptions::default()
    };
    (Poller::open(options, engine, out).await.unwrap(), samples)
}

#[tokio::test]
async fn an_agent_answers_every_version_hash_and_cipher() {
    if missing("snmpd") {
        return;
    }
    let folder = scratch();
    let snmpd = Snmpd::start(folder.path(), &configuration(&users()));
    let (poller, _samples) = poller(Engine::open(&folder.path().join("engine.json")).unwrap()).await;
    let mut all = vec![
        Credentials::V1 {
            community: "public".to_owned(),
        },
        community("public"),
    ];
    let nobody = User {
        name: "nobody".to_owned(),
        security: Security::None,
        context: String::new(),
    };
    all.push(Credentials::V3(nobody));
    all.extend(users().into_iter().map(Credentials::V3));
    assert_eq!(all.len(), 3 + 6 * 7);
    for credentials in all {
        let what = format!("{credentials:?}");
        let system = poller.probe(agent(1, snmpd.port, credentials)).await;
        let system = system.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        assert_eq!(
            (system.name.as_str(), system.location.as_str()),
            ("core-1", "rack 7"),
            "{what}"
        );
        assert!(
            system.object_id.starts_with("1.3.6.1.4.1.8072."),
            "{what}: {}",
            system.object_id
        );
        assert!(system.up_since.is_some());
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    if missing("snmpd") {
        return;
    }
    let folder = scratch();
    let known = user(AuthProtocol::Sha256, Some(PrivProtocol::Aes128));
    let hash_only = user(AuthProtocol::Sha1, None);
    let snmpd = Snmpd::start(folder.path(), &configuration(&[known.clone(), hash_only.clone()]));
    let (poller, _samples) = poller(Engine::open(&folder.path().join("engine.json")).unwrap()).await;
    let ask = |credentials| poller.probe(agent(1, snmpd.port, credentials));
    let with = |auth_password: &str, priv_password: &str| {
        let security = Security::AuthPriv {
            auth: AuthProtocol::Sha256,
            auth_password: auth_password.to_owned(),
            privacy: PrivProtocol::Aes128,
            priv_password: priv_password.to_owned(),
        };
        Credentials::V3(User {
            security,
            ..known.clone()
        })
    };
    assert_eq!(ask(community("secret")).await, Err(Failure::TimedOut));
    assert_eq!(ask(with("not the password", PRIV)).await, Err(Failure::WrongAuth));
    assert_eq!(ask(with(AUTH, "not the password")).await, Err(Failure::WrongPrivacy));
    let stranger = User {
        name: "stranger".to_owned(),
        ..known.clone()
    };
    assert_eq!(ask(Credentials::V3(stranger)).await, Err(Failure::UnknownUser));
    let asks_too_much = User {
        security: known.security.clone(),
        ..hash_only
    };
    let refused = ask(Credentials::V3(asks_too_much)).await;
    assert!(
        matches!(refused, Err(Failure::UnsupportedLevel | Failure::WrongAuth)),
        "{refused:?}"
    );
    let short = ask(with("short", PRIV)).await.unwrap_err();
    assert!(short.to_string().contains("at least 8 octets"), "{short}");
}

/// Sends octets over the loopback so that its interface counts them.
fn carry(octets: usize) {
    let to = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let from = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let datagram = [0u8; 10_000];
    for _ in 0..octets.div_ceil(datagram.len()) {
        from.send_to(&datagram, to.local_addr().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn interfaces_gauges_and_facts_are_gathered() {
    if missing("snmpd") {
        return;
    }
    let folder = scratch();
    let snmpd = Snmpd::start(folder.path(), &configuration(&users()));
    let (mut poller, mut samples) = poller(Engine::open(&folder.path().join("engine.json")).unwrap()).await;
    let secret = Credentials::V3(user(AuthProtocol::Sha512, Some(PrivProtocol::Aes256)));
    assert_eq!(poller.set_agents(vec![agent(7, snmpd.port, secret)]), 0);
    let (mut octets, mut packets, mut gauges, mut facts) = (0, 0, 0, model::DeviceFacts::default());
    // The agent's own cache makes counters lag; what was carried must appear in the end, once.
    let carried = 3_000_000;
    let mut sent = false;
    let gathering = async {
        while octets < carried || gauges == 0 || facts.interfaces.is_none() || facts.system.is_none() {
            match samples.recv().await.unwrap() {
                Sample::Interfaces(minutes) => {
                    if !sent {
                        sent = true;
                        carry(usize::try_from(carried).unwrap());
                    }
                    for minute in minutes.iter().filter(|m| m.interface.index == 1) {
                        assert_eq!(minute.interface.exporter, LinkId::of_exporter(7));
                        octets += minute.inbound.bytes;
                        packets += minute.inbound.packets;
                    }
                }
                Sample::Gauges(some) => gauges += some.len(),
                Sample::Device(_, part) => {
                    facts.system = part.system.or(facts.system.take());
                    facts.interfaces = part.interfaces.or(facts.interfaces.take());
                    facts.storage = part.storage.or(facts.storage.take());
                }
                Sample::State(state) => assert_eq!((state.reachable, state.failure), (Some(true), None)),
            }
        }
    };
    timeout(Duration::from_secs(60), gathering)
        .await
        .expect("all is gathered within a minute");
    assert!(packets > 300, "{packets}");
    let loopback = facts.interfaces.unwrap().into_iter().find(|i| i.index == 1).unwrap();
    assert_eq!((loopback.name.as_str(), loopback.kind), ("lo", Some(24)));
    let state = poller.state(LinkId::of_exporter(7)).unwrap();
    assert!(
        state.responses > 5 && state.round_trip.is_some() && state.interfaces > 0,
        "{state:?}"
    );
    assert!(poller.set_agents(Vec::new()) == 0 && poller.states().is_empty());
}

#[tokio::test]
async fn a_restarted_agent_is_met_again_and_no_counter_jumps() {
    meet_again(true).await;
}

#[tokio::test]
async fn a_device_that_replaces_another_is_met_and_no_counter_jumps() {
    meet_again(false).await;
}

async fn meet_again(same: bool) {
    if missing("snmpd") {
        return;
    }
    let folder = scratch();
    let configuration = configuration(&users());
    let mut snmpd = Snmpd::start(folder.path(), &configuration);
    let (mut poller, mut samples) = poller(Engine::open(&folder.path().join("engine.json")).unwrap()).await;
    let id = LinkId::of_exporter(7);
    let secret = Credentials::V3(user(AuthProtocol::Sha256, Some(PrivProtocol::Aes128)));
    poller.set_agents(vec![agent(7, snmpd.port, secret)]);
    let (mut polls, mut restarted) = (0, false);
    let watching = async {
        loop {
            match samples.recv().await.unwrap() {
                Sample::Interfaces(minutes) => {
                    assert!(minutes.iter().all(|m| m.inbound.bytes < 1 << 40), "{minutes:?}");
                    polls += 1;
                }
                Sample::State(state) if restarted => assert_ne!(state.failure, Some(Failure::NotInTimeWindow)),
                _ => (),
            }
            // Up for longer than a poll's time may be off: a restart before could not be told by sysUpTime.
            if polls == 16 && !restarted {
                // Its engine counts one start more, and its clock and up-time begin anew.
                restarted = true;
                snmpd.restart(same);
            }
            if polls >= 20 && poller.state(id).unwrap().last_restart.is_some() {
                break;
            }
        }
    };
    timeout(Duration::from_secs(120), watching)
        .await
        .expect("the agent is polled after its restart");
    assert_eq!(poller.state(id).unwrap().failure, None);
}

#[tokio::test]
async fn version_1_is_walked_an_object_at_a_time() {
    if missing("snmpd") {
        return;
    }
    let folder = scratch();
    let snmpd = Snmpd::start(folder.path(), &configuration(&[]));
    let (mut poller, mut samples) = poller(Engine::open(&folder.path().join("engine.json")).unwrap()).await;
    let old = Credentials::V1 {
        community: "public".to_owned(),
    };
    poller.set_agents(vec![agent(7, snmpd.port, old)]);
    let interfaces = async {
        loop {
            if let Sample::Device(_, facts) = samples.recv().await.unwrap()
                && let Some(interfaces) = facts.interfaces
            {
                return interfaces;
            }
        }
    };
    let interfaces = timeout(Duration::from_secs(60), interfaces).await.unwrap();
    assert!(interfaces.iter().any(|i| i.name == "lo"), "{interfaces:?}");
    let state = poller.state(LinkId::of_exporter(7)).unwrap();
    assert_eq!((state.reachable, state.interfaces), (Some(true), interfaces.len()));
    // Without counters of 64 bits what a fast interface carries is not known, which is said.
    let wanted = async {
        while !matches!(
            poller.state(LinkId::of_exporter(7)).unwrap().failure,
            Some(Failure::Ambiguous(1..))
        ) {
            carry(1_000_000);
            let _ = timeout(Duration::from_millis(100), samples.recv()).await;
        }
    };
    timeout(Duration::from_secs(60), wanted)
        .await
        .expect("the loopback's octets are ambiguous");
}

struct Lab {
    folder: tempfile::TempDir,
    receiver: TrapReceiver,
}

async fn lab(credentials: Option<Credentials>) -> Lab {
    lab_at(LOOPBACK, credentials).await
}

async fn lab_at(at: IpAddr, credentials: Option<Credentials>) -> Lab {
    let folder = scratch();
    let engine = Engine::open(&folder.path().join("engine.json")).unwrap();
    let sender = TrapSender {
        id: LinkId::of_exporter(9),
        addresses: vec![LOOPBACK],
        credentials,
    };
    let receiver = TrapReceiver::open(SocketAddr::new(at, 0), vec![sender], &engine)
        .await
        .unwrap();
    Lab { folder, receiver }
}

const LINK_DOWN: [&str; 8] = [
    "42",
    "1.3.6.1.6.3.1.1.5.3",
    "1.3.6.1.2.1.2.2.1.1.3",
    "i",
    "3",
    "1.3.6.1.2.1.2.2.1.2.3",
    "s",
    "Gi0/3",
];

impl Lab {
    /// Runs a sender, which for an inform waits for the answer, and gives what was received and whether the sender was
    /// content.
    async fn send(&self, program: &str, arguments: &[&str], what: &[&str]) -> (Option<snmp::Trap>, bool) {
        let mut command = daemon::command(program, self.folder.path());
        let at = SocketAddr::new(LOOPBACK, self.receiver.address().port()).to_string();
        command.args(["-r", "1", "-t", "2"]).args(arguments).arg(at).args(what);
        let sending = tokio::task::spawn_blocking(move || command.output().unwrap());
        let received = timeout(Duration::from_secs(10), self.receiver.recv());
        let (sent, received) = tokio::join!(sending, async { received.await.ok().map(Result::unwrap) });
        (received, sent.unwrap().status.success())
    }
}

#[tokio::test]
async fn traps_and_informs_with_communities_are_received_and_answered() {
    if missing("snmptrap") {
        return;
    }
    let lab = lab(Some(community("public"))).await;
    let (trap, _) = lab.send("snmptrap", &["-v", "2c", "-c", "any"], &LINK_DOWN).await;
    let trap = trap.unwrap();
    assert_eq!(trap.text(), "linkDown ifIndex=3 ifDescr=Gi0/3");
    assert_eq!(
        (trap.version.as_str(), trap.inform, trap.uptime, trap.severity),
        ("v2c", false, 42, Severity::Error)
    );
    assert_eq!((trap.exporter, trap.peer), (LinkId::of_exporter(9), LOOPBACK));

    let (trap, answered) = lab.send("snmpinform", &["-v", "2c", "-c", "any"], &LINK_DOWN).await;
    assert!(answered && trap.unwrap().inform);

    let specific = ["1.3.6.1.4.1.9.9.41.2", "192.0.2.9", "6", "1", "42"];
    let (trap, _) = lab.send("snmptrap", &["-v", "1", "-c", "any"], &specific).await;
    let trap = trap.unwrap();
    assert_eq!(
        (trap.version.as_str(), trap.name.as_deref()),
        ("v1", Some("clogMessageGenerated"))
    );
    assert_eq!(trap.log().host, "192.0.2.9");
    let counts = lab.receiver.counts();
    assert_eq!((counts.taken, counts.informs, counts.unanswered), (3, 1, 0));
}

#[tokio::test]
async fn traps_and_informs_with_keys_are_received_and_answered() {
    if missing("snmptrap") {
        return;
    }
    for (auth, privacy) in [
        (AuthProtocol::Md5, Some(PrivProtocol::Des)),
        (AuthProtocol::Sha1, None),
        (AuthProtocol::Sha256, Some(PrivProtocol::Aes128)),
        (AuthProtocol::Sha512, Some(PrivProtocol::Aes256)),
        (AuthProtocol::Sha1, Some(PrivProtocol::Aes256Cisco)),
    ] {
        let user = user(auth, privacy);
        let name = user.name.clone();
        let lab = lab(Some(Credentials::V3(user))).await;
        let mut arguments = vec!["-v", "3", "-u", &name, "-a", auth_name(auth), "-A", AUTH];
        match privacy {
            None => arguments.extend(["-l", "authNoPriv"]),
            Some(privacy) => arguments.extend(["-l", "authPriv", "-x", priv_name(privacy), "-X", PRIV]),
        }
        let (trap, answered) = lab.send("snmpinform", &arguments, &LINK_DOWN).await;
        assert!(answered, "{name}: {:?}", lab.receiver.counts());
        assert_eq!(trap.unwrap().text(), "linkDown ifIndex=3 ifDescr=Gi0/3");

        // A trap is of its sender's engine.
        arguments.extend(["-e", "0x80001f8880aabbccdd00112233"]);
        let (trap, _) = lab.send("snmptrap", &arguments, &LINK_DOWN).await;
        assert_eq!(
            (trap.unwrap().version.as_str(), lab.receiver.counts().taken),
            ("v3", 2),
            "{name}"
        );
    }
}

#[tokio::test]
async fn one_socket_for_both_families_takes_and_answers_ipv4() {
    if missing("snmptrap") {
        return;
    }
    let lab = lab_at(IpAddr::from([0u16; 8]), Some(community("public"))).await;
    let (trap, answered) = lab.send("snmpinform", &["-v", "2c", "-c", "any"], &LINK_DOWN).await;
    assert!(answered);
    assert_eq!(trap.unwrap().peer, LOOPBACK);
}

#[tokio::test]
async fn what_proves_less_than_is_asked_is_not_taken() {
    if missing("snmptrap") {
        return;
    }
    let user = user(AuthProtocol::Sha256, Some(PrivProtocol::Aes128));
    let name = user.name.clone();
    let lab = lab(Some(Credentials::V3(user))).await;
    let weak = ["-v", "3", "-u", &name, "-a", "SHA-256", "-A", AUTH, "-l", "authNoPriv"];
    let send = |arguments: Vec<String>| {
        let mut command = daemon::command("snmpinform", lab.folder.path());
        command
            .args(["-r", "0", "-t", "1"])
            .args(arguments)
            .arg(lab.receiver.address().to_string())
            .args(LINK_DOWN);
        tokio::task::spawn_blocking(move || command.output().unwrap().status.success())
    };
    let owned = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let wrong = [
        "-v",
        "3",
        "-u",
        &name,
        "-a",
        "SHA-256",
        "-A",
        "not the password",
        "-l",
        "authNoPriv",
    ];
    let senders = async {
        let mut answered = Vec::new();
        for arguments in [owned(&weak), owned(&wrong), owned(&["-v", "2c", "-c", "public"])] {
            answered.push(send(arguments).await.unwrap());
        }
        answered
    };
    tokio::select! {
        trap = lab.receiver.recv() => panic!("{trap:?}"),
        answered = senders => assert_eq!(answered, [false; 3]),
    }
    let counts = lab.receiver.counts();
    assert_eq!((counts.taken, counts.refused), (0, 2), "{counts:?}");
    assert!(counts.wrong_digests >= 1, "{counts:?}");
}
