//! The one thread that may open packet sockets. It keeps CAP_NET_RAW for ports that appear or come
//! back later and never sees a frame; every other thread gives its capabilities up.

use std::sync::mpsc;

use caps::{CapSet, Capability};

use crate::tap::Tap;

type Request = (String, mpsc::SyncSender<Result<Tap, String>>);

/// Asks the thread to open taps.
#[derive(Debug, Clone)]
pub(crate) struct Opener(mpsc::SyncSender<Request>);

impl Opener {
    /// Starts the thread, then takes the capabilities from the calling thread and from all that it
    /// starts from now on.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let (requests, asked) = mpsc::sync_channel::<Request>(16);
        std::thread::Builder::new().name("opener".to_owned()).spawn(move || {
            keep_only(&[Capability::CAP_NET_RAW]);
            for (name, reply) in asked {
                // A port that is gone waits for no answer.
                let _ = reply.send(Tap::open(&name));
            }
        })?;
        keep_only(&[]);
        Ok(Self(requests))
    }

    /// Opens an interface.
    ///
    /// # Errors
    /// Says why it cannot be captured on.
    pub(crate) fn open(&self, name: &str) -> Result<Tap, String> {
        let (reply, answer) = mpsc::sync_channel(1);
        let stopped = || "the program stops".to_owned();
        self.0.send((name.to_owned(), reply)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())?
    }
}

/// Gives up the calling thread's capabilities but these; those that it does not have it does not get.
fn keep_only(wanted: &[Capability]) {
    let kept = |set| -> Result<caps::CapsHashSet, caps::errors::CapsError> {
        let mut has = caps::read(None, set)?;
        has.retain(|c| wanted.contains(c));
        Ok(has)
    };
    // Ambient first: it may not exceed the others.
    for set in [
        CapSet::Ambient,
        CapSet::Inheritable,
        CapSet::Effective,
        CapSet::Permitted,
    ] {
        let done = kept(set).and_then(|has| caps::set(None, set, &has));
        if let Err(e) = done {
            log::warn!(EVENT = "capabilities"; "cannot give up capabilities ({set:?}): {e}");
        }
    }
}
