#!/bin/sh
# Makes the disk image; both image builders run it. $1 is BINARIES_DIR, which holds rootfs.erofs,
# bzImage and kernel.release; what is left there: root.img (with its hash tree), spanwatch-a.efi,
# spanwatch-b.efi, spanwatch-recovery.efi (signed), BOOTX64.EFI, systemd-boot.efi (signed) and disk.img.
# Needs in the environment TARGET_DIR (the root tree), SOURCE_DATE_EPOCH, SYSTEMD_BOOT_DIR (linuxx64.efi.stub, systemd-bootx64.efi),
# SPANWATCH_SB_KEY (a path or a PKCS#11 URI) and SPANWATCH_SB_CERT, and in PATH veritysetup, ukify,
# sbsign, mke2fs, mtools, sfdisk, rustc, binutils, cpio and zstd.
set -eu
umask 022
board=$(cd "$(dirname "$0")" && pwd)
out=$1
generation=${SPANWATCH_GENERATION:-1}
: "${SOURCE_DATE_EPOCH:?is the time of every file in the image}" "${SYSTEMD_BOOT_DIR:?is where the boot loader is}"
: "${TARGET_DIR:?is the root tree}"
: "${SPANWATCH_SB_KEY:?signs the boot programs}" "${SPANWATCH_SB_CERT:?is the certificate of that key}"
export SOURCE_DATE_EPOCH TZ=UTC LC_ALL=C
table=$board/partitions.sfdisk

# field NAME KEY: a value of the partition table's line for NAME
field() {
    sed -n "/name=\"$1\"/s/.*$2=\([^,]*\),.*/\1/p" "$table" | tr -d ' '
}

