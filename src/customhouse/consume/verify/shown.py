"""What is wrong with a lock, for a terminal of 80 columns, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from customhouse.consume.verify.model import FAILING, HEADINGS, Fault, Verified
from customhouse.formats.plain import plain

COLUMNS = 80
_NAME_COLUMNS = 28


def lines_of(found: Verified) -> Iterator[str]:
    """A block for each kind of fault, the worst first, a row for each package."""
    for kind, heading in HEADINGS.items():
        some = [one for one in found.faults if one.kind == kind]
        if some:
            yield heading
            for one in some:
                yield from _row(f"{plain(one.name, 60)} {plain(one.version, 40)}", plain(one.why, 500))
            yield ""
    if found.gaps:
        yield "NOT VERIFIED"
        for gap in found.gaps:
            yield from _row(plain(gap.where, 60), f"{plain(gap.why, 400)}. Next: {plain(gap.next_step, 200)}")
        yield ""


def summary(found: Verified, lock: str, against: str) -> Iterator[str]:
    """What was compared with what."""
    if not against:
        yield "No index was asked."
        return
    files = f"{found.files} file" if found.files == 1 else f"{found.files} files"
    packages = f"{found.packages} package" if found.packages == 1 else f"{found.packages} packages"
    failing = len({(one.name, one.version) for one in found.faults if one.kind in FAILING})
    says = (
        f"{failing} of them must not be installed so: `customhouse lock` makes a new lock."
        if failing
        else "Nothing of it is refused."
    )
    yield from textwrap.wrap(
        f"Compared {packages} of {plain(lock, 100)} with {plain(against, 200)}: {found.same} of {files}"
        f" {'is' if found.files == 1 else 'are'} listed with exactly the digest that is locked. {says}",
        COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def as_json(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Each fault as an object."""
    return [
        {"kind": one.kind, "package": one.name, "version": one.version, "why": one.why, "files": list(one.files),
         "fails": one.kind in FAILING}
        for one in faults
    ]  # fmt: skip


def _row(name: str, why: str) -> Iterator[str]:
    head = f"  {name:<{_NAME_COLUMNS - 2}}"
    lines = textwrap.wrap(why, COLUMNS - _NAME_COLUMNS, break_on_hyphens=False) or [""]
    if len(head) > _NAME_COLUMNS:
        yield head[:COLUMNS]
        head = " " * _NAME_COLUMNS
    yield f"{head}{lines[0]}".rstrip()
    yield from (f"{'':{_NAME_COLUMNS}}{line}" for line in lines[1:])
