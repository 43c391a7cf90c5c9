//! Takes batches from collectors over a Unix socket and answers each with a receipt.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use api::frame;
use api::ingest::{self, BatchId, LinkInfo, Message, Receipt};
use model::{Block, LinkId, LogBlock};
use store::{Batch, BatchKey, Content};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::writer::{Job, Shared, now};

/// Collectors that are served at a time.
const CONNECTIONS_MAX: usize = 8;
/// KiB of batches that wait to be stored, over all connections.
const QUEUED_KIB: usize = 48 << 10;
/// Links that a collector may have.
const LINKS_MAX: usize = 16_384;

/// Serves collectors for ever.
pub(crate) async fn serve(listener: UnixListener, shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let room = Arc::new(Semaphore::new(QUEUED_KIB));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = Connection {
                    shared: shared.clone(),
                    jobs: jobs.clone(),
                    room: room.clone(),
                    links: Vec::new(),
                };
                tokio::spawn(async move {
                    connection.run(stream).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

struct Connection {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    /// The links that this collector named.
    links: Vec<LinkId>,
}

impl Connection {
    async fn run(mut self, stream: UnixStream) {
        let alone = self.shared.collectors.fetch_add(1, Ordering::Relaxed) == 0;
        let (reader, writer) = stream.into_split();
        let (receipts, outgoing) = mpsc::unbounded_channel();
        let answering = tokio::spawn(answer(writer, outgoing));
        match self.read(reader, receipts, alone).await {
            Ok(()) => log::info!(EVENT = "collector_gone"; "a collector closed its connection"),
            Err(e) => log::warn!(EVENT = "collector_gone"; "a collector's connection ended: {e:#}"),
        }
        self.shared.collectors.fetch_sub(1, Ordering::Relaxed);
        answering.abort();
    }

    async fn read(
        &mut self,
        mut reader: OwnedReadHalf,
        receipts: mpsc::UnboundedSender<(Receipt, OwnedSemaphorePermit)>,
        alone: bool,
    ) -> anyhow::Result<()> {
        let mut greeted = false;
        while let Some(body) = frame::read(&mut reader).await? {
            let kib = u32::try_from(body.len() / 1_024 + 1)?;
            // Waiting here holds the collector back: it keeps what it could not send.
            let permit = self.room.clone().acquire_many_owned(kib).await?;
            let (id, content) = match ingest::decode(&body)? {
                Message::Hello { version, links } => {
                    anyhow::ensure!(
                        version == ingest::VERSION,
                        "it speaks version {version} and this box version {}: run the same release on both",
                        ingest::VERSION
                    );
                    anyhow::ensure!(links.len() <= LINKS_MAX, "it names {} links", links.len());
                    self.greet(links, alone && !greeted).await?;
                    greeted = true;
                    continue;
                }
                _ if !greeted => anyhow::bail!("it did not say hello"),
                Message::Block { id, bytes } => match Block::parse(bytes) {
                    Ok(block) => (id, Content::Block(block)),
                    Err(e) => {
                        self.refuse(id, &e, &receipts, permit);
                        continue;
                    }
                },
                Message::Windows { id, windows } => (id, Content::Windows(windows)),
                Message::WindowsBefore { id, windows } => {
                    (id, Content::Windows(windows.into_iter().map(Into::into).collect()))
                }
                Message::WindowsWithZeros { id, windows } => {
                    (id, Content::Windows(windows.into_iter().map(Into::into).collect()))
                }
                Message::Interfaces { id, minutes } => (id, Content::Interfaces(minutes)),
                Message::Gauges { id, gauges } => (id, Content::Gauges(gauges)),
                Message::Devices { id, devices } => (id, Content::Devices(devices)),
                Message::Logs { id, bytes } => match LogBlock::parse(bytes) {
                    Ok(block) => (id, Content::Logs(block)),
                    Err(e) => {
                        self.refuse(id, &e, &receipts, permit);
                        continue;
                    }
                },
                Message::Live { window } if window.seconds != 1 || window.link.exporter().is_some() => continue,
                Message::Live { window } => {
                    let mut live = self.shared.live.write().unwrap_or_else(PoisonError::into_inner);
                    live.push(*window, now());
                    continue;
                }
            };
            drop(body);
            let key = BatchKey {
                epoch: id.epoch,
                sequence: id.sequence,
            };
            let job = Job::Batch {
                batch: Batch { key, content },
                receipts: receipts.clone(),
                permit,
            };
            self.jobs.send(job).await?;
        }
        Ok(())
    }

    fn refuse(
        &self,
        id: BatchId,
        problem: &model::BlockError,
        receipts: &mpsc::UnboundedSender<(Receipt, OwnedSemaphorePermit)>,
        permit: OwnedSemaphorePermit,
    ) {
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        log::warn!(EVENT = "refused"; "a block was refused: {problem}");
        let reason = problem.to_string();
        // The reader ends soon after the writer does.
        let _ = receipts.send((Receipt::Refused { id, reason }, permit));
    }

    async fn greet(&mut self, links: Vec<LinkInfo>, replace: bool) -> anyhow::Result<()> {
        let (before, newest) = {
            let mut known = self.shared.links.write().unwrap_or_else(PoisonError::into_inner);
            let before = known.clone();
            let ids = links.iter().map(|l| l.id).collect();
            known.replace((!replace).then_some(self.links.as_slice()), links);
            self.links = ids;
            (before, known.clone())
        };
        if newest != before {
            let changed = newest
                .current()
                .iter()
                .filter(|(id, l)| before.current().get(id) != Some(*l));
            for (id, link) in changed {
                log::info!(EVENT = "link", PORT = link.name.as_str(); "link {id} is {}, {}", link.name, if link.up { "up" } else { "down" });
            }
            self.shared.known.forget();
            self.jobs.send(Job::Links(newest)).await?;
        }
        Ok(())
    }
}

async fn answer(mut writer: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<(Receipt, OwnedSemaphorePermit)>) {
    while let Some((receipt, permit)) = outgoing.recv().await {
        let Ok(body) = ingest::encode(&receipt) else { return };
        if frame::write(&mut writer, &body).await.is_err() {
            return;
        }
        drop(permit);
    }
}
