//! Initial packets of QUIC version 1 (RFC 9000, section 17.2.2), protected as RFC 9001 has it.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

/// RFC 9001, section 5.2.
const SALT: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
    0x0a,
];

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1).
fn expand(from: &Prk, label: &str, length: usize) -> Option<Vec<u8>> {
    let label = format!("tls13 {label}");
    let wanted = [0, u8::try_from(length).ok()?];
    let info = [&wanted[..], &[u8::try_from(label.len()).ok()?], label.as_bytes(), &[0]];
    let mut out = vec![0; length];
    from.expand(&info, Length(length)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// An Initial packet of 1,200 octets that carries a handshake message. `original` is the connection identifier that the
/// client chose for the server at first; `to` and `from` are those of this packet.
pub(super) fn initial(message: &[u8], original: &[u8], to: &[u8], from: &[u8], is_client: bool) -> Option<Vec<u8>> {
    let secret = Salt::new(HKDF_SHA256, &SALT).extract(original);
    let label = if is_client { "client in" } else { "server in" };
    let secret = Prk::new_less_safe(HKDF_SHA256, &expand(&secret, label, 32)?);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand(&secret, "quic key", 16)?).ok()?);
    // Packet number 0 leaves the initialisation vector as it is.
    let nonce: [u8; 12] = expand(&secret, "quic iv", 12)?.try_into().ok()?;
    let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &expand(&secret, "quic hp", 16)?).ok()?;

    let mut header = vec![0xc0, 0, 0, 0, 1, u8::try_from(to.len()).ok()?];
    header.extend(to);
    header.push(u8::try_from(from.len()).ok()?);
    header.extend(from);
    // No token; the length in two octets; a packet number of one octet.
    header.push(0);
    let rest = 1_200_usize.checked_sub(header.len() + 2)?;
    header.extend((0x4000 | u16::try_from(rest).ok()?).to_be_bytes());
    header.push(0);
    // A CRYPTO frame at offset 0, then padding.
    let mut body = vec![6, 0];
    body.extend((0x4000 | u16::try_from(message.len()).ok()?).to_be_bytes());
    body.extend(message);
    body.resize(rest.checked_sub(1 + 16)?, 0);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut body)
        .ok()?;
    // The sample begins four octets behind where the packet number begins.
    let mask = mask.new_mask(body.get(3..19)?).ok()?;
    *header.first_mut()? ^= mask[0] & 0x0f;
    *header.last_mut()? ^= mask[1];
    header.extend(body);
    Some(header)
}
