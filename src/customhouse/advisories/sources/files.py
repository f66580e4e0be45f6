"""Advisories on this machine: a ZIP, a folder, or one file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from customhouse.advisories.sources.model import Mark, Reading, Source
from customhouse.formats.osv.documents import MAX_BYTES, MAX_FILE_BYTES, Damaged, records_among
from customhouse.formats.osv.zipped import files_in, names_in, open_zip
from customhouse.terms.errors import Rejected, Unavailable

MAX_FILES = 1_000_000


@contextmanager
def open_zip_file(source: Source, *, again: bool) -> Iterator[Reading | None]:
    """A ZIP such as OSV's ``all.zip``."""
    path = _there(source)
    mark = Mark(revision=_state([(path.name, path.stat())]))
    if mark == source.mark and not again:
        yield None
        return
    with _translated(source), path.open("rb") as file, open_zip(file, path.name) as archive:
        names = names_in(archive)
        yield Reading(files_in(archive, names, path.name), mark, len(names))


@contextmanager
def open_file(source: Source, *, again: bool) -> Iterator[Reading | None]:
    """One JSON or YAML file, of one record or of many."""
    path = _there(source)
    state = path.stat()
    mark = Mark(revision=_state([(path.name, state)]))
    if mark == source.mark and not again:
        yield None
        return
    if state.st_size > MAX_FILE_BYTES:
        raise Rejected("bad-advisory", path.name, f"{state.st_size} bytes", f"at most {MAX_FILE_BYTES}")
    with _translated(source):
        yield Reading(iter([(path.name, path.read_bytes())]), mark, 1)


@contextmanager
def open_folder(source: Source, *, again: bool) -> Iterator[Reading | None]:
    """A folder of files, in the PyPA's layout or any other. Links are not followed."""
    top = _there(source)
    if not top.is_dir():
        raise Rejected("bad-source", source.place, "it is no folder", "a folder")
    with _translated(source):
        found = dict(_walk(top))
        names = records_among(sorted(found))
        mark = Mark(revision=_state([(name, found[name]) for name in names]))
        if mark == source.mark and not again:
            yield None
            return
        yield Reading(_contents(top, names), mark, len(names))


def _walk(top: Path) -> Iterator[tuple[str, os.stat_result]]:
    count = 0
    for folder, folders, files in os.walk(top, onerror=_raise):
        folders[:] = [one for one in folders if not one.startswith(".")]
        for name in files:
            path = Path(folder, name)
            state = path.lstat()
            count += 1
            if count > MAX_FILES:
                raise Rejected("bad-source", str(top), f"more than {MAX_FILES} files", "fewer")
            if stat.S_ISREG(state.st_mode):
                # A name that is no UTF-8 cannot be written down, but its file can be read and told of.
                yield path.relative_to(top).as_posix(), state


def _contents(top: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes] | Damaged]:
    for name in names:
        try:
            with (top / name).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            yield Damaged(name, f"{name}: it cannot be read: {error.strerror}")
            continue
        if len(content) > MAX_BYTES:
            yield Damaged(name, f"{name}: it has more than {MAX_BYTES} bytes")
            continue
        yield name, content


def _there(source: Source) -> Path:
    path = Path(source.place)
    if not path.exists():
        raise Unavailable(source.place, "there is nothing there", retry_after_seconds=3600)
    return path


def _state(files: Sequence[tuple[str, os.stat_result]]) -> str:
    """Changes whenever a file is written, added or removed."""
    told = hashlib.sha256()
    for name, state in files:
        told.update(
            f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0{state.st_ino}\n".encode("utf-8", "surrogateescape")
        )
    return told.hexdigest()


@contextmanager
def _translated(source: Source) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(source.place, error.strerror or str(error), retry_after_seconds=3600) from error


def _raise(error: OSError) -> None:
    raise error
