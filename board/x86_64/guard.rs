//! The first program that the firmware starts: it starts the boot loader, and resets the machine
//! when that cannot be or comes back. Without it the firmware would wait for somebody to press a
//! key after a boot loader or a kernel was refused; with it the next try is counted, and after
//! three of them the boot loader takes the other slot.
//!
//! UEFI specification 2.10: 4.3 system table, 7.4 image services, 8.5.1 ResetSystem, 10.3 device
//! paths. The firmware verifies the boot loader's signature in LoadImage.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{null, null_mut};

type Handle = *mut c_void;
type Status = usize;

/// The most bytes of a device path of the disk that we came from.
const PATH: usize = 1024;

#[repr(C)]
struct Guid(u32, u16, u16, [u8; 8]);

const LOADED_IMAGE: Guid = Guid(0x5B1B_31A1, 0x9562, 0x11d2, [0x8E, 0x3F, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B]);
const DEVICE_PATH: Guid = Guid(0x0957_6E91, 0x6D3F, 0x11D2, [0x8E, 0x39, 0x00, 0xA0, 0xC9, 0x69, 0x72, 0x3B]);

/// EFI_SYSTEM_TABLE.
#[repr(C)]
struct SystemTable {
    header: [u64; 3],
    vendor: *const u16,
    revision: u32,
    console: [*mut c_void; 6],
    runtime: *const RuntimeServices,
    boot: *const BootServices,
}

/// EFI_RUNTIME_SERVICES, up to what is used.
#[repr(C)]
struct RuntimeServices {
    header: [u64; 3],
    others: [usize; 10],
    reset_system: extern "efiapi" fn(u32, Status, usize, *const c_void),
}

/// EFI_BOOT_SERVICES, up to what is used.
#[repr(C)]
struct BootServices {
    header: [u64; 3],
    before_handle: [usize; 16],
    handle_protocol: extern "efiapi" fn(Handle, *const Guid, *mut *mut c_void) -> Status,
    before_load: [usize; 5],
    load_image: extern "efiapi" fn(u8, Handle, *const u8, *const c_void, usize, *mut Handle) -> Status,
    start_image: extern "efiapi" fn(Handle, *mut usize, *mut *mut u16) -> Status,
    exit: usize,
    unload_image: usize,
    before_stall: [usize; 2],
    stall: extern "efiapi" fn(usize) -> Status,
}

/// EFI_LOADED_IMAGE_PROTOCOL, up to what is used.
#[repr(C)]
struct LoadedImage {
    revision: u32,
    parent: Handle,
    system: *const SystemTable,
    device: Handle,
}

#[no_mangle]
extern "efiapi" fn efi_main(image: Handle, system: *const SystemTable) -> Status {
    // SAFETY: the firmware hands over a valid system table, UEFI 4.1
    let (boot, runtime) = unsafe { (&*(*system).boot, &*(*system).runtime) };
    // two copies of one boot loader: the second when the first is damaged
    let _started = start(image, boot, b"\\EFI\\systemd\\boot-1.efi") || start(image, boot, b"\\EFI\\systemd\\boot-2.efi");
    // long enough to read what the boot loader said
    (boot.stall)(3_000_000);
    (runtime.reset_system)(0, 0, 0, null());
    0
}

/// Starts `file` of the file system that we came from, and comes back when that does; false when
/// it cannot be started.
fn start(image: Handle, boot: &BootServices, file: &[u8]) -> bool {
    let mut found: *mut c_void = null_mut();
    if (boot.handle_protocol)(image, &LOADED_IMAGE, &mut found) != 0 {
        return false;
    }
    // SAFETY: the protocol that was asked for has this shape, UEFI 9.1
    let device = unsafe { (*found.cast::<LoadedImage>()).device };
    if (boot.handle_protocol)(device, &DEVICE_PATH, &mut found) != 0 {
        return false;
    }
    let disk: *const u8 = found.cast();
    let name = 2 * (file.len() + 1);
    let mut path = MaybeUninit::<[u8; PATH]>::uninit();
    let path = path.as_mut_ptr().cast::<u8>();
    // volatile, because the compiler makes calls of memcpy out of other loops, and there is none
    // SAFETY: every `at` is below PATH, as the loop over the disk's nodes sees to
    let put = |at: usize, byte: u8| unsafe { path.add(at).write_volatile(byte) };
    // SAFETY: device paths are nodes of (type, subtype, length in two bytes) that end with a node
    // of type 0x7f, UEFI 10.3
    let get = |at: usize| unsafe { disk.add(at).read_volatile() };
    let mut len = 0;
    while get(len) != 0x7f {
        let next = len + (usize::from(get(len + 2)) | usize::from(get(len + 3)) << 8);
        if next < len + 4 || next + 4 + name + 4 > PATH {
            return false;
        }
        while len < next {
            put(len, get(len));
            len += 1;
        }
    }
    // a file path: type 4, subtype 4, its name in UTF-16 with a closing zero
    let size = 4 + name;
    for (at, byte) in [4, 4, size as u8, 0].into_iter().enumerate() {
        put(len + at, byte);
    }
    for at in 0..name {
        let letter = if at % 2 == 0 { file.get(at / 2).copied() } else { None };
        put(len + 4 + at, letter.unwrap_or(0));
    }
    for (at, byte) in [0x7f, 0xff, 4, 0].into_iter().enumerate() {
        put(len + size + at, byte);
    }
    let mut loader: Handle = null_mut();
    if (boot.load_image)(0, image, path, null(), 0, &mut loader) != 0 {
        return false;
    }
    (boot.start_image)(loader, null_mut(), null_mut());
    true
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
