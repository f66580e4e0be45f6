"""What happened to one's account, as its owner reads it; and what of it stands in logs (A19, A49)."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from customhouse.accounts.history import KINDS
from customhouse.accounts.links import link_text
from customhouse.accounts.server_key import ServerKey
from customhouse.accounts.users import Freeze, freeze
from customhouse.infra.logs import configure_logs
from customhouse.ledger.public import OF_PROJECT, OPERATORS, PUBLIC
from every_event import every_event
from telling import settle, telling_world
from world import World


@pytest.fixture
def world(small_world: World) -> Iterator[World]:
    with telling_world(small_world.app.settings, small_world.clock) as made:
        yield made


def lines(text: str) -> list[str]:
    cells = re.findall(r"<tr><td>.*?</td><td>(.*?)</td><td>(.*?)</td></tr>", text)
    return [f"{what} {network}".strip() for what, network in cells]


def test_the_owner_reads_who_signed_in_from_where_and_every_change(world: World) -> None:
    alice = world.person("alice")
    world.stranger().sign_in("alice", "something wrong")
    alice.get("/account/password/")
    alice.post("/account/password/", password="another long password", again="another long password")
    alice.post("/account/tokens/", note="ci")
    settle(world)
    told = lines(alice.get("/account/security/").text)
    assert told[0].startswith("You made an API token")
    assert "You set a password." in told
    assert "Somebody failed to sign in. testclient" in told
    assert "You signed in. testclient" in told


def test_nobody_reads_of_others(world: World) -> None:
    world.person("alice")
    bob = world.person("bob")
    world.app.do(freeze, Freeze("alice", "a test"))
    settle(world)
    told = lines(bob.get("/account/security/").text)
    assert told
    assert not any("alice" in line or "froze" in line for line in told)


def test_every_kind_of_the_history_is_a_kind_and_has_a_sentence() -> None:
    known = {event.kind for event in every_event()}
    assert known >= KINDS
    assert {*PUBLIC, *OF_PROJECT, *OPERATORS} >= KINDS


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the log has said."""
    kept, root = io.StringIO(), logging.getLogger("customhouse")
    before = (list(root.handlers), root.level, root.propagate)
    monkeypatch.setattr(sys, "stderr", kept)
    configure_logs("info")
    yield kept
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def test_a19_a_link_in_an_address_or_a_traceback_is_not_logged(printed: io.StringIO) -> None:
    text = link_text(ServerKey(b"k" * 32), "abcdefghijklmnopqrstuvwxyz")
    log = logging.getLogger("customhouse.web")
    log.error("GET /account/verify/%s/ failed", text, exc_info=ValueError(f"/account/link/{text}/"))
    said = printed.getvalue()
    assert text not in said
    assert text.partition(".")[2] not in said
    assert "abcdefghijklmnopqrstuvwxyz.…" in said


@pytest.mark.parametrize(
    "evil", ["\r\n2026-11-24 INFO customhouse: all is well", "\x1b[2J", "\u2028x", "%s%n{0.__class__}"]
)
def test_a49_no_name_adds_an_entry_to_the_log(printed: io.StringIO, evil: str) -> None:
    log = logging.getLogger("customhouse.mail")
    log.warning("letter for %s cannot be delivered", f"mallory{evil}")
    log.error("again", exc_info=ValueError(evil))
    said = printed.getvalue()
    entries = [line for line in re.split(r"[\r\n\u2028]", said) if line and not line.startswith("  ")]
    assert len(entries) == 2
    assert "\x1b" not in said
    if "%" in evil:
        assert evil in said
