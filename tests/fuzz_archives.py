"""Throw broken archives at the strict reader.

``PYTHONPATH=tests python tests/fuzz_archives.py --seconds 60 --seed 1`` makes archives that lie, mutilates them, and
asks three things of the reader: that it raises nothing but `Rejected`; that it answers quickly; and that what it
accepts is read the same by `zipfile`, `tarfile` and (now and then) by bsdtar and GNU tar. Every input is determined by
seed and number; one that fails is written to ``.cache/fuzz`` and named in the error.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from customhouse.formats.inspection import Inspection, Limits
from customhouse.terms.errors import Rejected
from formats.archives import (
    END_OF_TAR,
    FILE_MODE,
    FOLDER_MODE,
    LINK_MODE,
    ZipMember,
    extra,
    folder,
    gnu_long,
    gzip_bytes,
    inspected_sdist,
    inspected_wheel,
    metadata,
    pax,
    tar_file,
    tar_folder,
    tar_header,
    tar_link,
    wheel_files,
    zip_bytes,
)

FINDINGS = Path(__file__).resolve().parents[1] / ".cache" / "fuzz"
SLOWEST_SECONDS = 5.0
# Small, so that the bounds are met as well.
LIMITS = Limits(
    expanded_bytes=2**20, bomb_floor_bytes=2**16, members=60, header_bytes=4096, metadata_bytes=4096, record_bytes=8192
)
NUMBERS = (0, 1, 2, 8, 9, 20, 45, 99, 0x7F, 0x800, 0xFFFF, 0xFFFFFFFF)
NAMES = (
    b"demo/a.py", b"demo/__init__.py", b"demo", b"demo/", b"../x", b"/x", b"demo\\x", b"demo/\xff", b"", b"C:/x",
    b"x\0y", "demo/é".encode(), b"demo-1.0.dist-info/METADATA", b"demo-1.0.dist-info/x", b"demo-1.0/a",
    b"demo-1.0/sub/x",
)  # fmt: skip
TARGETS = (b"a", b"..", b"../..", b"/etc", b"sub", b"sub/x", b"demo-1.0/a", b"l", b"missing", b"")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Files = dict[str, tuple[int, str]]


@dataclass
class Report:
    """How many archives were accepted, and how many refused by which code."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def lying_zip(dice: random.Random) -> bytes:
    """A wheel in which some headers lie."""
    members = [ZipMember(name.encode(), body, dice.choice((0, 8))) for name, body in wheel_files().items()]
    if dice.random() < 0.3:
        members.insert(dice.randrange(len(members) + 1), folder(b"demo/"))
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        index = dice.randrange(len(members))
        members[index] = lying_member(members[index], dice)
    if dice.random() < 0.2:
        members.append(ZipMember(dice.choice(NAMES), b"more"))
    lies: dict[str, object] = {}
    if dice.random() < 0.1:
        what = dice.choice(("disk", "here", "members", "size", "offset", "comment_bytes"))
        lies["end"] = {what: dice.choice(NUMBERS[:-1])}
    if dice.random() < 0.1:
        lies[dice.choice(("before_directory", "after_directory", "comment", "after"))] = b"hidden"
    if dice.random() < 0.2:
        lies["order"] = dice.sample(range(len(members)), len(members))
    return zip_bytes(members, **lies)  # type: ignore[arg-type]  # keywords by name


def lying_member(member: ZipMember, dice: random.Random) -> ZipMember:
    """The member with one field changed in one or both of its headers."""
    where = dice.choice(("both", "local", "central"))
    what = dice.choice(("version", "flags", "method", "time", "date", "crc", "packed", "size", "name", "extra"))
    if where == "central":
        what = dice.choice((what, "made_by", "comment", "disk", "internal", "attributes", "offset"))
    value: object = dice.choice(NUMBERS)
    if what == "name":
        value = dice.choice(NAMES)
    elif what == "comment":
        value = b"hello"
    elif what == "extra":
        kind = dice.choice((1, 0x5455, 0x7075, 0x6375, 0x9901, 0xCAFE))
        value = extra(kind, dice.randbytes(dice.choice((0, 5, 8, 16))))
    elif what == "attributes":
        value = dice.choice((0, 0x10, FILE_MODE, FOLDER_MODE, LINK_MODE, FILE_MODE | 1))
    lie: dict[str, object] = {what: value if what in ("name", "extra", "comment", "attributes", "crc", "packed", "size",
                                                      "offset") else int(str(value)) & 0xFFFF}  # fmt: skip
    fields = {"both": member.both, "local": member.local, "central": member.central}
    fields[where] = {**fields[where], **lie}
    packed = dice.choice((None, None, member.body() + b"!", member.body()[:-1]))
    return replace(member, packed=packed, both=fields["both"], local=fields["local"], central=fields["central"])


