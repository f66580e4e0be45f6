"""``customhouse mirror``: what upstreams have said, fetching a lock beforehand, forgetting a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from textwrap import fill
from typing import Annotated

from cyclopts import App, Parameter
from packaging.tags import sys_tags

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.exit_codes import FINE, PARTIAL
from customhouse.cli.options import read_settings
from customhouse.consume.audit.read.detect import read_target
from customhouse.consume.audit.read.options import ReadOptions
from customhouse.formats.plain import plain
from customhouse.formats.upstream.model import SKIPS
from customhouse.mirror.queries import UpstreamState, bytes_by_upstream, conflicts, skipped_files, upstream_states
from customhouse.views.names.forget import Forget
from customhouse.views.names.forget import forget as forget_name
from customhouse.views.prefetch import Prefetch

app = App(name="mirror", help="Upstreams: what they have said, fetching a lock beforehand, forgetting a name.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
MOST_SHOWN = 50


@app.command
def status(*, data: Data = None) -> None:
    """Show each upstream: where it is, when it last answered, what is known and kept of it."""
    with _parts(data) as parts:
        settings = parts.settings
        with parts.database.read() as sql:
            states = {one.upstream: one for one in upstream_states(sql)}
            kept = bytes_by_upstream(sql)
            skipped = skipped_files(sql)
            refused = {name: conflicts(sql, name) for name, state in states.items() if state.conflicts}
    if settings.offline:
        print("Offline: no upstream is asked, and views offer what is here.")
    for name in sorted({*states, *parts.upstreams.indexes}):
        index = parts.upstreams.indexes.get(name)
        where = str(index.root) if index is not None else "not in the settings any more"
        print(f"{plain(name)}  {plain(where, 200)}")
        for line in _state(states.get(name), kept.get(name, 0)):
            print(fill(line, 80, initial_indent="  ", subsequent_indent="    "))
    if not states:
        print("An install through a view asks them. See: customhouse view list")
    for name, files in refused.items():
        print(f"{name} gives another digest than before, which is refused, for {len(files)} files:")
        for one in files[:MOST_SHOWN]:
            print(f"  {plain(one.project)}  {plain(one.filename)}  {one.kept} stays, not {one.refused}")
    for reason, count in sorted(skipped.items()):
        print(f"left out of pages: {count:,} {SKIPS.get(reason, plain(reason, 40))}")


def _state(state: UpstreamState | None, kept: int) -> Iterator[str]:
    """What is known and kept of an upstream, and how it answered."""
    if state is None:
        yield "nobody has asked it for anything yet"
        return
    gone = f" ({state.removed:,} gone)" if state.removed else ""
    yield f"{state.projects:,} projects{gone} and {state.files:,} files are known; {_megabytes(kept)} are kept here"
    failed = f"last failure {_moment(state.failed_at)}" if state.failed_at else "no failure"
    yield f"last answer {_moment(state.checked_at)}; {failed}"
    if state.error:
        yield f"at its last failure: {plain(state.error, 300)}"


@app.command
def prefetch(
    lock: Annotated[str, Parameter(help="A lock or a requirements file with pinned versions.")],
    /,
    *,
    view: Annotated[str, Parameter(help="The view through which, and under whose policy, it is fetched.")],
    everything: Annotated[
        bool, Parameter(name="--all", help="Every file of each version, not only those for this platform.")
    ] = False,
    data: Data = None,
) -> int:
    """Fetch what a lock names, so that installing it asks no upstream for a file; afterwards it works offline."""
    # Nothing is resolved: that would ask an index beside us for names, perhaps for ours.
    subjects = read_target(lock, ReadOptions(offline=True, resolve="never"))
    gaps = [gap for subject in subjects for gap in subject.gaps]
    with _parts(data) as parts:
        found = parts.views.get(view)
        tags = None if everything else frozenset(sys_tags())
        work = Prefetch(parts.views, parts.objects, found, tags, lambda line: print(f"  {plain(line)}", flush=True))
        done = work.all_of([one for subject in subjects for one in subject.components])
    files, are = ("1 file", "is") if len(done.files) == 1 else (f"{len(done.files)} files", "are")
    print(f"{files}, {_megabytes(done.size_bytes)}, {are} here for the view {found.name}.")
    if done.hosted:
        print(f"Hosted here anyway: {', '.join(map(plain, done.hosted))}.")
    for gap in gaps:
        print(
            f"not read: {plain(gap.where)}: {plain(gap.why)}" + (f": {plain(gap.next_step)}" if gap.next_step else "")
        )
    for one in done.missing:
        print(f"missing: {plain(one.name)} {plain(one.version)}: {plain(one.why)}")
    return PARTIAL if gaps or done.missing else FINE


@app.command
def forget(
    name: str, /, *, reason: Annotated[str, Parameter(help="Why; it is kept in the ledger.")], data: Data = None
) -> None:
    """Forget what an upstream said of a project, and that it has the name: whoever comes first has it then."""
    with _parts(data) as parts:
        done, files = parts.do(forget_name, Forget(name, reason))
        parts.upstreams.forget_answers(done)
    print(f"The name {done} is free. {files} files that were listed for it are forgotten; digests that were seen stay.")


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "never"


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts
