#!/bin/sh
# Makes of Buildroot's tree what xtask makes of Debian's packages, before the post-build.sh that
# both builders run: keeps the boot files, then drops what keep.list does not name. $1 is TARGET_DIR.
set -eu
target=$1
here=$(cd "$(dirname "$0")" && pwd)
: "${FIRMWARE_DIR:?is the checkout}" "${SYSTEMD_BOOT_DIR:?is where the boot loader goes}"

mkdir -p "$SYSTEMD_BOOT_DIR"
if [ -d "$target/usr/lib/systemd/boot/efi" ]; then
	cp "$target/usr/lib/systemd/boot/efi"/*x64.efi* "$SYSTEMD_BOOT_DIR"
fi

python3 "$here/cut-down.py" "$target" "$FIRMWARE_DIR/board/x86_64/keep.list" "$here/keep.map" \
	"$FIRMWARE_DIR/rootfs-overlay"

# Debian calls the bus's user messagebus; Buildroot's own configuration of the bus says dbus.
sed -i 's|<user>dbus</user>|<user>messagebus</user>|' "$target/usr/share/dbus-1/system.conf"
