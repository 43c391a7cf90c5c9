//! The QEMU machine that boots the image.
