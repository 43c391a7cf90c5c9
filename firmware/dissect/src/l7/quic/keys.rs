//! The keys of Initial packets (RFC 9001, sections 5.2 to 5.4).

use std::ops::Range;

use ring::aead::{self, quic};
use ring::hkdf;

use super::packet::Long;
use super::version::Derivation;

/// The keys of both directions, each made when its first packet comes.
pub(super) struct Keys {
    initial: hkdf::Prk,
    labels: [&'static [u8]; 3],
    client: Option<Box<Direction>>,
    server: Option<Box<Direction>>,
}

struct Direction {
    header: quic::HeaderProtectionKey,
    packet: aead::LessSafeKey,
    vector: [u8; aead::NONCE_LEN],
}

impl Keys {
    /// The keys of a connection: `connection` is what the client's first packet names as destination.
    pub(super) fn derive(derivation: &Derivation, connection: &[u8]) -> Self {
        Self {
            initial: derivation.salt().extract(connection),
            labels: derivation.labels,
            client: None,
            server: None,
        }
    }

    /// Decrypts a packet in `room`: where its frames are there. `None` where the keys do not fit.
    pub(super) fn open(&mut self, from_client: bool, packet: &Long<'_>, room: &mut Vec<u8>) -> Option<Range<usize>> {
        self.direction(from_client)?.open(packet, room)
    }

    fn direction(&mut self, from_client: bool) -> Option<&Direction> {
        let (place, label) = if from_client {
            (&mut self.client, &b"client in"[..])
        } else {
            (&mut self.server, &b"server in"[..])
        };
        if place.is_none() {
            *place = Direction::derive(&self.initial, label, self.labels).map(Box::new);
        }
        place.as_deref()
    }
}

impl Direction {
    fn derive(initial: &hkdf::Prk, label: &[u8], labels: [&'static [u8]; 3]) -> Option<Self> {
        let secret: [u8; 32] = expand(initial, label)?;
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let [key, vector, header] = labels;
        let key: [u8; 16] = expand(&secret, key)?;
        let header: [u8; 16] = expand(&secret, header)?;
        Some(Self {
            header: quic::HeaderProtectionKey::new(&quic::AES_128, &header).ok()?,
            packet: aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).ok()?),
            vector: expand(&secret, vector)?,
        })
    }

    fn open(&self, packet: &Long<'_>, room: &mut Vec<u8>) -> Option<Range<usize>> {
        const SAMPLE: usize = 16;
        let at = packet.number_at;
        let sample = packet.octets.get(at + 4..at + 4 + SAMPLE)?;
        let [mask, number_mask @ ..] = self.header.new_mask(sample).ok()?;
        room.clear();
        room.extend_from_slice(packet.octets);
        let first = room.first_mut()?;
        *first ^= mask & 0x0f;
        let length = usize::from(*first & 3) + 1;
        let (header, sealed) = room.split_at_mut_checked(at + length)?;
        let mut nonce = self.vector;
        let number = header.get_mut(at..)?;
        for (octet, mask) in number.iter_mut().zip(number_mask) {
            *octet ^= mask;
        }
        // the numbers of first packets are short: what is said of them is all of them
        for (octet, number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *octet ^= number;
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let plain = self
            .packet
            .open_in_place(nonce, aead::Aad::from(&*header), sealed)
            .ok()?;
        let start = at + length;
        Some(start..start + plain.len())
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context.
fn expand<const LENGTH: usize>(secret: &hkdf::Prk, label: &[u8]) -> Option<[u8; LENGTH]> {
    struct Octets(usize);
    impl hkdf::KeyType for Octets {
        fn len(&self) -> usize {
            self.0
        }
    }
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(LENGTH).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info = [&length[..], &label_length, PREFIX, label, &[0]];
    let mut out = [0; LENGTH];
    secret.expand(&info, Octets(LENGTH)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
impl Keys {
    /// Protects a packet: `header` ends with a number of four octets.
    pub(super) fn seal(&mut self, from_client: bool, header: &[u8], plain: &[u8]) -> Vec<u8> {
        let direction = self.direction(from_client).expect("keys");
        let at = header.len() - 4;
        let mut nonce = direction.vector;
        for (octet, number) in nonce.iter_mut().rev().zip(header.iter().rev().take(4)) {
            *octet ^= number;
        }
        let mut sealed = plain.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        direction
            .packet
            .seal_in_place_append_tag(nonce, aead::Aad::from(header), &mut sealed)
            .expect("it is not too long");
        let mut packet = [header, &sealed].concat();
        let mask = direction.header.new_mask(&packet[at + 4..at + 20]).expect("a sample");
        packet[0] ^= mask[0] & 0x0f;
        for (octet, mask) in packet[at..at + 4].iter_mut().zip(&mask[1..]) {
            *octet ^= mask;
        }
        packet
    }
}
