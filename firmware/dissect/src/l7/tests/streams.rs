//! However a stream is cut, reordered, repeated or damaged, the inspector stays sound, and says the same of the same stream.

use model::{DetailKey, Timestamp};
use proptest::prelude::*;

use super::play::{ISN, Player, packet, tcp};
use crate::l7::Config;

const TALK: &[(bool, &[u8])] = &[
    (
        true,
        b"POST /form?user=a&password=hunter2 HTTP/1.1\r\nHost: www.Example.com:8080\r\nUser-Agent: test/1\r\nContent-Length: 11\r\n\r\nhello world",
    ),
    (
        false,
        b"HTTP/1.1 200 OK\r\nServer: s/1\r\nContent-Type: text/html; charset=x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: t\r\n\r\n",
    ),
    (true, b"GET /second HTTP/1.1\r\nHost: other.example.com\r\n\r\nGET /third HTTP/1.1\r\nHost: www.example.com\r\n\r\n"),
    (false, b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!HTTP/1.1 304 Not Modified\r\n\r\n"),
];

/// The conversation's segments: side, offset and octets, cut at places.
fn segments(cut: usize) -> Vec<(bool, u32, Vec<u8>)> {
    let mut next = [0_u32; 2];
    let mut all = Vec::new();
    for (forward, octets) in TALK {
        for part in octets.chunks(cut.max(1)) {
            let side = usize::from(!forward);
            all.push((*forward, next[side], part.to_vec()));
            next[side] += u32::try_from(part.len()).expect("short");
        }
    }
    all
}

fn play(segments: &[(bool, u32, Vec<u8>)]) -> (Player, super::play::Known) {
    let mut player = Player::new(Config::default());
    for (forward, side) in [(true, 0), (false, 1)] {
        let mut syn = packet(6, 8080, forward, ISN[side].wrapping_sub(1), 0);
        syn.tcp_flags = 2;
        player.show(&syn, &[], Timestamp::from_secs(1));
    }
    for (forward, offset, octets) in segments {
        let seq = ISN[usize::from(!forward)].wrapping_add(*offset);
        player.show(
            &packet(6, 8080, *forward, seq, octets.len()),
            octets,
            Timestamp::from_secs(1),
        );
    }
    let known = player.end().remove(0);
    (player, known)
}

#[test]
fn the_whole_conversation_is_told() {
    let (player, known) = tcp(Config::default(), 8080, TALK, 1_460);
    assert_eq!(
        player.lines(),
        [
            "10.0.0.5 POST http://www.example.com:8080/form?user=a&password=*** → 200 text/html 159 B 1 ms",
            "10.0.0.5 GET http://other.example.com/second → 404 48 B 1 ms",
            "10.0.0.5 GET http://www.example.com/third → 304 29 B 1 ms",
        ]
    );
    assert_eq!(known.app.map(|app| app.to_string()).as_deref(), Some("http"));
    assert_eq!(known.l7.host.as_deref(), Some("www.example.com"));
    assert!(!format!("{:?} {known:?}", player.logs).contains("hunter2"));
}

#[test]
fn cuts_change_nothing() {
    let (whole, known) = tcp(Config::default(), 8080, TALK, 1_460);
    for cut in 1..80 {
        let (player, same) = tcp(Config::default(), 8080, TALK, cut);
        assert_eq!(same, known, "{cut}");
        assert_eq!(player.logs, whole.logs, "{cut}");
    }
}

#[test]
fn octets_that_differ_are_flagged_and_the_first_win() {
    let first = b"GET / HTTP/1.1\r\nHost: a.exa".to_vec();
    let evil = b"GET / HTTP/1.1\r\nHost: evil.".to_vec();
    let rest = b"mple\r\n\r\n".to_vec();
    let end = u32::try_from(first.len()).expect("short");
    // In order, then repeated with other octets: flagged as long as the flow is not decided; and behind a hole.
    let (_, known) = play(&[
        (true, 0, b"GE".to_vec()),
        (true, 0, b"XX".to_vec()),
        (true, 2, first[2..].to_vec()),
        (true, end, rest.clone()),
    ]);
    assert_eq!(known.l7.host.as_deref(), Some("a.example"));
    assert_eq!(known.l7.details.get(DetailKey::Anomaly), Some("overlap"));
    let (player, known) = play(&[
        (true, 5, first[5..].to_vec()),
        (true, 5, evil[5..].to_vec()),
        (true, 0, first[..5].to_vec()),
        (true, end, rest.clone()),
    ]);
    assert_eq!(known.l7.host.as_deref(), Some("a.example"));
    assert_eq!(known.l7.details.get(DetailKey::Anomaly), Some("overlap"));
    assert_eq!(player.inspector.statistics().overlaps, 1);
    let (_, known) = play(&[(true, 0, first.clone()), (true, 0, first), (true, end, rest)]);
    assert_eq!(known.l7.details.get(DetailKey::Anomaly), None);
}

#[test]
fn a_hole_that_the_other_side_has_acknowledged_is_given_up() {
    let mut player = Player::new(Config::default());
    let get = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n";
    let now = Timestamp::from_secs(1);
    player.show(&packet(6, 80, true, 1, get.len()), get, now);
    player.show(&packet(6, 80, false, 1, head.len()), head, now);
    let body = u32::try_from(head.len()).expect("short") + 1;
    // The second thousand is lost.
    player.show(&packet(6, 80, false, body, 1_000), &[0; 1_000], now);
    player.show(&packet(6, 80, false, body + 2_000, 1_000), &[0; 1_000], now);
    assert!(player.logs.is_empty());
    let mut ack = packet(6, 80, true, 1 + u32::try_from(get.len()).expect("short"), get.len());
    ack.tcp_flags = 16;
    ack.tcp_ack = body + 3_000;
    player.show(&ack, get, now);
    assert_eq!(player.lines(), ["10.0.0.5 GET http://a.example/ → 200 3041 B 0 µs"]);
    player.end();
}

proptest! {
    #[test]
    fn order_and_repeats_change_nothing(
        cut in 1..200_usize,
        swaps in prop::collection::vec((0..400_usize, 1..8_usize), 0..40),
        repeats in prop::collection::vec((0..400_usize, 0..400_usize), 0..40),
    ) {
        let whole = play(&segments(1_460));
        let mut cut = segments(cut);
        for (at, by) in swaps {
            let (a, b) = (at % cut.len(), (at + by) % cut.len());
            // Within a direction alone: a response before its request is another conversation.
            if cut[a.min(b)..=a.max(b)].iter().all(|s| s.0 == cut[a].0) && a.abs_diff(b) < 8 {
                cut.swap(a, b);
            }
        }
        for (from, to) in repeats {
            let (from, to) = (from % cut.len(), to % (cut.len() + 1));
            if to > from {
                let again = cut[from].clone();
                cut.insert(to, again);
            }
        }
        let got = play(&cut);
        prop_assert_eq!(&got.1, &whole.1);
        prop_assert_eq!(got.0.logs, whole.0.logs);
    }

    #[test]
    fn any_octets_in_any_order_are_taken(
        port in prop::sample::select(vec![21_u16, 22, 25, 53, 80, 110, 143, 443, 445, 5060, 9999]),
        protocol in prop::sample::select(vec![6_u8, 17, 132]),
        segments in prop::collection::vec(
            (any::<bool>(), prop_oneof![0..3_000_u32, any::<u32>()], prop::collection::vec(any::<u8>(), 0..300), 0..40_usize, any::<u8>(), any::<u32>()),
            0..60,
        ),
    ) {
        let mut player = Player::new(Config { max_held: 20_000, ..Config::default() });
        for (forward, seq, octets, missing, flags, ack) in segments {
            let mut packet = packet(protocol, port, forward, seq, octets.len() + missing);
            packet.tcp_flags = flags;
            packet.tcp_ack = ack;
            player.show(&packet, &octets, Timestamp::from_secs(1));
            prop_assert!(player.inspector.statistics().held <= 40_000);
        }
        player.end();
    }

    #[test]
    fn damaged_conversations_are_taken(
        cut in 1..300_usize,
        damage in prop::collection::vec((0..500_usize, any::<u8>()), 1..20),
        lost in prop::collection::vec(0..100_usize, 0..5),
    ) {
        let mut all = segments(cut);
        for (at, octet) in damage {
            let number = at % all.len();
            let length = all[number].2.len();
            all[number].2[at % length] = octet;
        }
        for at in lost {
            let at = at % all.len();
            if all.len() > 1 {
                all.remove(at);
            }
        }
        play(&all);
    }
}
