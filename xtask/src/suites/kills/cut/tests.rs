//! A disk that is written through the socket, and what power cuts leave of it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::*;

const DISK: usize = 64 << 10;

/// A client as QEMU is one.
struct Client(UnixStream);

impl Client {
    fn of(socket: &Path) -> Self {
        let mut client = Self(UnixStream::connect(socket).expect("the disk is served"));
        assert_eq!(client.take(8), b"NBDMAGIC");
        client.take(8 + 2);
        client.send(&[&3_u32.to_be_bytes(), b"IHAVEOPT", &8_u32.to_be_bytes(), &[0; 4]]);
        // Structured replies are not spoken here: the option is refused, and the next one taken.
        assert_eq!(client.take(20).get(12..16), Some(&0x8000_0001_u32.to_be_bytes()[..]));
        client.send(&[b"IHAVEOPT", &7_u32.to_be_bytes(), &6_u32.to_be_bytes(), &[0; 6]]);
        let info = client.take(20 + 12);
        assert_eq!(info.get(22..30), Some(&(DISK as u64).to_be_bytes()[..]));
        client.take(20);
        client
    }

    fn send(&mut self, parts: &[&[u8]]) {
        self.0.write_all(&parts.concat()).expect("the disk listens");
    }

    fn take(&mut self, octets: usize) -> Vec<u8> {
        let mut taken = vec![0; octets];
        self.0.read_exact(&mut taken).expect("the disk answers");
        taken
    }

    fn ask(&mut self, flags: u16, kind: u16, at: u64, len: u32, octets: &[u8]) {
        let (flags, kind) = (flags.to_be_bytes(), kind.to_be_bytes());
        let head = [&0x2560_9513_u32.to_be_bytes()[..], &flags, &kind, b"handle 1"].concat();
        self.send(&[&head, &at.to_be_bytes(), &len.to_be_bytes(), octets]);
        let reply = self.take(16);
        assert_eq!(
            reply.get(4..),
            Some(&[&[0; 4][..], b"handle 1"].concat()[..]),
            "no error"
        );
    }

    fn write(&mut self, flags: u16, at: u64, octet: u8) {
        self.ask(flags, 1, at, 4096, &[octet; 4096]);
    }

    fn flush(&mut self) {
        self.ask(0, 3, 0, 0, &[]);
    }
}

#[test]
fn what_was_flushed_is_there_and_the_rest_is_there_by_sectors_or_not() {
    let dir = std::env::temp_dir().join(format!("spanwatch-cut-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let (first, disk) = (dir.join("first"), dir.join("disk"));
    for file in [&first, &disk] {
        std::fs::write(file, vec![0; DISK]).expect("a disk");
    }
    let recording = Recording::start(&disk, &dir.join("octets"), &dir.join("socket")).expect("a server");
    let mut client = Client::of(&dir.join("socket"));
    client.write(0, 0, 1);
    client.flush();
    client.write(0, 4096, 2);
    client.write(1, 8192, 3);
    client.ask(0, 0, 4096, 4096, &[]);
    assert!(
        client.take(4096).iter().all(|octet| *octet == 2),
        "the machine reads what it wrote"
    );
    let kinds: Vec<bool> = recording.events().iter().map(|event| *event == Event::Flush).collect();
    assert_eq!(kinds, [false, true, false, false]);

    let mut disks = Disks::new(&recording, &first);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let cut = Cut { at: 4, phase: "", seed };
        let lost = disks.make(&cut, &dir.join("cut")).expect("a disk after a cut");
        assert_eq!(lost.pending, 1);
        let found = std::fs::read(dir.join("cut")).expect("it is there");
        let all = |from: usize, octet: u8| found.iter().skip(from).take(4096).all(|found| *found == octet);
        assert!(all(0, 1) && all(8192, 3), "flushed and forced, with seed {seed}");
        let sectors = found.get(4096..8192).expect("as large").chunks(512);
        let kept = sectors.filter(|sector| {
            let whole = sector.iter().all(|octet| *octet == 2);
            assert!(whole || sector.iter().all(|octet| *octet == 0), "a sector is whole");
            whole
        });
        let kept = kept.count();
        seen.insert(if lost.lost == 1 {
            "lost"
        } else if lost.torn == 1 {
            "torn"
        } else {
            "kept"
        });
        assert!(lost.lost == 0 || kept == 0, "a write that is lost is not there");
        assert!(lost.lost + lost.torn == 1 || kept == 8, "a write that is kept is there");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    // Before the flush nothing is sure, and before the first write there is nothing.
    assert_eq!(recording.len(), 4);
    let _ = std::fs::remove_dir_all(&dir);
}
