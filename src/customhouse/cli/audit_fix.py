"""``customhouse audit --fix`` and ``--install``: what is written, and what is installed, because of an audit."""

from __future__ import annotations

import difflib
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from customhouse.cli.audit_surroundings import warn, write_whole
from customhouse.consume.audit.index_pages import IndexPages
from customhouse.consume.audit.mend.plan import Raise, plan
from customhouse.consume.audit.mend.requirements_text import has_hashes, raised
from customhouse.consume.audit.mend.uv import install_exactly, lock_upgraded, resolved_with_hashes
from customhouse.consume.audit.model import Component, Report
from customhouse.consume.audit.read.source import read_text
from customhouse.formats.osv.matching import read_version
from customhouse.formats.osv.severity import Level
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

LONGEST_SHOWN = 500
"""Characters of a line that is shown."""
INSTALLABLE = (".txt", ".in")


def mend(report: Report, level: Level, pages: IndexPages | None, index_url: str, *, dry: bool) -> int:
    """Raise what can be raised, after showing how each file changes; returns how many packages were raised.

    Standard error tells what happens, so that standard output stays what --format says.
    """
    raises, left = plan(report, level)
    for one in left:
        warn(f"{one.name} {one.version} stays: {one.why}.")
    done = 0
    for file in sorted({one.file for one in raises}):
        mine = [one for one in raises if one.file == file]
        if mine[0].kind == "uv-lock":
            done += _lock(file, mine, index_url, dry=dry, offline=pages is None)
        else:
            done += _requirements(file, mine, pages, dry=dry)
    return done


def _requirements(file: Path, raises: Sequence[Raise], pages: IndexPages | None, *, dry: bool) -> int:
    text = read_text(file)
    hashes = {(one.name, one.to): _hashes(one, pages) for one in raises if has_hashes(text, one)}
    new, left = raised(text, raises, hashes)
    for one in left:
        lacks = (one.name, one.to) in hashes and not hashes[one.name, one.to]
        why = "no index tells the hashes of the new version: --index-url" if lacks else "its line is no plain pin"
        warn(f"{one.name} {one.version} stays in {file}: {why}.")
    _show(file, text, new)
    if new != text and not dry:
        write_whole(file, new)
    return len(raises) - len(left)


def _hashes(one: Raise, pages: IndexPages | None) -> Sequence[str]:
    version = read_version(one.to)
    page = pages.page(Component(one.name, one.version, "")) if pages is not None else None
    return sorted(page.digests.get(str(version), ())) if page is not None else ()


def _lock(file: Path, raises: Sequence[Raise], index_url: str, *, dry: bool, offline: bool) -> int:
    names = ", ".join(f"{one.name} to {one.to}" for one in raises)
    if offline:
        warn(f"{file} stays: locking anew asks the index, and --offline or --no-index says not to.")
        return 0
    if dry:
        warn(f"{file}: would be locked anew with {names}.")
        return len(raises)
    before = read_text(file)
    lock_upgraded(file, raises, index_url)
    _show(file, before, read_text(file))
    return len(raises)


def _show(file: Path, before: str, after: str) -> None:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{file}", f"{file} (mended)", n=1, lineterm=""
    )
    # The file may be a stranger's: no terminal obeys what stands in it.
    sys.stderr.writelines(f"{plain(one, LONGEST_SHOWN)}\n" for one in lines)


def install(targets: Sequence[str], python: str, index_url: str, judge: Callable[[Path], int], *, offline: bool) -> int:
    """Resolve, audit the resolution, and install exactly that; returns the audit's exit code.

    Nothing is installed unless the audit is clean at the level, and nothing could not be checked.
    """
    files = [Path(one) for one in targets]
    if offline:
        raise Rejected("bad-install", "--install", "it asks an index, and --offline says not to", "one of the two")
    if not files or any(one.suffix not in INSTALLABLE and one.name != "pyproject.toml" for one in files):
        raise Rejected(
            "bad-install", "--install", "what is to be installed must be resolved first",
            "requirements files or pyproject.toml",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="customhouse-install-") as folder:
        pinned = Path(folder) / "requirements.txt"
        if index_url.startswith(("https://", "http://")):
            # Whoever names an index gets everything through it, whatever other settings and the files say.
            _through(files, pinned, python, index_url)
        else:
            resolved_with_hashes(files, pinned, python, index_url)
        code = judge(pinned)
        if code:
            warn("Nothing was installed.")
            return code
        install_exactly(pinned, python, index_url)
    warn(f"Installed exactly what was audited, for {python}.")
    return 0


def _through(files: Sequence[Path], into: Path, python: str, index_url: str) -> None:
    from customhouse.consume.lock.asked import read_asked  # noqa: PLC0415 - only for an installation
    from customhouse.consume.lock.resolve import Wish, resolve  # noqa: PLC0415 - as above
    from customhouse.consume.view_address import read_place  # noqa: PLC0415 - as above

    asked = read_asked(files, (), ())
    for sentence in asked.passed_over:
        warn(sentence)
    wish = Wish(asked, read_place("", index_url).simple, {}, python=python, universal=False)
    into.write_text(resolve(wish, os.environ).requirements, encoding="utf-8")
