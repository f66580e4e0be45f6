"""The spool of decisions: what views note, what the thread writes, and how little of a client is in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from clock import TurnableClock
from customhouse.formats.decision_line import Asked, Noted, decode_decision
from customhouse.infra.client_address import parse_networks
from customhouse.infra.client_hash import ClientHashes
from customhouse.infra.decision_spool import DecisionSpool, decisions_folder

PIP = 'pip/26.3 {"ci":true,"cpu":"x86_64","installer":{"name":"pip","version":"26.3"}}'
PAGE = Asked("ci", "page", "demo", version="1.0")


def asked_by(peer: str | None, *forwarded_for: str, agent: str = PIP) -> dict[str, object]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded_for]
    return {"client": (peer, 1234) if peer else None, "headers": [(b"user-agent", agent.encode()), *headers]}


@contextmanager
def spool(data: Path, clock: TurnableClock, *trusted: str, days: int = 30) -> Iterator[DecisionSpool]:
    hashes = ClientHashes(b"k" * 32)
    with closing(DecisionSpool(data, clock, hashes, parse_networks(trusted), days=days)) as made:
        yield made


def written(data: Path) -> list[Noted]:
    paths = sorted(decisions_folder(data).iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return [decode_decision(line) for path in paths for line in path.read_bytes().splitlines()]


def test_the_same_question_a_thousand_times_is_one_line(tmp_path: Path, clock: TurnableClock) -> None:
    refused = Asked("ci", "file", "demo", "demo-2.0-py3-none-any.whl", "2.0", "hide", "cooldown")
    with spool(tmp_path, clock) as log:
        for _ in range(1000):
            log.note(PAGE, asked_by("203.0.113.7"))
        log.note(refused, asked_by("203.0.113.7"))
        log.note(PAGE, asked_by("203.0.113.7", agent="uv/0.13.9"))
    found = written(tmp_path)
    assert [(one.asked, one.agent, one.ci, one.times) for one in found] == [
        (PAGE, "pip", True, 1000), (refused, "pip", True, 1), (PAGE, "uv", False, 1),
    ]  # fmt: skip
    assert len({one.client for one in found}) == 1


def test_nothing_is_kept_of_an_address_and_nobody_else_may_read_the_file(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as log:
        log.note(PAGE, asked_by("203.0.113.7"))
    (path,) = decisions_folder(tmp_path).iterdir()
    assert b"203.0" not in path.read_bytes()
    assert path.stat().st_mode & 0o77 == 0


def test_hashes_of_two_days_cannot_be_linked(tmp_path: Path) -> None:
    clock = TurnableClock(datetime(2026, 11, 24, 23, 59, 59, 900_000, tzinfo=UTC))
    with spool(tmp_path, clock) as log:
        log.note(PAGE, asked_by("203.0.113.7"))
        clock.turn(timedelta(seconds=1))
        log.note(PAGE, asked_by("203.0.113.7"))
    before, after = written(tmp_path)
    assert (before.day, after.day) == (date(2026, 11, 24), date(2026, 11, 25))
    assert before.client != after.client


def test_a_spoofed_forwarded_for_makes_no_new_client(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as log:
        for number in range(50):
            log.note(PAGE, asked_by("203.0.113.7", f"198.51.{number}.1"))
    assert [one.times for one in written(tmp_path)] == [50]


def test_with_no_days_nothing_is_written(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock, days=0) as log:
        log.note(PAGE, asked_by("203.0.113.7"))
    assert not decisions_folder(tmp_path).exists()


def test_what_is_longer_than_the_table_takes_is_cut(tmp_path: Path, clock: TurnableClock) -> None:
    with spool(tmp_path, clock) as log:
        log.note(PAGE._replace(rule="r\t\n" * 200, version="9" * 1000), asked_by(None, agent="x" * 5000))
    (found,) = written(tmp_path)
    assert (len(found.asked.rule), len(found.asked.version), found.agent) == (100, 128, "other")
