//! Traffic made to order, for tests and measurements: conversations that open as the real ones of their applications do,
//! written plainly.

mod frame;
mod mix;
mod opening;
mod quic;
mod random;
mod tls;

pub use frame::{Conversation, Ends};
pub use mix::{Frame, Mix};
pub use opening::Opening;
pub use random::Random;