def lying_tar(dice: random.Random) -> bytes:
    """The blocks of an sdist in which some headers lie."""
    blocks = [
        tar_folder(b"demo-1.0/"), tar_file(b"demo-1.0/PKG-INFO", metadata()), tar_file(b"demo-1.0/a", b"x" * 700),
        tar_folder(b"demo-1.0/sub/"), tar_file(b"demo-1.0/sub/x", b"y"),
    ]  # fmt: skip
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        blocks.insert(dice.randrange(len(blocks) + 1), odd_block(dice))
    end = END_OF_TAR if dice.random() < 0.9 else bytes(dice.choice((0, 512, 1000, 4096)))
    return b"".join(blocks) + end


def odd_block(dice: random.Random) -> bytes:
    """One member or header with something about it."""
    name = dice.choice((b"demo-1.0/l", b"demo-1.0/sub/l", b"demo-1.0/new", *NAMES))
    choice = dice.randrange(8)
    if choice == 0:
        return tar_link(name, dice.choice(TARGETS), hard=dice.random() < 0.4)
    if choice == 1:
        key = dice.choice(("path", "linkpath", "size", "mtime", "uid", "uname", "GNU.sparse.major", "hdrcharset",
                           "SCHILY.xattr.a", "LIBARCHIVE.creationtime", "comment"))  # fmt: skip
        return pax({key: dice.choice((b"demo-1.0/p", b"0", b"1", b"", b"-1", b"x\0", b"\xff", *NAMES))},
                   dice.choice((b"x", b"x", b"g")))  # fmt: skip
    if choice == 2:
        return gnu_long(name, dice.choice((b"L", b"K")))
    if choice == 3:
        kinds = (b"0", b"\0", b"5", b"7", b"3", b"S", b"V", b"A", b"D")
        return tar_header(name, dice.choice((0, 5)), dice.choice(kinds))
    what = dice.choice(("mode", "uid", "gid", "mtime", "uname", "magic", "prefix", "pad", "devmajor", "number", "link"))
    values = (b"", b"0", b"1\0", b"7777777", b"x", b"\x80\0\0\0\0\0\0\1", b"\xff" * 8, b"ustar  \0", b" 12 \0")
    return tar_header(name, 0, **{what: dice.choice(values)})


def mutilated(body: bytes, dice: random.Random) -> bytes:
    """A few bytes set, cut, doubled or moved."""
    data = bytearray(body)
    for _ in range(dice.choice((0, 0, 1, 2, 4))):
        start = dice.randrange(len(data) or 1)
        length = dice.choice((1, 2, 4, 30, 512))
        kind = dice.randrange(5)
        if kind < 2:
            data[start : start + 1] = bytes([dice.choice((0, 1, 0x50, 0x80, 0xFF, dice.randrange(256)))])
        elif kind == 2:
            del data[start : start + length]
        elif kind == 3:
            data[start:start] = data[start : start + length]
        else:
            piece = data[start : start + length]
            at = dice.randrange(len(data) or 1)
            data[at : at + len(piece)] = piece
    return bytes(data)


