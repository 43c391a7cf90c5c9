//! Questions and rollups wait for whoever stores records.

/// How nice those are who can wait: 0 is everyone else, 19 the nicest.
const NICE: i32 = 10;

/// Makes the calling thread, and those that it starts, give way to all others. Where the system does not allow it, they
/// go on as they are.
pub fn lower_priority() {
    // On Linux this is a property of a thread.
    if let Err(e) = rustix::process::setpriority_process(None, NICE) {
        log::debug!("the priority stays as it is: {e}");
    }
}
