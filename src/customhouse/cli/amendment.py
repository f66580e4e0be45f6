"""``customhouse amendment``: what was said of releases afterwards, and the key that it is signed with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from customhouse.cli.options import read_settings
from customhouse.consume.amendments import Believing, is_withdrawn, read_json, read_key_document, records_in
from customhouse.consume.view_address import read_place
from customhouse.consume.wire import Wire
from customhouse.formats.amendment import Amendment, Signed, Withdrawal, envelope
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected

FINE, FINDINGS = 0, 1
MOST_FILE_BYTES = 64 * 2**20

app = App(name="amendment", help="What was said of releases after they were out: list, withdraw, verify.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


@app.command(name="list")
def list_(
    project: str = "", /, *, json_: Annotated[bool, Parameter(name="--json", negative="")] = False, data: Data = None
) -> None:
    """List what was said, the oldest first, with what was withdrawn.

    Args:
        project: Of this project alone.
        json_: The signed records, one JSON object a line.
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.index.amending.queries import everything  # noqa: PLC0415 - verifying needs no database
    from customhouse.terms.names import normalize  # noqa: PLC0415

    with _parts(data) as parts, parts.database.read() as sql:
        told = [one for one in everything(sql) if not project or one.record.project == normalize(project)]
    for one in told:
        if json_:
            end = envelope(one.withdrawal) if one.withdrawal is not None else None
            print(json.dumps({**envelope(one.signed), "withdrawal": end}))
            continue
        record, ends = one.record, ""
        if one.withdrawal is not None and isinstance(one.withdrawal.record, Withdrawal):
            ends = f"WITHDRAWN on {one.withdrawal.record.at:%Y-%m-%d}: {one.withdrawal.record.reason}"
        print("\n".join(_lines(record, ends)))


def _lines(record: Amendment, state: str) -> Iterator[str]:
    where = f"view {record.view}" if record.view else "everywhere"
    yield plain(f"{record.id}: {record.project} {record.releases}, {record.kind}, {where}, {record.at:%Y-%m-%d}", 400)
    for text in (f"{record.before} is to be read as {record.after}", record.reason, record.evidence, state):
        if text:
            yield f"  {plain(text, 1000)}"


@app.command
def withdraw(amendment: str, /, *, reason: str, data: Data = None) -> None:
    """Take an amendment back by a further record.

    Args:
        amendment: Its id.
        reason: Why it no longer counts; everybody reads it.
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.index.amending.withdraw import (  # noqa: PLC0415 - as above
        WithdrawAmendment,
        withdraw_amendment,
    )

    with _parts(data) as parts:
        record = parts.do(partial(withdraw_amendment, parts.sign), WithdrawAmendment(amendment, reason))
    print(plain(f"{record.id} is withdrawn: {record.before} of {record.project} {record.releases} is as it was."))


@app.command
def verify(file: Path, /, *, index: str = "", keys: Path | None = None) -> int:
    """Check the signatures of records in a file: an answer of the API, a page of the simple API, or single records.

    Exit code 1 if one of them does not fit, or was withdrawn.

    Args:
        file: The file, JSON.
        index: The address of the Customhouse whose keys count.
        keys: A file with its keys, as /.well-known/customhouse-keys.json has them.
    """
    if (keys is None) == (not index):
        raise Rejected("which-keys", "--index or --keys", "say whose keys count", "one of the two")
    told = records_in(read_json(_read(file), str(file)))
    if not told:
        raise Rejected("no-records", str(file), "there is no amendment in it", "signed records of an index")
    known = read_key_document(_read(keys)) if keys is not None else None
    wire = Wire()
    try:
        base = read_place("", index).base if index else ""
        believing = Believing(wire, base, SystemClock().now(), known)
        # Asked for here, so that an index that is away is not told as a signature that does not fit.
        believing.keys()
        good = believing.believed(told)
    finally:
        wire.close()
    taken_back = 0
    for one in good:
        taken_back += is_withdrawn(one, good)
        _print_good(one, withdrawn=is_withdrawn(one, good))
    for text in believing.disbelieved:
        print(f"BAD   {plain(text, 500)}")
    return FINDINGS if believing.disbelieved or taken_back else FINE


def _print_good(one: Signed, *, withdrawn: bool) -> None:
    record = one.record
    if isinstance(record, Withdrawal):
        print(plain(f"good  {record.id}  withdrawal, {record.at:%Y-%m-%d}, key {one.key[:8]}: {record.reason}", 500))
        return
    state = "WITHDRAWN" if withdrawn else "good "
    what = f"{record.project} {record.releases}: {record.before} is to be read as {record.after}"
    print(plain(f"{state} {record.id}  {record.kind}, {record.at:%Y-%m-%d}, key {one.key[:8]}: {what}", 1000))


@app.command
def rotate_key(*, data: Data = None) -> None:
    """Sign with a new key from now on. What the old one has signed stays good; its private half is gone.

    Args:
        data: The data folder (default ./customhouse-data).
    """
    from customhouse.infra.signing_keys import rotate_signing_key  # noqa: PLC0415 - as above

    new = rotate_signing_key(read_settings(data=data), SystemClock().now())
    print(f"Amendments are signed with the key {new.id} from now on.")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            body = opened.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise Rejected("no-file", str(file), f"cannot be read: {error.strerror}", "a file") from error
    if len(body) > MOST_FILE_BYTES:
        raise Rejected("too-large", str(file), f"is larger than {MOST_FILE_BYTES} bytes", "a smaller one")
    return body


@contextmanager
def _parts(data: Path | None) -> Iterator[Any]:
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - as above

    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as opened:
        yield opened
