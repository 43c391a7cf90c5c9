#!/bin/sh
# Finishes the root tree; both image builders run it. $1 is TARGET_DIR. Needs in the environment:
# SPANWATCH_VERSION and SPANWATCH_BUNDLE_CA, and in PATH systemd-sysusers and systemctl that take --root.
set -eu
umask 022
target=$1
: "${SPANWATCH_VERSION:?is the version of the firmware}" "${SPANWATCH_BUNDLE_CA:?is who may sign updates}"

# Who may sign updates, and the lowest version that may follow once this one was found good.
mkdir -p "$target/usr/lib/spanwatch"
install -m 0644 "$SPANWATCH_BUNDLE_CA" "$target/usr/lib/spanwatch/bundle-ca.pem"

# What the box is made of, for the hardware monitor.
install -m 0644 "$(dirname "$0")/board.toml" "$target/usr/lib/spanwatch/board.toml"
[ -z "${SPANWATCH_FLOOR:-}" ] || echo "$SPANWATCH_FLOOR" >"$target/usr/lib/spanwatch/version-floor"

# Identity. The version is in VERSION_ID alone: the boot loader must not order slots by it.
mkdir -p "$target/etc" "$target/usr/lib"
cat >"$target/usr/lib/os-release" <<END
NAME="Spanwatch"
ID=spanwatch
PRETTY_NAME="Spanwatch $SPANWATCH_VERSION"
VERSION_ID=$SPANWATCH_VERSION
VARIANT_ID=x86_64
END
ln -sfn ../usr/lib/os-release "$target/etc/os-release"
[ -e "$target/etc/hostname" ] || echo spanwatch >"$target/etc/hostname"

# The machine's own identity comes from its board (systemd.machine_id=firmware).
: >"$target/etc/machine-id"
: >"$target/etc/fstab"
ln -sfn ../proc/self/mounts "$target/etc/mtab"
ln -sfn ../run/systemd/resolve/resolv.conf "$target/etc/resolv.conf"
[ -e "$target/etc/localtime" ] || [ -L "$target/etc/localtime" ] || ln -s ../usr/share/zoneinfo/UTC "$target/etc/localtime"
[ -e "$target/etc/hosts" ] || cat >"$target/etc/hosts" <<END
127.0.0.1 localhost
::1 localhost
END
cat >"$target/etc/nsswitch.conf" <<END
passwd: files
group: files
shadow: files
hosts: files dns
services: files
protocols: files
END

# Mount points of a read-only root.
for dir in data dev identity proc run sys tmp var boot efi root; do
    mkdir -p "$target/$dir"
done
chmod 1777 "$target/tmp"
chmod 0700 "$target/root"
rm -rf "$target/home" "$target/srv" "$target/media" "$target/mnt" "$target/opt"
rm -rf "${target:?}/var"/* "${target:?}/run"/* "${target:?}/tmp"/*

# Users and groups, from sysusers.d alone; numbers are fixed, as files on /data outlive a version.
rm -f "$target/usr/lib/sysusers.d/systemd-"* "$target/usr/lib/sysusers.d/dbus.conf"
rm -f "$target/etc/passwd" "$target/etc/group" "$target/etc/shadow" "$target/etc/gshadow"
mkdir -p "$target/usr/lib/sysusers.d"
cat >"$target/usr/lib/sysusers.d/00-base.conf" <<END
g tty 5 -
g disk 6 -
g shadow 42 -
g utmp 43 -
g nogroup 65534 -
g adm 4 -
g kmem 15 -
g dialout 20 -
g cdrom 24 -
g tape 26 -
g audio 29 -
g video 44 -
g users 100 -
g lp 7 -
g systemd-journal 190 -
u systemd-network 192 "systemd Network Management"
u systemd-resolve 193 "systemd Resolver"
u systemd-timesync 194 "systemd Time Synchronization"
u messagebus 195 "System Message Bus"
u sshd 196:65534 "sshd user" /run/sshd
g input 197 -
g sgx 198 -
g clock 199 -
g kvm 200 -
g render 201 -
u root 0 - /root /usr/sbin/nologin
u nobody 65534:65534 - /nonexistent
END
systemd-sysusers --root="$target"
rm -f "$target"/etc/*- "$target/etc/.pwd.lock"

# Certificates of public authorities, in one file.
if [ -d "$target/usr/share/ca-certificates/mozilla" ]; then
    mkdir -p "$target/etc/ssl/certs"
    for cert in "$target"/usr/share/ca-certificates/mozilla/*.crt; do
        cat "$cert"
    done >"$target/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$target/usr/share/ca-certificates"
fi

# Units: what the presets enable, and nothing else.
ln -sfn ../lib/systemd/systemd "$target/usr/sbin/init"
ln -sfn multi-user.target "$target/usr/lib/systemd/system/default.target"
rm -rf "$target/etc/systemd/system"
mkdir -p "$target/etc/systemd/system"
# Time, names and the bus are not needed to start: they come after the console (…d/late.conf).
units=$target/usr/lib/systemd/system
for unit in systemd-timesyncd.service systemd-resolved.service; do
    sed -i -e '/^Before=/d' -e 's/^WantedBy=sysinit.target/WantedBy=multi-user.target/' "$units/$unit"
done
rm -f "$units/sockets.target.wants/dbus.socket"
mkdir -p "$units/multi-user.target.wants"
ln -sfn ../dbus.socket "$units/multi-user.target.wants/dbus.socket"
systemctl --root="$target" preset-all
for unit in ldconfig.service systemd-hwdb-update.service systemd-bless-boot.service; do
    ln -sfn /dev/null "$target/etc/systemd/system/$unit"
done

# Time zones without the leap-second and POSIX copies.
rm -rf "$target/usr/share/zoneinfo/right" "$target/usr/share/zoneinfo/posix" "$target/usr/share/zoneinfo"/*.zi \
    "$target/usr/share/zoneinfo"/leap* "$target/usr/share/zoneinfo"/posixrules

ldconfig -r "$target"
rm -rf "$target/var/cache"