def with_true_checksums(blocks: bytes) -> bytes:
    """The same blocks with the checksum of each that looks like a header made true, to get behind that check."""
    whole = bytearray(blocks)
    for at in range(0, len(whole) - 511, 512):
        block = whole[at : at + 512]
        if block[257:262] == b"ustar":
            total = sum(block) - sum(block[148:156]) + 8 * 32
            whole[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(whole)


def wheel_input(dice: random.Random) -> bytes:
    return mutilated(lying_zip(dice), dice)


def sdist_input(dice: random.Random) -> bytes:
    blocks = mutilated(lying_tar(dice), dice)
    if dice.random() < 0.7:
        blocks = with_true_checksums(blocks)
    body = gzip_bytes(blocks)
    return mutilated(body, dice) if dice.random() < 0.2 else body


def wheel_by_zipfile(body: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {
            entry.filename: (entry.file_size, hashlib.sha256(archive.read(entry)).hexdigest())
            for entry in archive.infolist()
            if not entry.is_dir()
        }


def sdist_by_tarfile(body: bytes) -> Files:
    found: Files = {}
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz", errorlevel=2) as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                found[entry.name] = (entry.size, hashlib.sha256(content.read()).hexdigest())
    return found


BSDTAR = ("bsdtar", "-x", "--no-same-owner", "--no-xattrs", "--no-acls", "--no-fflags", "-f", "-", "-C")
GNU_TAR = ("tar", "-x", "-z", "--no-same-owner", "-f", "-", "-C")


def unpacked_by(command: Sequence[str], body: bytes) -> Files:
    """What another program writes to a disk, links left out.

    Only what it writes counts: bsdtar also exits with 1 when a time in an extra field is cut.
    """
    with tempfile.TemporaryDirectory() as name:
        target = Path(name)
        subprocess.run(
            [*command, target], input=body, check=False, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )
        found: Files = {}
        for path in target.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found[path.relative_to(target).as_posix()] = len(content), hashlib.sha256(content).hexdigest()
        return found


def files_of(inspection: Inspection) -> Files:
    return {m.name: (m.size_bytes, m.sha256) for m in inspection.members if m.kind == "file"}


def without_links(inspection: Inspection, files: Files) -> Files:
    """The files without those that only a hard link names, which we count as links."""
    links = {member.name for member in inspection.members if member.kind == "link"}
    return {name: value for name, value in files.items() if name not in links}


def check_one(number: int, seed: int, report: Report, *, ask_programs: bool) -> None:
    """Make and try one input; raises AssertionError, or whatever the reader raised wrongly."""
    dice = random.Random(f"{seed}-{number}")  # noqa: S311  # the same input for the same seed
    make: Callable[[random.Random], bytes]
    if number % 2:
        make, inspect, others, suffix = wheel_input, inspected_wheel, wheel_by_zipfile, ".whl"
    else:
        make, inspect, others, suffix = sdist_input, inspected_sdist, sdist_by_tarfile, ".tar.gz"
    body = make(dice)
    began = time.monotonic()
    try:
        inspection = inspect(body, limits=LIMITS)
    except Rejected as rejection:
        report.refused[rejection.code] += 1
        if not (rejection.why and rejection.where) or CONTROL.search(str(rejection)):
            raise AssertionError(keep(body, seed, number, suffix)) from rejection
        return
    except Exception as error:
        raise AssertionError(keep(body, seed, number, suffix)) from error
    finally:
        if time.monotonic() - began > SLOWEST_SECONDS:
            raise AssertionError(f"too slow: {keep(body, seed, number, suffix)}")
    report.accepted += 1
    try:
        found = files_of(inspection)
        agree = found == others(body)
        if ask_programs:
            for command in (BSDTAR,) if number % 2 else (BSDTAR, GNU_TAR):
                agree = agree and found == without_links(inspection, unpacked_by(command, body))
    except (zipfile.BadZipFile, tarfile.TarError, ValueError) as error:
        raise AssertionError(keep(body, seed, number, suffix)) from error
    if not agree:
        raise AssertionError(f"read otherwise: {keep(body, seed, number, suffix)}")


def keep(body: bytes, seed: int, number: int, suffix: str) -> str:
    """Write the input down; a sentence that says where."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / f"{seed}-{number}{suffix}"
    path.write_bytes(body)
    return f"input {number} of seed {seed}, kept as {path.name}"


def fuzz(seed: int, inputs: int | None = None, seconds: float | None = None, programs_every: int = 50) -> Report:
    """Try ``inputs`` archives, or as many as fit in ``seconds``."""
    report = Report()
    began = time.monotonic()
    has_programs = all(shutil.which(command[0]) for command in (BSDTAR, GNU_TAR))
    number = 0
    while (inputs is None or number < inputs) and (seconds is None or time.monotonic() - began < seconds):
        check_one(number, seed, report, ask_programs=has_programs and report.accepted % programs_every == 0)
        number += 1
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = fuzz(arguments.seed, seconds=arguments.seconds)
    sys.stdout.write(f"accepted {report.accepted}, refused {report.refused.total()}\n")
    for code, count in report.refused.most_common():
        sys.stdout.write(f"{count:8} {code}\n")


if __name__ == "__main__":
    main()
