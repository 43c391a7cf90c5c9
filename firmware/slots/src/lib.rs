//! The two firmware slots as the boot loader sees them: names of kernel images on the EFI system
//! partition, and what to change there so that another slot starts.
//!
//! A kernel's file is called `spanwatch-GGGGGG-S[+L[-D]].efi`: its generation, its slot, how many
//! tries are left and how many were done (systemd's boot counting). The boot loader takes the
//! highest generation with tries left, takes one try off its name before it starts it, and falls
//! back to those without tries when nothing else is there.
//!
//! [`name`] reads and writes those names, [`esp`] plans each change as a short list of steps, and
//! [`mounted`] carries them out: in the program `slots`, for RAUC and the supervisor,
//! and in the recovery system.

pub mod esp;
pub mod floor;
pub mod mounted;
pub mod name;

pub use esp::{Esp, Step};
pub use name::{Entry, Slot, Unfinished};

/// How often a kernel may start before it has to be found good.
pub const TRIES: u8 = 3;

/// Why a change of the slots cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No kernel of the slot is on the EFI system partition.
    #[error("slot {0} is empty: install an update into it first")]
    Empty(Slot),
    /// The slot was marked bad: what is in it failed, or is not what its kernel expects.
    #[error("slot {0} was marked bad: install an update into it")]
    Bad(Slot),
    /// A kernel would be put into the slot that runs.
    #[error("slot {0} is running and cannot be replaced: install into the other one")]
    Running(Slot),
    /// Six digits of generations are used up.
    #[error("generation 999999 is reached: flash the appliance anew from its factory image")]
    LastGeneration,
    /// A slot's name is neither of the two.
    #[error("there is no slot {0:?}: the slots are A and B")]
    NoSlot(String),
}
