#!/bin/sh
# Makes an initramfs of files of a root tree: initramfs.sh TREE OUT PROGRAM FILE...
# PROGRAM becomes /init; programs among the files bring their libraries. Needs SOURCE_DATE_EPOCH in
# the environment, and in PATH cpio, zstd and binutils. Equal trees give equal bytes.
set -eu
umask 022
tree=$1 out=$2 init=$3
shift 3
: "${SOURCE_DATE_EPOCH:?is the time of every file in the initramfs}"
work=$out.tree
rm -rf "$work"
mkdir -p "$work/dev" "$work/proc" "$work/sys" "$work/run" "$work/tmp" "$work/usr"
for link in bin sbin lib lib64; do
    [ ! -L "$tree/$link" ] || cp -a "$tree/$link" "$work/$link"
done

# library NAME: its path below the tree
library() {
    for dir in usr/lib/x86_64-linux-gnu usr/lib64 usr/lib; do
        if [ -e "$tree/$dir/$1" ]; then
            echo "$dir/$1"
            return
        fi
    done
    echo "no library $1 in $tree" >&2
    return 1
}

# put PATH: the file, what it links to, and the libraries that it is linked with
put() {
    [ ! -e "$work/$1" ] || return 0
    mkdir -p "$work/$(dirname "$1")"
    source=$tree/$1
    # links lead into the tree, not into the builder
    while [ -L "$source" ]; do
        link=$(readlink "$source")
        case $link in
        /*) source=$tree$link ;;
        *) source=$(dirname "$source")/$link ;;
        esac
    done
    cp "$source" "$work/$1"
    needed=$(objdump -p "$work/$1" 2>/dev/null | sed -n 's/^ *NEEDED *//p')
    for name in $needed; do
        put "$(library "$name")"
    done
}

put "$init"
ln -s "$init" "$work/init"
for file in "$@"; do
    put "$file"
done
# every program's interpreter, where its header names it
put "$(library ld-linux-x86-64.so.2)"
[ -e "$work/usr/lib64/ld-linux-x86-64.so.2" ] || put usr/lib64/ld-linux-x86-64.so.2

find "$work" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$work" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) |
    zstd -q -19 --no-progress -T1 >"$out"
rm -rf "$work"
