#!/bin/sh
# Makes the disk image; both image builders run it. $1 is BINARIES_DIR, which holds rootfs.erofs,
# bzImage and kernel.release; what is left there: root.img (with its hash tree), spanwatch-a.efi,
# spanwatch-b.efi and disk.img. Needs in the environment SOURCE_DATE_EPOCH and SYSTEMD_BOOT_DIR
# (linuxx64.efi.stub, systemd-bootx64.efi), and in PATH veritysetup, ukify, mtools, sfdisk.
set -eu
board=$(cd "$(dirname "$0")" && pwd)
out=$1
generation=${SPANWATCH_GENERATION:-1}
: "${SOURCE_DATE_EPOCH:?is the time of every file in the image}" "${SYSTEMD_BOOT_DIR:?is where the boot loader is}"
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

# A kernel image for each slot: the command line names the slot's partition and the root hash.
cat >"$out/uki-os-release" <<END
ID=spanwatch
NAME="Spanwatch"
PRETTY_NAME="Spanwatch"
END
base=$(grep -v '^#' "$board/cmdline" | tr '\n' ' ' | sed 's/ *$//')
for slot in a b; do
    part=PARTUUID=$(field spanwatch-root-$slot uuid)
    upper=$(echo $slot | tr ab AB)
    printf '%s root=/dev/dm-0 rootfstype=erofs ro rootwait=20 systemd.machine_id=firmware dm-mod.waitfor="%s" dm-mod.create="root,,,ro,0 %s verity 1 %s %s 4096 4096 %s %s sha256 %s %s 1 panic_on_corruption" rauc.slot=%s' \
        "$base" "$part" $((blocks * 8)) "$part" "$part" "$blocks" $((blocks + 1)) "$hash" "$salt" "$upper" >"$out/cmdline-$slot"
    ukify build --linux="$out/bzImage" --stub="$SYSTEMD_BOOT_DIR/linuxx64.efi.stub" --cmdline=@"$out/cmdline-$slot" \
        --os-release=@"$out/uki-os-release" --uname="$(cat "$out/kernel.release")" --output="$out/spanwatch-$slot.efi" >"$out/ukify.txt"
done

# The EFI system partition. Boot counters will come behind the generation: …-GENERATION+3.efi.
esp=$out/esp.img
rm -f "$esp"
truncate -s $(($(field spanwatch-esp size) * 512)) "$esp"
mformat -i "$esp" -F -c 1 -N 53504157 -v SPANWATCH ::
mmd -i "$esp" ::/EFI ::/EFI/BOOT ::/EFI/Linux ::/loader
cp "$SYSTEMD_BOOT_DIR/systemd-bootx64.efi" "$out/BOOTX64.EFI"
cp "$board/loader.conf" "$out/loader.conf"
touch -d "@$SOURCE_DATE_EPOCH" "$out/BOOTX64.EFI" "$out/loader.conf" "$out/spanwatch-a.efi"
mcopy -m -i "$esp" "$out/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI
mcopy -m -i "$esp" "$out/loader.conf" ::/loader/loader.conf
mcopy -m -i "$esp" "$out/spanwatch-a.efi" "::/EFI/Linux/spanwatch-a-$(printf %06d "$generation").efi"

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
