"""What of the ledger who may see: each kind stands in exactly one list, and nothing private is in the first."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from customhouse.ledger.chain import Entry
from customhouse.ledger.events import Event
from customhouse.ledger.public import (
    EVERYBODY,
    OF_PROJECT,
    OPERATOR,
    OPERATORS,
    PUBLIC,
    Reader,
    Sealed,
    kinds_of_project,
    may_see,
    seal,
    sentence,
    who,
)
from every_event import every_event

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KINDS = {event.kind: event for event in every_event()}
OWNER, MEMBER = Reader(owns=["demo"]), Reader(reads=["demo"])
PRIVATE_OWNER = Reader(owns=["demo"], reads=["demo"])


def entry(
    kind: str, project: str | None = "demo", actor: tuple[str, str, str] = ("user", "1", "alice"), **body: object
) -> Entry:
    return Entry(7, AT, kind, *actor, project, json.dumps(body), "a" * 64, "b" * 64)


@pytest.mark.parametrize("event", every_event(), ids=lambda event: event.kind)
def test_every_kind_of_event_stands_in_one_list(event: type[Event]) -> None:
    lists = [event.kind in one for one in (PUBLIC, OF_PROJECT, OPERATORS)]
    assert sum(lists) == 1, "say in ledger/public.py who may see it"


def test_the_lists_name_nothing_that_cannot_happen() -> None:
    assert {*PUBLIC, *OF_PROJECT, *OPERATORS} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(PUBLIC))
def test_what_is_public_names_no_network_session_or_reporter(kind: str) -> None:
    names = {field.name for field in fields(KINDS[kind])}
    assert not names & {"network", "address", "user_agent", "reporters", "email", "secret", "link_id", "password"}


@pytest.mark.parametrize(
    ("reader", "kind", "project", "private", "seen"),
    [
        (EVERYBODY, "yanked", "demo", (), True),
        (EVERYBODY, "yanked", "demo", ("demo",), False),
        (EVERYBODY, "yanked", "other", ("demo",), True),
        (EVERYBODY, "flag-set", None, ("demo",), True),
        (EVERYBODY, "upload-refused", "demo", (), False),
        (EVERYBODY, "signed-in", None, (), False),
        (EVERYBODY, "report-filed", "demo", (), False),
        (EVERYBODY, "never-heard-of", "demo", (), False),
        (MEMBER, "yanked", "demo", ("demo",), True),
        (MEMBER, "yanked", "other", ("demo", "other"), False),
        (MEMBER, "upload-refused", "demo", ("demo",), False),
        (OWNER, "upload-refused", "demo", (), True),
        (OWNER, "upload-refused", "other", (), False),
        (OWNER, "token-created", None, (), False),
        (OWNER, "report-filed", "demo", (), False),
        (OWNER, "case-opened", "demo", (), False),
        (PRIVATE_OWNER, "yanked", "demo", ("demo",), True),
        (PRIVATE_OWNER, "webhook-added", "demo", ("demo",), True),
        (OPERATOR, "report-filed", "demo", ("demo",), True),
        (OPERATOR, "never-heard-of", None, (), True),
    ],
)
def test_who_may_see_what(reader: Reader, kind: str, project: str | None, private: tuple[str, ...], seen: bool) -> None:
    assert may_see(reader, entry(kind, project), private) is seen


def test_the_kinds_to_ask_for_are_those_that_may_be_seen() -> None:
    for reader in (EVERYBODY, OWNER, MEMBER, PRIVATE_OWNER):
        asked = kinds_of_project(reader, "demo")
        assert asked == sorted(kind for kind in KINDS if may_see(reader, entry(kind), ()))
    assert kinds_of_project(OPERATOR, "demo") is None


def test_a_sealed_entry_keeps_its_place_in_the_chain_and_nothing_else() -> None:
    assert seal(entry("signed-in")) == Sealed(7, "a" * 64, "b" * 64)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (entry("file-uploaded", filename="demo-1.0.tar.gz"), "uploaded demo-1.0.tar.gz"),
        (entry("yanked", filename="demo-1.0.tar.gz", version="1.0"), "yanked demo-1.0.tar.gz"),
        (entry("yanked", filename="", version="1.0"), "yanked version 1.0"),
        (entry("deleted", filename="", version=""), "deleted the project"),
        (entry("status-changed", status="archived", before="active"), "made the project archived, which was active"),
        (entry("project-created", display_name="{filename}{0.__class__}"), "claimed the name {filename}{0.__class__}"),
        (entry("file-uploaded"), "uploaded "),
        (entry("never-heard-of"), "never heard of"),
        (entry("file-uploaded", filename="x" * 10_000), "uploaded " + "x" * 291),
    ],
)  # fmt: skip
def test_an_event_is_told_in_words(told: Entry, words: str) -> None:
    assert sentence(told) == words


@pytest.mark.parametrize("event", every_event(), ids=lambda event: event.kind)
def test_a_sentence_asks_only_for_facts_that_the_event_has(event: type[Event]) -> None:
    names = {field.name for field in fields(event)}
    text = {**OPERATORS, **OF_PROJECT, **PUBLIC}[event.kind]
    wanted = {part.partition("}")[0] for part in text.split("{")[1:]}
    assert wanted <= names | {"what"}
    assert "what" not in wanted or {"version", "filename"} <= names


def test_who_did_it_is_told_in_words() -> None:
    assert who(entry("yanked")) == "alice"
    assert who(entry("yanked", actor=("operator", "cli", "operator"))) == "an operator"
    assert who(entry("yanked", actor=("operator", "3", "olga"))) == "the operator olga"
    assert who(entry("yanked", actor=("system", "system", "customhouse"))) == "the index itself"
    assert who(entry("yanked", actor=("anonymous", "", ""))) == "somebody"