# The root image and its hash tree behind it; salt and UUID come from the contents.
data_bytes=$(stat -c %s "$out/rootfs.erofs")
[ $((data_bytes % 4096)) -eq 0 ] || { echo "rootfs.erofs is not a multiple of 4096 bytes" >&2; exit 1; }
blocks=$((data_bytes / 4096))
salt=$(sha256sum "$out/rootfs.erofs" | cut -c1-64)
uuid=$(echo "$salt" | sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-4\3-8\4-\5/')
cp "$out/rootfs.erofs" "$out/root.img"
veritysetup format --uuid="$uuid" --salt="$salt" --data-block-size=4096 --hash-block-size=4096 --hash=sha256 \
    --data-blocks="$blocks" --hash-offset="$data_bytes" "$out/root.img" "$out/root.img" >"$out/verity.txt"
hash=$(sed -n 's/^Root hash:[[:space:]]*//p' "$out/verity.txt")
[ ${#hash} -eq 64 ] || { echo "veritysetup gave no root hash" >&2; exit 1; }
root_bytes=$(stat -c %s "$out/root.img")
slot_bytes=$(($(field spanwatch-root-a size) * 512))
[ "$root_bytes" -le "$slot_bytes" ] || { echo "root.img has $root_bytes bytes, a slot $slot_bytes" >&2; exit 1; }

# What is signed: in its place, with a key in a file or behind PKCS#11.
sign() {
    case $SPANWATCH_SB_KEY in
    pkcs11:*) sbsign --engine pkcs11 --key "$SPANWATCH_SB_KEY" --cert "$SPANWATCH_SB_CERT" --output "$1" "$1" ;;
    *) sbsign --key "$SPANWATCH_SB_KEY" --cert "$SPANWATCH_SB_CERT" --output "$1" "$1" ;;
    esac
}

# A kernel image for each slot: the command line names the slot's partition and the root hash. It
# fills all that the kernel takes (2047 bytes): what the boot stub finds in the machine's SMBIOS or
# elsewhere comes behind it, and is cut off. noinitrd: a boot entry that adds an initrd adds nothing.
cat >"$out/uki-os-release" <<END
ID=spanwatch
NAME="Spanwatch"
PRETTY_NAME="Spanwatch"
END
version=$(sed -n 's/^VERSION_ID=//p' "$TARGET_DIR/usr/lib/os-release")
base=$(grep -v '^#' "$board/cmdline" | tr '\n' ' ' | sed 's/ *$//')
for slot in a b; do
    part=PARTUUID=$(field spanwatch-root-$slot uuid)
    upper=$(echo $slot | tr ab AB)
    line=$(printf '%s root=/dev/dm-0 rootfstype=erofs ro rootwait=20 noinitrd systemd.machine_id=firmware systemd.import_credentials=no dm-mod.waitfor="%s" dm-mod.create="root,,,ro,0 %s verity 1 %s %s 4096 4096 %s %s sha256 %s %s 1 panic_on_corruption" rauc.slot=%s spanwatch.version=%s spanwatch.end=' \
        "$base" "$part" $((blocks * 8)) "$part" "$part" "$blocks" $((blocks + 1)) "$hash" "$salt" "$upper" "$version")
    [ ${#line} -lt 2000 ] || { echo "the command line has ${#line} bytes, the kernel takes 2047" >&2; exit 1; }
    printf '%s%0*d' "$line" $((2047 - ${#line})) 0 >"$out/cmdline-$slot"
    ukify build --linux="$out/bzImage" --stub="$SYSTEMD_BOOT_DIR/linuxx64.efi.stub" --cmdline=@"$out/cmdline-$slot" \
        --os-release=@"$out/uki-os-release" --uname="$(cat "$out/kernel.release")" --output="$out/spanwatch-$slot.efi" >"$out/ukify.txt"
    sign "$out/spanwatch-$slot.efi"
done

# The recovery system: the kernel and an initramfs with one program. Its ID sorts it behind slots that
# have tries left and before those that have none, so that a box whose slots both fail starts it.
"$board/initramfs.sh" "$TARGET_DIR" "$out/recovery.cpio.zst" usr/lib/spanwatch/recovery usr/bin/rauc \
    usr/share/spanwatch/recovery.conf usr/lib/spanwatch/bundle-ca.pem usr/lib/spanwatch/version-floor \
    etc/ssl/openssl.cnf usr/lib/ssl/openssl.cnf
cat >"$out/recovery-os-release" <<END
ID=spanwatch-recovery
NAME="Spanwatch recovery"
PRETTY_NAME="Spanwatch recovery"
END
line="$base rdinit=/init systemd.import_credentials=no spanwatch.version=$version spanwatch.end="
printf '%s%0*d' "$line" $((2047 - ${#line})) 0 >"$out/cmdline-recovery"
ukify build --linux="$out/bzImage" --initrd="$out/recovery.cpio.zst" --stub="$SYSTEMD_BOOT_DIR/linuxx64.efi.stub" \
    --cmdline=@"$out/cmdline-recovery" --os-release=@"$out/recovery-os-release" --uname="$(cat "$out/kernel.release")" \
    --output="$out/spanwatch-recovery.efi" >"$out/ukify.txt"
sign "$out/spanwatch-recovery.efi"
# two slots and one that is being written must fit beside it
[ "$(stat -c %s "$out/spanwatch-recovery.efi")" -le 23000000 ] || { echo "spanwatch-recovery.efi is too large" >&2; exit 1; }

# What the firmware starts first, see guard.rs. Its sections hold no addresses, so that it needs no
# relocation; the build stops when the compiler made one.
rustc --edition 2021 --crate-name guard --crate-type lib --emit obj -C panic=abort -C opt-level=s \
    -C relocation-model=pic -C no-redzone=yes -C force-unwind-tables=no -o "$out/guard.o" "$board/guard.rs"
if objdump -r "$out/guard.o" | grep -q 'R_X86_64_\(64\|32\|GOT\)'; then
    echo "guard.rs needs relocations, which guard.lds does not give it" >&2
    exit 1
fi
ld -nostdlib -shared -Bsymbolic --no-undefined -T "$board/guard.lds" -o "$out/guard.so" "$out/guard.o"
objcopy -j .text -j .data -j .reloc -O pei-x86-64 --subsystem efi-app --file-alignment 512 --section-alignment 4096 \
    "$out/guard.so" "$out/BOOTX64.EFI"
cp "$SYSTEMD_BOOT_DIR/systemd-bootx64.efi" "$out/systemd-boot.efi"
sign "$out/BOOTX64.EFI"
sign "$out/systemd-boot.efi"

# The EFI system partition. The generation is the first in a kernel's name, since the boot loader
# orders by names; behind it are the tries that are left (firmware/slots).
esp=$out/esp.img
rm -f "$esp"
truncate -s $(($(field spanwatch-esp size) * 512)) "$esp"
mformat -i "$esp" -F -c 1 -N 53504157 -v SPANWATCH ::
mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/systemd ::/EFI/Linux ::/loader
# The kernels' folder gets eight clusters at once. A firmware that makes it longer while the boot loader renames a
# kernel, and loses power in it, leaves a folder that nothing can read, and a box that does not start.
rm -rf "$out/names"
mkdir "$out/names"
for number in $(seq 10 49); do
    touch -d "@$SOURCE_DATE_EPOCH" "$out/names/spanwatch-name-$number"
done
mcopy -m -i "$esp" "$out"/names/* ::/EFI/Linux
mdel -i "$esp" '::/EFI/Linux/spanwatch-name-*'
rm -rf "$out/names"
cp "$board/loader.conf" "$out/loader.conf"
put_esp() {
    touch -d "@$SOURCE_DATE_EPOCH" "$1"
    mcopy -m -i "$esp" "$1" "::/$2"
}
put_esp "$out/BOOTX64.EFI" EFI/BOOT/BOOTX64.EFI
put_esp "$out/systemd-boot.efi" EFI/systemd/boot-1.efi
put_esp "$out/systemd-boot.efi" EFI/systemd/boot-2.efi
put_esp "$out/loader.conf" loader/loader.conf
put_esp "$out/spanwatch-recovery.efi" EFI/Linux/spanwatch-recovery.efi
put_esp "$out/spanwatch-a.efi" "EFI/Linux/spanwatch-$(printf %06d "$generation")-a+3.efi"

# The identity partition, empty until the factory fills it.
identity=$out/identity.img
uuid=$(field spanwatch-identity uuid)
rm -f "$identity"
truncate -s $(($(field spanwatch-identity size) * 512)) "$identity"
cat >"$out/mke2fs.conf" <<END
[fs_types]
    small = {
        blocksize = 1024
    }
    ext4 = {
        features = has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,extra_isize,metadata_csum
    }
END
MKE2FS_CONFIG=$out/mke2fs.conf E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 1024 -I 256 -m 0 -L spanwatch-id \
    -U "$uuid" -J size=1 -E hash_seed="$uuid",lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 "$identity"

# The disk: as long as its partitions and the spare table behind them.
disk=$out/disk.img
rm -f "$disk"
end=$(($(field spanwatch-data start) + $(field spanwatch-data size)))
truncate -s $(((end + 2048) * 512)) "$disk"
sfdisk -q "$disk" <"$table"
put() {
    dd if="$1" of="$disk" bs=1M seek=$(($2 * 512)) oflag=seek_bytes conv=notrunc,sparse status=none
}
put "$esp" "$(field spanwatch-esp start)"
put "$out/root.img" "$(field spanwatch-root-a start)"
put "$identity" "$(field spanwatch-identity start)"
