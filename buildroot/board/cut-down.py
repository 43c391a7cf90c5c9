#!/usr/bin/env python3
"""Removes from a root tree what board/x86_64/keep.list does not name.

cut-down.py TARGET_DIR keep.list keep.map OVERLAY: does for Buildroot's tree what xtask does for
Debian's packages, in the same words. The overlay's files and the firmware's programs stay.
"""

import os
import re
import subprocess
import sys

PROGRAMS = re.compile(r"usr/lib/spanwatch/|usr/bin/spanwatch$")
LIBRARIES = ("usr/lib", "usr/lib/systemd", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd")


def words(path):
    """The words of each line of a list file; `#` starts a comment."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].split()
            if line:
                yield line


def moved(pattern, mapping):
    """A pattern of keep.list as this tree has it, or None when the tree has no need of it."""
    for debian, here in mapping:
        if debian == pattern:
            return None if here == "-" else here
        if debian.endswith("/") and pattern.startswith(debian):
            return here + pattern[len(debian):]
    return pattern


def expression(pattern):
    """`*` stands for a part of one name, a final `/**` for everything below."""
    if pattern.endswith("/**"):
        return re.compile(re.escape(pattern[:-3]) + "/.")
    return re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")) + "$")


def tree_files(tree):
    """Every file and link below the tree, as paths from it."""
    for folder, dirs, names in os.walk(tree):
        links = [name for name in dirs if os.path.islink(os.path.join(folder, name))]
        for name in names + links:
            yield os.path.relpath(os.path.join(folder, name), tree)


def is_elf(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def needed(tree, files):
    """The names of the libraries that the ELF files among `files` link to."""
    elf = [file for file in files if is_elf(os.path.join(tree, file))]
    names = set()
    for start in range(0, len(elf), 200):
        out = subprocess.run([os.environ.get("READELF", "readelf"), "-dW"] + elf[start:start + 200],
                             cwd=tree, check=True, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
        names.update(re.findall(r"\(NEEDED\).*\[(.*)\]", out.stdout))
    names.discard("ld-linux-x86-64.so.2")
    return names


def target_of(tree, path):
    """What a link points to, inside the tree; None for a file."""
    full = os.path.join(tree, path)
    if not os.path.islink(full):
        return None
    link = os.readlink(full)
    joined = link.lstrip("/") if link.startswith("/") else os.path.join(os.path.dirname(path), link)
    return os.path.normpath(joined)


def add_libraries(tree, kept):
    todo = set(kept)
    while todo:
        found = set()
        for name in needed(tree, todo):
            paths = [os.path.join(folder, name) for folder in LIBRARIES]
            path = next((path for path in paths if os.path.exists(os.path.join(tree, path))), None)
            if path is None:
                sys.exit(f"a kept program needs {name}, which the tree lacks")
            found.add(path)
        links = list(todo | found)
        while links:
            target = target_of(tree, links.pop())
            full = os.path.join(tree, target) if target else ""
            if target and os.path.lexists(full) and not os.path.isdir(full) and target not in kept:
                links.append(target)
                found.add(target)
        todo = found - kept
        kept |= todo


def main():
    tree, keep_list, keep_map, overlay = sys.argv[1:]
    mapping = [(line[0], line[1]) for line in words(keep_map)]
    files = set(tree_files(tree))
    kept = {file for file in files if PROGRAMS.match(file)} | (set(tree_files(overlay)) & files)
    missing = []
    for line in words(keep_list):
        pattern = moved(line[0], mapping)
        if pattern is None:
            continue
        wanted = expression(pattern)
        found = {file for file in files if wanted.match(file)}
        if not found:
            missing.append(pattern)
        kept |= found
    if missing:
        sys.exit("keep.list names what no package installed; board/keep.map says where it is:\n  " + "\n  ".join(missing))
    add_libraries(tree, kept)
    for file in files - kept:
        os.remove(os.path.join(tree, file))
    for folder, _, _ in os.walk(tree, topdown=False):
        if folder != tree and not os.path.islink(folder) and not os.listdir(folder):
            os.rmdir(folder)


if __name__ == "__main__":
    main()
