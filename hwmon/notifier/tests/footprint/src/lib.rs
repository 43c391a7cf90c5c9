//! All of the notifier's functions, called with what the compiler cannot know.
#![no_std]

use core::net::SocketAddr;
use core::num::NonZeroU8;

use embedded_nal::{UdpClientStack, nb};
use notifier::{Alarm, Origin, Severity, Stamp, State, notify, syslog, trap};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

struct Stack(usize);

impl UdpClientStack for Stack {
    type UdpSocket = usize;
    type Error = usize;

    fn socket(&mut self) -> Result<usize, usize> {
        Ok(self.0)
    }
    fn connect(&mut self, socket: &mut usize, remote: SocketAddr) -> Result<(), usize> {
        *socket += usize::from(remote.port());
        Ok(())
    }
    fn send(&mut self, _: &mut usize, buffer: &[u8]) -> nb::Result<(), usize> {
        self.0 += core::hint::black_box(buffer).len();
        if self.0 > 9 { Ok(()) } else { Err(nb::Error::WouldBlock) }
    }
    fn receive(&mut self, _: &mut usize, _: &mut [u8]) -> nb::Result<(usize, SocketAddr), usize> {
        Err(nb::Error::WouldBlock)
    }
    fn close(&mut self, _: usize) -> Result<(), usize> {
        Ok(())
    }
}

/// Sends an alarm both ways.
#[unsafe(no_mangle)]
pub extern "C" fn alarm(seconds: u64, enterprise: u32, port: u16) -> bool {
    let text = core::hint::black_box("text");
    let origin = Origin { host: text, enterprise };
    let alarm = Alarm {
        severity: core::hint::black_box(Severity::Critical),
        state: core::hint::black_box(State::Raised),
        code: text,
        source: text,
        value: text,
        text,
    };
    let remote = SocketAddr::from((core::hint::black_box([192, 0, 2, 1]), port));
    let mut stack = Stack(0);
    let mut buffer = [0; notifier::SYSLOG_MAX];
    let stamp = Stamp::from_unix(seconds, 0);
    let mut send = |datagram: &[u8]| notify(&mut stack, remote, datagram, NonZeroU8::MIN, || {}).is_ok();
    let one = syslog(&origin, &alarm, stamp, &mut buffer).is_ok_and(&mut send);
    let other = trap(&origin, &alarm, text, enterprise, 1, &mut buffer).is_ok_and(&mut send);
    one && other
}
