//! What the encoders write, read back by others' rules: our own parser of syslog, and a small BER reader.

use core::num::NonZeroU8;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use embedded_nal::{UdpClientStack, nb};
use notifier::{Alarm, Failure, Full, Origin, SYSLOG_MAX, Severity, Stamp, State, TRAP_MAX, notify, syslog, trap};
use proptest::prelude::*;

const ORIGIN: Origin<'static> = Origin {
    host: "box-7",
    enterprise: 32473,
};

fn alarm<'a>(source: &'a str, value: &'a str, text: &'a str) -> Alarm<'a> {
    Alarm {
        severity: Severity::Warning,
        state: State::Cleared,
        code: "FAN",
        source,
        value,
        text,
    }
}

#[test]
fn a_message_is_as_the_standard_says() {
    let mut buffer = [0; SYSLOG_MAX];
    let message = syslog(
        &ORIGIN,
        &alarm("fan \"3\"]", "0 rpm", "风扇 3\nstands"),
        Stamp::from_unix(0, 1),
        &mut buffer,
    );
    let expected = "<132>1 1970-01-01T00:00:00.001Z box-7 hwmon - FAN \
        [hwmon@32473 source=\"fan \\\"3\\\"\\]\" state=\"cleared\" value=\"0 rpm\"] \u{feff}风扇 3 stands";
    assert_eq!(message, Ok(expected.as_bytes()));
    let bare = Origin {
        host: "",
        enterprise: 0,
    };
    let message = syslog(&bare, &alarm("s", "", ""), Stamp::UNKNOWN, &mut buffer);
    assert_eq!(
        message,
        Ok("<132>1 - - hwmon - FAN [hwmon@0 source=\"s\" state=\"cleared\"] \u{feff}".as_bytes())
    );
}

#[test]
fn a_small_buffer_cuts_the_text_and_then_refuses() {
    let text = "é".repeat(900);
    let whole = alarm("fan3", "0 rpm", &text);
    let mut buffer = [0; SYSLOG_MAX];
    let message = syslog(&ORIGIN, &whole, Stamp::UNKNOWN, &mut buffer)
        .expect("room")
        .to_vec();
    assert!(message.len() > SYSLOG_MAX - 2 && std::str::from_utf8(&message).is_ok());
    assert_eq!(syslog(&ORIGIN, &whole, Stamp::UNKNOWN, &mut [0; 40]), Err(Full));
    assert!(trap(&ORIGIN, &whole, "public", 1, 2, &mut [0; TRAP_MAX]).is_ok());
    assert_eq!(trap(&ORIGIN, &whole, "public", 1, 2, &mut [0; 100]), Err(Full));
}

/// One tag, length and value, and what is behind it.
fn element(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, header) = match bytes[1] {
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        short => {
            assert!(short < 0x80);
            (usize::from(short), 2)
        }
    };
    let (value, rest) = bytes[header..].split_at(length);
    (bytes[0], value, rest)
}

fn elements(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (tag, value, rest) = element(bytes);
        all.push((tag, value));
        bytes = rest;
    }
    all
}

proptest! {
    #[test]
    fn every_message_is_read_back(source in "\\PC{0,64}", value in "\\PC{1,64}", text in "[a-z0-9 ]{1,80}", seconds in 0u64..4_000_000_000) {
        let mut buffer = [0; SYSLOG_MAX];
        let told = alarm(&source, &value, &text);
        let bytes = syslog(&ORIGIN, &told, Stamp::from_unix(seconds, 0), &mut buffer).expect("room");
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let message = ::syslog::parse(model::Timestamp::from_secs(seconds), peer, 0, bytes);
        prop_assert_eq!(message.format, ::syslog::Format::Ietf);
        prop_assert_eq!(message.text.trim(), text.trim());
        let data = message.data.clone();
        let parameters: Vec<(String, String)> = ::syslog::elements(&data)
            .flat_map(|e| e.params().map(|(name, value)| (name.to_owned(), ::syslog::unescape(value).into_owned())).collect::<Vec<_>>())
            .collect();
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        prop_assert_eq!(get("value"), Some(value.clone()));
        prop_assert_eq!(get("source").unwrap_or_default(), source.clone());
    }

    #[test]
    fn every_trap_is_read_back(source in "\\PC{0,64}", text in "\\PC{0,300}", uptime: u32, request: u32, enterprise: u32) {
        let mut buffer = [0; 4 * TRAP_MAX];
        let origin = Origin { host: "h", enterprise };
        let bytes = trap(&origin, &alarm(&source, "v", &text), "public", uptime, request, &mut buffer).expect("room");
        let (tag, message, rest) = element(bytes);
        prop_assert_eq!((tag, rest.len()), (0x30, 0));
        let parts = elements(message);
        prop_assert_eq!(&parts[..2], &[(0x02u8, &[1u8][..]), (0x04, &b"public"[..])][..]);
        let pdu = elements(parts[2].1);
        let number = |octets: &[u8]| octets.iter().fold(0u64, |n, o| n << 8 | u64::from(*o));
        prop_assert_eq!(number(pdu[0].1), u64::from(request & 0x7fff_ffff));
        let bindings = elements(pdu[3].1);
        prop_assert_eq!(bindings.len(), 8);
        prop_assert_eq!(number(elements(bindings[0].1)[1].1), u64::from(uptime));
        prop_assert_eq!(elements(bindings[4].1)[1].1, source.as_bytes());
        prop_assert!(text.as_bytes().starts_with(elements(bindings[7].1)[1].1));
    }

    #[test]
    fn no_buffer_panics(text in "\\PC{0,200}", room in 0usize..400) {
        let mut buffer = vec![0; room];
        let _ = syslog(&ORIGIN, &alarm(&text, &text, &text), Stamp::from_unix(1, 1), &mut buffer);
        let _ = trap(&ORIGIN, &alarm(&text, &text, &text), &text, u32::MAX, 1, &mut buffer);
    }
}

/// A stack in memory that is busy, or fails, as often as it is told.
#[derive(Default)]
struct Memory {
    busy: u32,
    broken: bool,
    open: i32,
    sent: Vec<Vec<u8>>,
}

impl UdpClientStack for Memory {
    type UdpSocket = ();
    type Error = &'static str;

    fn socket(&mut self) -> Result<(), Self::Error> {
        self.open += 1;
        Ok(())
    }

    fn connect(&mut self, (): &mut (), _remote: SocketAddr) -> Result<(), Self::Error> {
        if self.broken { Err("no way there") } else { Ok(()) }
    }

    fn send(&mut self, (): &mut (), buffer: &[u8]) -> nb::Result<(), Self::Error> {
        if self.busy > 0 {
            self.busy -= 1;
            return Err(nb::Error::WouldBlock);
        }
        self.sent.push(buffer.to_vec());
        Ok(())
    }

    fn receive(&mut self, (): &mut (), _buffer: &mut [u8]) -> nb::Result<(usize, SocketAddr), Self::Error> {
        Err(nb::Error::WouldBlock)
    }

    fn close(&mut self, (): ()) -> Result<(), Self::Error> {
        self.open -= 1;
        Ok(())
    }
}

#[test]
fn retries_are_bounded_and_every_socket_is_closed() {
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 514));
    let tries = NonZeroU8::new(3).expect("3");
    let mut stack = Memory {
        busy: 2,
        ..Memory::default()
    };
    let mut pauses = 0;
    assert_eq!(notify(&mut stack, remote, b"x", tries, || pauses += 1), Ok(()));
    assert_eq!((stack.sent.len(), pauses, stack.open), (1, 2, 0));
    let mut stack = Memory {
        busy: 3,
        ..Memory::default()
    };
    assert_eq!(notify(&mut stack, remote, b"x", tries, || {}), Err(Failure::Busy));
    assert_eq!((stack.sent.len(), stack.busy, stack.open), (0, 0, 0));
    let mut stack = Memory {
        broken: true,
        ..Memory::default()
    };
    assert_eq!(
        notify(&mut stack, remote, b"x", tries, || {}),
        Err(Failure::Stack("no way there"))
    );
    assert_eq!(stack.open, 0);
}
