//! A capture file played onto a wire, again and again.

mod ethernet;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use capture::file::CaptureFile;
use capture::{Frame, Polled, Source};

/// Silence longer than this is cut short, so that a replay always has something to show.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// The least time between two frames: 10,000 a second, which a guest under TCG takes without loss.
const SHORTEST_GAP: Duration = Duration::from_micros(100);

/// Frames that are due within this time are sent at once, because sleeping shorter is inexact.
const BURST: Duration = Duration::from_millis(1);

/// The largest frame that a datagram of the loopback carries.
const LARGEST_FRAME: usize = 65_507;

/// A capture that is being replayed.
pub(crate) struct Replay {
    path: PathBuf,
    file: CaptureFile,
    queue: VecDeque<(Duration, Vec<u8>)>,
    last_time: Option<u64>,
    due: Instant,
    sent_in_round: u64,
}

impl Replay {
    /// Opens a capture and reads its first frames; fails where it cannot be put onto Ethernet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open(path)?;
        let mut replay = Self {
            path: path.to_owned(),
            file,
            queue: VecDeque::new(),
            last_time: None,
            due: Instant::now(),
            sent_in_round: 0,
        };
        if !replay.fill()? {
            bail!("{} holds no frame to replay", path.display());
        }
        Ok(replay)
    }

    /// Sends what is due during the next `time`, and returns whether the capture's end was passed.
    pub(crate) fn step(&mut self, mut send: impl FnMut(&[u8]) -> Result<()>, time: Duration) -> Result<bool> {
        let until = Instant::now() + time;
        let mut passed_end = false;
        loop {
            let Some((gap, frame)) = self.queue.front() else {
                if !self.fill()? {
                    if self.sent_in_round == 0 {
                        bail!("{} holds no frame to replay", self.path.display());
                    }
                    self.file = open(&self.path)?;
                    self.last_time = None;
                    self.sent_in_round = 0;
                    passed_end = true;
                }
                continue;
            };
            let now = Instant::now();
            // a step that comes late does not make a burst of what was missed
            let due = (self.due + *gap).max(now - BURST);
            if due > until {
                std::thread::sleep(until.saturating_duration_since(now));
                return Ok(passed_end);
            }
            if due > now + BURST {
                std::thread::sleep(due - now);
            }
            send(frame)?;
            self.due = due;
            self.sent_in_round += 1;
            self.queue.pop_front();
        }
    }

    /// Reads on; false at the capture's end.
    fn fill(&mut self) -> Result<bool> {
        while self.queue.is_empty() {
            let (queue, last_time) = (&mut self.queue, &mut self.last_time);
            let mut other_link = None;
            let polled = self.file.poll(Duration::ZERO, |frame: &Frame<'_>| {
                let Some(bytes) = ethernet::frame(frame.link_type, frame.data) else {
                    other_link = Some(frame.link_type);
                    return;
                };
                if bytes.len() <= LARGEST_FRAME {
                    let time = frame.time.as_nanos();
                    let gap = Duration::from_nanos(time.saturating_sub(last_time.unwrap_or(time)));
                    *last_time = Some(time);
                    queue.push_back((gap.clamp(SHORTEST_GAP, LONGEST_GAP), bytes));
                }
            });
            if let Some(link) = other_link {
                bail!(
                    "{} holds frames of link type {link}, which cannot be put onto an Ethernet wire",
                    self.path.display()
                );
            }
            match polled {
                Ok(Polled::End) => return Ok(!self.queue.is_empty()),
                Ok(Polled::Frames(_) | Polled::Idle) => {}
                // what came before the damage is replayed
                Err(error) if self.sent_in_round > 0 || !self.queue.is_empty() => {
                    eprintln!("    replay: {}: {:#}", self.path.display(), anyhow::Error::from(error));
                    return Ok(!self.queue.is_empty());
                }
                Err(error) => return Err(error).with_context(|| format!("cannot replay {}", self.path.display())),
            }
        }
        Ok(true)
    }
}

fn open(path: &Path) -> Result<CaptureFile> {
    CaptureFile::open(path).with_context(|| format!("cannot replay {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pcap file of Ethernet frames at the given microseconds.
    fn pcap(frames: &[(u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            bytes.extend(word.to_le_bytes());
        }
        for (micros, data) in frames {
            let len = u32::try_from(data.len()).unwrap_or_default();
            for word in [micros / 1_000_000, micros % 1_000_000, len, len] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn rounds_repeat_every_frame_in_order() -> Result<()> {
        let dir = crate::build_dir()?.join("test-replay");
        std::fs::create_dir_all(&dir)?;
        let path = dir.join("three.pcap");
        std::fs::write(
            &path,
            pcap(&[
                (0, b"one-frame-here"),
                (10, b"two-frame-here"),
                (4_000_000_000, b"the-last-frame"),
            ]),
        )?;
        let mut replay = Replay::open(&path)?;
        let gaps: Vec<Duration> = replay.queue.iter().map(|(gap, _)| *gap).collect();
        assert_eq!(gaps, [SHORTEST_GAP, SHORTEST_GAP, LONGEST_GAP]);
        for (gap, _) in &mut replay.queue {
            *gap = SHORTEST_GAP;
        }
        let mut sent = Vec::new();
        while sent.len() < 5 {
            replay.step(
                |frame| {
                    sent.push(frame.to_vec());
                    Ok(())
                },
                Duration::from_millis(1),
            )?;
        }
        assert_eq!(sent.first(), sent.get(3));
        assert_eq!(sent.get(2).map(Vec::as_slice), Some(&b"the-last-frame"[..]));
        Ok(())
    }

    #[test]
    fn a_gap_longer_than_a_step_comes_to_its_end() -> Result<()> {
        let dir = crate::build_dir()?.join("test-replay");
        std::fs::create_dir_all(&dir)?;
        let path = dir.join("gap.pcap");
        std::fs::write(&path, pcap(&[(0, b"one-frame-here"), (30_000, b"two-frame-here")]))?;
        let mut replay = Replay::open(&path)?;
        let mut sent = 0;
        for _ in 0..10_000 {
            let count = |_: &[u8]| {
                sent += 1;
                Ok(())
            };
            replay.step(count, Duration::from_millis(1))?;
            if sent >= 2 {
                return Ok(());
            }
        }
        bail!("{sent} of 2 frames were sent")
    }

    #[test]
    fn what_is_no_capture_is_refused_in_words() {
        let error = Replay::open(Path::new("/nonexistent.pcap"))
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        assert!(error.contains("cannot replay /nonexistent.pcap"), "{error}");
    }
}
