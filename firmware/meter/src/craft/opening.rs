//! The first messages of conversations.

use super::random::Random;
use super::{quic, tls};

/// The first messages of a conversation.
#[derive(Debug, Clone)]
pub struct Opening {
    /// IP protocol: 6 or 17.
    pub protocol: u8,
    /// The server's port.
    pub port: u16,
    /// Whether the client sends it, and what it is: a part of the stream, or a datagram.
    pub messages: Vec<(bool, Vec<u8>)>,
}

impl Opening {
    /// TLS 1.3.
    #[must_use]
    pub fn tls13(host: &str, random: &mut Random) -> Self {
        let hello = tls::client_hello(host, &["h2", "http/1.1"], None, random);
        let server = [
            tls::record(22, &tls::server_hello(0x1301, true, None, random)),
            tls::record(20, &[1]),
            tls::record(23, &random.octets(2_600)),
        ];
        let finished = [tls::record(20, &[1]), tls::record(23, &random.octets(53))];
        Self {
            protocol: 6,
            port: 443,
            messages: vec![
                (true, tls::record(22, &hello)),
                (false, server.concat()),
                (true, finished.concat()),
            ],
        }
    }

    /// TLS 1.2, with the server's certificate.
    #[must_use]
    pub fn tls12(host: &str, random: &mut Random) -> Self {
        let hello = tls::client_hello(host, &["http/1.1"], None, random);
        let flight = [
            tls::server_hello(0xc02f, false, Some("http/1.1"), random),
            tls::certificate_flight(host, random),
        ];
        let exchange = [
            tls::record(22, &random.octets(37)),
            tls::record(20, &[1]),
            tls::record(22, &random.octets(40)),
        ];
        Self {
            protocol: 6,
            port: 443,
            messages: vec![
                (true, tls::record(22, &hello)),
                (false, tls::record(22, &flight.concat())),
                (true, exchange.concat()),
                (
                    false,
                    [tls::record(20, &[1]), tls::record(22, &random.octets(40))].concat(),
                ),
            ],
        }
    }

    /// HTTP/1.1.
    #[must_use]
    pub fn http(host: &str, random: &mut Random) -> Self {
        let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";
        let request = format!(
            "GET /images/{:08x}.jpg HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: image/avif,image/webp,*/*;q=0.8\r\n\
             Accept-Language: zh-CN,zh;q=0.9\r\nAccept-Encoding: gzip, deflate\r\nReferer: http://{host}/\r\nConnection: keep-alive\r\n\r\n",
            random.below(u32::MAX)
        );
        let answer = "HTTP/1.1 200 OK\r\nServer: nginx/1.26.1\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\nContent-Type: image/jpeg\r\n\
             Content-Length: 1073741824\r\nLast-Modified: Sat, 21 Nov 2026 12:00:00 GMT\r\nETag: \"673f2a10-1f40\"\r\nAccept-Ranges: bytes\r\n\r\n";
        Self {
            protocol: 6,
            port: 80,
            messages: vec![
                (true, request.into_bytes()),
                (false, [answer.as_bytes(), &random.octets(900)].concat()),
            ],
        }
    }

    /// A DNS query and its answer of two addresses.
    #[must_use]
    pub fn dns(host: &str, random: &mut Random) -> Self {
        let id = random.octets(2);
        let name: Vec<u8> = host
            .split('.')
            .flat_map(|label| [&[u8::try_from(label.len()).unwrap_or(0)][..], label.as_bytes()].concat())
            .chain([0])
            .collect();
        let question = [&name[..], &[0, 1, 0, 1]].concat();
        let record = |address: &[u8]| [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4][..], address].concat();
        let query = [&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question].concat();
        let answer = [
            &id[..],
            &[0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0],
            &question,
            &record(&[203, 0, 113, 1]),
            &record(&random.octets(4)),
        ];
        Self {
            protocol: 17,
            port: 53,
            messages: vec![(true, query), (false, answer.concat())],
        }
    }

    /// QUIC version 1; `None` where the hello does not fit, which a long name can do.
    #[must_use]
    pub fn quic(host: &str, random: &mut Random) -> Option<Self> {
        let (client, server) = (random.octets(8), random.octets(8));
        // initial_source_connection_id, and the limits that all set.
        let parameters = [
            &[0x0f, 0, 4, 4, 0x80, 0x10, 0, 0, 8, 2, 0x40, 0x64][..],
            &[3, 2, 0x45, 0xc0],
        ]
        .concat();
        let hello = tls::client_hello(host, &["h3"], Some(&parameters), random);
        let answer = tls::server_hello(0x1301, true, None, random);
        Some(Self {
            protocol: 17,
            port: 443,
            messages: vec![
                (true, quic::initial(&hello, &client, &client, &[], true)?),
                (false, quic::initial(&answer, &client, &[], &server, false)?),
                (false, [&[0x4c][..], &random.octets(1_180)].concat()),
            ],
        })
    }

    /// A session of SSH as far as it is in the clear.
    #[must_use]
    pub fn ssh(random: &mut Random) -> Self {
        let exchange = |random: &mut Random| {
            let names = "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256";
            let mut body = vec![6, 20];
            body.extend(random.octets(16));
            body.extend([0, 0, 0, 66]);
            body.extend(names.as_bytes());
            body.resize(1_000, 0);
            let mut packet = vec![0, 0, 3, 232];
            packet.extend(body);
            packet
        };
        Self {
            protocol: 6,
            port: 22,
            messages: vec![
                (false, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()),
                (true, b"SSH-2.0-OpenSSH_9.7\r\n".to_vec()),
                (true, exchange(random)),
                (false, exchange(random)),
            ],
        }
    }

    /// Octets that no application says.
    #[must_use]
    pub fn unknown(protocol: u8, port: u16, random: &mut Random) -> Self {
        let mut messages = Vec::new();
        for number in 0..4 {
            let length = 40 + random.below(400) as usize;
            messages.push((number % 2 == 0, random.octets(length)));
        }
        Self {
            protocol,
            port,
            messages,
        }
    }
}

#[cfg(test)]
mod tests;
