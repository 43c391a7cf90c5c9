//! The rules and real packets: the box in one network namespace, its neighbours in another.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use settings::Collection;

use super::*;

/// Longer than any packet takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

type Work = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own.
struct Neighbours {
    work: mpsc::Sender<Work>,
    thread: i32,
}

impl Neighbours {
    fn new() -> Self {
        let (work, todo) = mpsc::channel::<Work>();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(nix::unistd::gettid().as_raw()).unwrap();
            todo.iter().for_each(|work| work());
        });
        let thread = told.recv().unwrap();
        Self { work, thread }
    }

    /// Does something there and waits for it.
    fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.work
            .send(Box::new(move || tell.send(work()).unwrap_or_default()))
            .unwrap();
        told.recv().unwrap()
    }

    fn send(&self, from: &'static str, to: &'static str) {
        self.run(move || {
            let socket = UdpSocket::bind((from, 0)).unwrap();
            socket.send_to(from.as_bytes(), to).unwrap();
        });
    }
}

fn sh(script: &str) -> String {
    let out = Command::new("sh").args(["-e", "-c", script]).output().unwrap();
    assert!(
        out.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

fn nft(rules: &str) {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{rules}");
}

/// The thread becomes the box: management port enp0s2 (192.0.2.1), capture port enp0s3, and enp0s4 (198.51.100.1).
/// Each neighbour has the addresses 2 and 3 of both networks.
fn network() -> Neighbours {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    let neighbours = Neighbours::new();
    let thread = neighbours.thread;
    sh(&format!(
        "ip link set lo up
        for port in 2 3 4; do ip link add enp0s$port type veth peer name lan$port netns {thread}; done
        for port in 2 3 4; do ip link set enp0s$port up; done
        ip address add 192.0.2.1/24 dev enp0s2
        ip address add 198.51.100.1/24 dev enp0s4
        ip address add 2001:db8::1/64 dev enp0s2 nodad"
    ));
    neighbours.run(|| {
        sh("for port in 2 3 4; do ip link set lan$port up; done
        for host in 2 3; do
            ip address add 192.0.2.$host/24 dev lan2
            ip address add 198.51.100.$host/24 dev lan4
            ip address add 2001:db8::$host/64 dev lan2 nodad
        done")
    });
    neighbours
}

fn receiver(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind(("::", port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn next(socket: &UdpSocket) -> String {
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

fn nothing(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let nothing = socket
        .recv(&mut [0; 64])
        .is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
    nothing
}

fn counted() -> (u64, u64, u64) {
    let out = Command::new("nft").args(LIST_COUNTERS).output().unwrap();
    let counters = counters(&String::from_utf8(out.stdout).unwrap()).unwrap();
    (counters.registered, counters.discovered, counters.unregistered)
}

fn rules(change: impl FnOnce(&mut Collection)) -> String {
    let (mut ports, mut settings) = (ports(), Settings::default());
    change(&mut settings.collection);
    ports::assign(&mut ports, &settings.collection);
    host_rules(&ports, &settings)
}

#[test]
fn registered_exporters_get_through_and_others_are_counted() {
    if !available() {
        return;
    }
    let neighbours = network();
    let list = senders(&registered(&[&["192.0.2.2", "2001:db8::2"]]));
    nft(&rules(|_| ()));
    nft(&sender_rules(None, &list));
    let (flow, closed) = (receiver(2055), receiver(2056));

    // What arrives first was not sent first.
    neighbours.send("192.0.2.3", "192.0.2.1:2055");
    neighbours.send("192.0.2.2", "192.0.2.1:2056");
    neighbours.send("192.0.2.2", "192.0.2.1:2055");
    assert_eq!(next(&flow), "192.0.2.2");
    neighbours.send("2001:db8::3", "[2001:db8::1]:2055");
    neighbours.send("2001:db8::2", "[2001:db8::1]:2055");
    assert_eq!(next(&flow), "2001:db8::2");
    assert!(nothing(&closed), "only the ports that the settings name are open");
    assert_eq!(counted(), (2, 0, 2));
    // None of them takes a place in the table of connections.
    assert_eq!(sh("cat /proc/sys/net/netfilter/nf_conntrack_count").trim(), "0");

    // Rules that are loaded again keep exporters and counters; those that are gone are let in no more.
    nft(&rules(|_| ()));
    neighbours.send("192.0.2.2", "192.0.2.1:2055");
    assert_eq!(next(&flow), "192.0.2.2");
    nft(&sender_rules(Some(&list), &senders(&registered(&[&["192.0.2.3"]]))));
    neighbours.send("192.0.2.2", "192.0.2.1:2055");
    neighbours.send("192.0.2.3", "192.0.2.1:2055");
    assert_eq!(next(&flow), "192.0.2.3");
    assert_eq!(counted(), (4, 0, 3));

    nft(&rules(|collection| collection.discovery = true));
    neighbours.send("192.0.2.2", "192.0.2.1:2055");
    assert_eq!(next(&flow), "192.0.2.2");
    assert_eq!(counted(), (4, 1, 3));
}

#[test]
fn the_collection_port_takes_exporters_and_answers_to_polls_and_nothing_else() {
    if !available() {
        return;
    }
    let neighbours = network();
    nft(&rules(|collection| collection.port = Some("enp0s4".to_owned())));
    nft(&sender_rules(
        None,
        &senders(&registered(&[&["192.0.2.2", "198.51.100.2"]])),
    ));
    let flow = receiver(2055);
    // The management port takes no exporters now.
    neighbours.send("192.0.2.2", "192.0.2.1:2055");
    neighbours.send("198.51.100.2", "198.51.100.1:2055");
    assert_eq!(next(&flow), "198.51.100.2");
    assert_eq!(counted(), (1, 0, 0));

    // An agent need not be registered: it only answers.
    let agent = neighbours.run(|| UdpSocket::bind("198.51.100.3:161").unwrap());
    let poller = UdpSocket::bind("198.51.100.1:0").unwrap();
    poller.set_read_timeout(Some(PATIENCE)).unwrap();
    poller.send_to(b"get", "198.51.100.3:161").unwrap();
    neighbours.run(move || {
        agent.set_read_timeout(Some(PATIENCE)).unwrap();
        let (_, from) = agent.recv_from(&mut [0; 8]).unwrap();
        agent.send_to(b"response", from).unwrap();
    });
    assert_eq!(next(&poller), "response");

    // An inform is answered from the port that it came to.
    let traps = receiver(162);
    let device = neighbours.run(|| {
        let device = UdpSocket::bind("198.51.100.2:0").unwrap();
        device.send_to(b"inform", "198.51.100.1:162").unwrap();
        device
    });
    let mut buffer = [0; 8];
    let (_, from) = traps.recv_from(&mut buffer).unwrap();
    traps.send_to(b"response", from).unwrap();
    neighbours.run(move || {
        device.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(next(&device), "response");
    });
}

#[test]
fn logs_over_tls_come_from_exporters_and_the_console_stays_at_the_management_port() {
    if !available() {
        return;
    }
    let neighbours = network();
    nft(&rules(|collection| collection.port = Some("enp0s4".to_owned())));
    nft(&sender_rules(None, &senders(&registered(&[&["198.51.100.2"]]))));
    let listeners = [443, 6514].map(|port| TcpListener::bind(("::", port)).unwrap());
    // A connection that is not let in stays half open until the end of the test.
    let attempts = neighbours.run(|| {
        let tries = [
            ("198.51.100.3", "198.51.100.1", "6514"),
            ("198.51.100.2", "198.51.100.1", "443"),
            ("192.0.2.2", "192.0.2.1", "6514"),
        ];
        tries.map(|(from, to, port)| connect(from, to, port))
    });
    for (listener, from, to) in [
        (&listeners[1], "198.51.100.2", "198.51.100.1:6514"),
        (&listeners[0], "192.0.2.2", "192.0.2.1:443"),
    ] {
        let (address, port) = to.split_once(':').unwrap();
        let stream = neighbours.run(move || connect(from, address, port));
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip().to_canonical().to_string(), from);
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err_and(|e| e.kind() == ErrorKind::WouldBlock));
        drop(stream);
    }
    drop(attempts);
}

/// Starts to connect, and does not wait for it.
fn connect(from: &str, to: &str, port: &str) -> std::os::fd::OwnedFd {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
    use std::os::fd::AsRawFd as _;
    let stream = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_NONBLOCK, None).unwrap();
    let address = |text: &str| SockaddrIn::from(text.parse::<std::net::SocketAddrV4>().unwrap());
    bind(stream.as_raw_fd(), &address(&format!("{from}:0"))).unwrap();
    let begun = connect(stream.as_raw_fd(), &address(&format!("{to}:{port}")));
    assert!(
        begun.is_ok() || begun == Err(nix::errno::Errno::EINPROGRESS),
        "{begun:?}"
    );
    stream
}
