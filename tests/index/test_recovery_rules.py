"""What is enough to get an account back, and what holds uploads: the pure rules, as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.index.recovery.addresses import raw_files, target_of
from customhouse.index.recovery.model import (
    CLASS,
    Case,
    Delays,
    Kind,
    Proof,
    Voice,
    address_to_write_to,
    enough,
    holds_uploads,
    mail_root,
    may_decide,
    missing_of,
    state_of,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DELAYS = Delays(timedelta(days=7), timedelta(hours=72), timedelta(hours=24), timedelta(days=30))
MAIL = Proof("mail", frozenset({"example.org"}))
FORGE = Proof("repository", frozenset({"github.com"}))
ZONE = Proof("dns", frozenset({"example.net"}))
LOGIN = Proof("identity", frozenset({"login.example"}))
WORD = Proof("vouch", frozenset({"person:7", "project:demo"}), own=False)
CODE = Proof("code", frozenset({"codes"}))
OLD = Proof("old-code", frozenset({"codes"}))
GROUNDS = ("example.org", "github.com", "codes", "person:7", "project:demo", "project:other")
proofs = st.builds(
    Proof, st.sampled_from(tuple(CLASS)), st.frozensets(st.sampled_from(GROUNDS), min_size=1, max_size=3), st.booleans()
)


def a_case(**values: object) -> Case:
    case = Case(
        1, "a" * 26, 5, True, "alice@example.org", NOW, NOW, NOW + DELAYS.case, "", None, None, None, None, None, None,
        None, "", "", "",
    )  # fmt: skip
    return replace(case, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_proofs", "missing"),
    [
        ([], ("second-kind", "strong")),
        ([MAIL], ("second-kind", "strong")),
        ([CODE], ("second-kind",)),
        ([MAIL, FORGE], ()),
        ([MAIL, WORD], ()),
        ([MAIL, CODE], ()),
        ([MAIL, OLD], ("strong",)),
        ([CODE, OLD], ("second-kind",)),
        ([WORD, OLD], ()),
        ([FORGE, LOGIN], ()),
        ([FORGE, replace(FORGE, rests_on=frozenset({"gitlab.com"}))], ("second-kind",)),
        # The address at example.org, its zone, and a repository that is hosted there.
        ([MAIL, replace(ZONE, rests_on=frozenset({"example.org"}))], ("independent",)),
        ([MAIL, replace(FORGE, rests_on=frozenset({"example.org"}))], ("independent",)),
        ([replace(ZONE, rests_on=frozenset({"example.org"})), replace(FORGE, rests_on=frozenset({"example.org"})), MAIL],
         ("independent",)),
        # A login at the forge where the repository is.
        ([FORGE, replace(LOGIN, rests_on=frozenset({"github.com"}))], ("independent",)),
        # A co-owner's word, and a file that this co-owner could have written.
        ([WORD, replace(FORGE, rests_on=frozenset({"github.com", "project:demo"}))], ("independent",)),
        ([WORD, replace(FORGE, rests_on=frozenset({"github.com", "project:other"}))], ()),
    ],
)  # fmt: skip
def test_what_is_enough_and_what_is_missing(given_proofs: list[Proof], missing: tuple[str, ...]) -> None:
    assert enough(given_proofs) == missing


@given(st.lists(proofs, max_size=8), proofs)
@settings(max_examples=100, deadline=None)
def test_more_evidence_never_harms_and_its_order_does_not_matter(found: list[Proof], more: Proof) -> None:
    if not enough(found):
        assert not enough([*found, more])
        assert not enough([more, *found])
    assert (enough(found) == ()) == (enough(found[::-1]) == ())
    assert not holds_uploads(found) or holds_uploads([*found, more])


@given(st.lists(proofs, max_size=8), st.sampled_from(GROUNDS))
@settings(max_examples=100, deadline=None)
def test_a34_whatever_rests_on_one_thing_is_never_enough(found: list[Proof], ground: str) -> None:
    assert enough([replace(one, rests_on=one.rests_on | {ground}) for one in found])


@given(st.lists(proofs, max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_is_enough_has_two_classes_one_strong_and_nothing_in_common(found: list[Proof]) -> None:
    pair = [
        (one, other)
        for one, other in combinations(found, 2)
        if CLASS[one.kind] != CLASS[other.kind]
        and one.rests_on.isdisjoint(other.rests_on)
        and {one.kind, other.kind} - {"mail", "old-code"}
    ]
    assert bool(pair) == (enough(found) == ())


@given(st.lists(proofs.filter(lambda one: one.kind in ("mail", "old-code")), max_size=6))
def test_mail_and_old_codes_alone_are_never_enough_and_hold_nothing(found: list[Proof]) -> None:
    assert enough(found)
    assert not holds_uploads(found)


@given(st.lists(proofs.map(lambda one: replace(one, own=False, rests_on=one.rests_on | {"project:demo"})), max_size=6))
def test_a34_what_a_co_owner_could_give_alone_neither_completes_a_case_nor_holds_uploads(found: list[Proof]) -> None:
    assert enough(found)
    assert not holds_uploads(found)


@pytest.mark.parametrize(
    ("domain", "root"),
    [
        ("example.org", "example.org"), ("Mail.Example.ORG.", "example.org"), ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"), ("localhost", "localhost"), ("alice.github.io", "github.com"),
        ("raw.githubusercontent.com", "github.com"), ("gmail.com", "google.com"), ("accounts.google.com", "google.com"),
        ("x.y.z.de", "z.de"),
    ],
)  # fmt: skip
def test_domains_that_are_in_the_same_hands_are_one(domain: str, root: str) -> None:
    assert mail_root(domain) == root


def test_uploads_wait_from_the_first_proof_that_no_stranger_and_no_co_owner_could_give() -> None:
    assert not holds_uploads([MAIL])
    assert not holds_uploads([WORD])
    assert not holds_uploads([replace(FORGE, own=False)])
    assert holds_uploads([CODE])
    assert holds_uploads([FORGE])
    assert holds_uploads([MAIL, WORD])  # enough: two operators may agree any minute


def test_the_delay_is_shorter_with_a_co_owners_word_and_never_longer() -> None:
    assert DELAYS.after([MAIL, CODE]) == timedelta(days=7)
    assert DELAYS.after([MAIL, WORD]) == timedelta(hours=72)
    assert replace(DELAYS, vouched=timedelta(days=30)).after([WORD]) == timedelta(days=7)


def test_a_case_needs_an_address_that_is_known_to_be_read() -> None:
    both = [CODE, LOGIN]
    assert missing_of(a_case(), both) == ("address",)
    assert missing_of(a_case(new_email="new@example.net"), both) == ("address",)
    proved = a_case(new_email="new@example.net", new_email_at=NOW)
    assert (missing_of(proved, both), address_to_write_to(proved, both)) == ((), "new@example.net")
    assert address_to_write_to(a_case(), [MAIL, CODE]) == "alice@example.org"
    assert address_to_write_to(proved, [MAIL, CODE]) == "new@example.net"


def test_where_a_case_stands_and_until_when_uploads_wait() -> None:
    assert state_of(a_case(), [MAIL]) == "open"
    assert state_of(a_case(), [MAIL, CODE]) == "ready"
    due = NOW + timedelta(days=7)
    waiting = a_case(held_at=NOW, approved_at=NOW, due_at=due, reopens_at=due + timedelta(days=1))
    assert state_of(waiting, [MAIL, CODE]) == "waiting"
    assert waiting.held_until(NOW) == due + timedelta(days=1)
    contested = replace(waiting, contested_at=NOW, reopens_at=None)
    assert state_of(contested, [MAIL, CODE]) == "contested"
    assert contested.held_until(NOW) == contested.expires_at
    assert a_case().held_until(NOW) is None
    done = replace(waiting, closed_at=due, outcome="completed")
    assert state_of(done, []) == "closed"
    assert done.held_until(due) == due + timedelta(days=1)
    assert done.held_until(due + timedelta(days=2)) is None
    assert replace(waiting, closed_at=NOW, outcome="refused").held_until(NOW) is None


VOICE = Voice(9, NOW - timedelta(days=100), about=False, co_owner=False, has_proved=False)


@pytest.mark.parametrize(
    ("voice", "why"),
    [
        (VOICE, ""), (replace(VOICE, operator_since=None), ""), (replace(VOICE, account_id=None), "person with an account"),
        (replace(VOICE, about=True), "your own account"), (replace(VOICE, co_owner=True), "own a project together"),
        (replace(VOICE, has_proved=True), "evidence"),
        (replace(VOICE, operator_since=NOW + timedelta(hours=1)), "became an operator after"),
    ],
)  # fmt: skip
def test_a55_who_has_a_voice(voice: Voice, why: str) -> None:
    found = may_decide(voice, a_case())
    assert why in found
    assert bool(found) == bool(why)


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://github.com/alice/demo", "https://raw.githubusercontent.com/alice/demo/HEAD/customhouse-recovery.txt"),
        ("https://github.com/alice/demo.git", "https://raw.githubusercontent.com/alice/demo/HEAD/customhouse-recovery.txt"),
        ("https://github.com/alice/demo/", "https://raw.githubusercontent.com/alice/demo/HEAD/customhouse-recovery.txt"),
        # Everybody can write there: an issue, a wiki, a commit of a fork that is shown under the original's address.
        ("https://github.com/alice/demo/issues/1", ""),
        ("https://github.com/alice/demo/tree/0123456789abcdef", ""),
        ("https://github.com/alice", ""),
        ("https://gitlab.example/team/sub/demo", "https://gitlab.example/team/sub/demo/-/raw/HEAD/customhouse-recovery.txt"),
        ("http://gitlab.example/team/demo", ""),  # whoever sits in between could answer
        ("https://example.org/view?path=", ""),
        ("http://127.0.0.1:8000/demo", "http://127.0.0.1:8000/demo/-/raw/HEAD/customhouse-recovery.txt"),
        ("ftp://example.org/demo", ""), ("https://alice@example.org/demo", ""), ("not an address", ""),
    ],
)  # fmt: skip
def test_a34_the_place_of_the_file_is_chosen_by_us(url: str, first: str) -> None:
    assert next(iter(raw_files(url)), "") == first
    assert (target_of("https://example.org/x") is not None) is True


def test_every_kind_has_a_class() -> None:
    kinds: tuple[Kind, ...] = tuple(CLASS)
    assert set(CLASS) == set(kinds)
