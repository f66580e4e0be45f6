"""A chain of lines: whatever is changed in it, it does not verify."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.dsse import pae
from customhouse.release.codec import read_line, write_line
from customhouse.release.events import Anchored, Confirmed, Event, Noted
from customhouse.release.journal import Head
from customhouse.release.machine_key import MachineKey, signed_by
from customhouse.release.sealed import Said, Sealed
from customhouse.release.sealing import Chain, head_of, say, seal, verify_lines
from customhouse.terms.errors import Rejected
from toy_release import ENGINE_KEY, OTHER, PEOPLE, START, first_line, join

RUN = "toy-1.2.3-1"


def follow(line: Sealed, event: Event, by: str = "engine", key: MachineKey | None = None) -> Sealed:
    said = say(event, run=RUN, by=by, key=key) if key is not None else None
    return seal(event, run=RUN, head=head_of(line), at=line.at + timedelta(seconds=1), by=by, key=ENGINE_KEY, said=said)


def chain() -> list[Sealed]:
    lines = [first_line()]
    for event, by in (
        (Noted("one"), ""), (join("rm"), "rm"), (Confirmed("rm", "rosa"), "rm"), (Noted("two", "build"), ""),
    ):  # fmt: skip
        lines.append(follow(lines[-1], event, by or "engine", PEOPLE.get(by)))
    return lines


LINES = chain()
BYTES = "\n".join(map(write_line, LINES)).encode()


def broken(lines: list[Sealed]) -> str:
    with pytest.raises(Rejected) as rejected:
        verify_lines(lines)
    assert rejected.value.code == "journal-broken"
    assert rejected.value.where.startswith("line ")
    return rejected.value.why


def test_a_whole_chain_verifies_at_once_and_line_by_line() -> None:
    at_once = verify_lines(LINES)
    one_by_one = Chain()
    for line in LINES:
        verify_lines([line], one_by_one)
    assert at_once == one_by_one
    assert at_once.head == Head(4, LINES[-1].hash)


@pytest.mark.parametrize("order", [one for one in itertools.permutations(range(5)) if one != tuple(range(5))])
def test_no_permutation_verifies(order: tuple[int, ...]) -> None:
    broken([LINES[place] for place in order])


@pytest.mark.parametrize("gone", range(4))
def test_no_line_can_be_left_out(gone: int) -> None:
    broken(LINES[:gone] + LINES[gone + 1 :])


def test_a_line_cannot_stand_twice() -> None:
    broken([*LINES, LINES[-1]])


@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
def test_no_flipped_byte_goes_unseen(place: int, mask: int) -> None:
    changed = bytearray(BYTES)
    changed[place] ^= mask
    with pytest.raises(Rejected):
        verify_lines([read_line(line, where=f"line {n}") for n, line in enumerate(bytes(changed).split(b"\n"))])


def test_another_engine_cannot_go_on() -> None:
    strange = seal(
        Noted("x"), run=RUN, head=head_of(LINES[-1]), at=LINES[-1].at, by="engine", key=OTHER
    )  # fmt: skip
    assert "engine has not signed" in broken([*LINES, strange])


def test_another_engine_cannot_begin_it_all_anew() -> None:
    with pytest.raises(Rejected, match="another engine"):
        verify_lines(LINES, Chain(engine_key=OTHER.public))
    with pytest.raises(Rejected, match="is of the run"):
        verify_lines(LINES, Chain(run="toy-9.9.9-1"))


def test_time_does_not_go_back() -> None:
    early = seal(Noted("x"), run=RUN, head=head_of(LINES[-1]), at=START, by="engine", key=ENGINE_KEY)
    assert "before that of the line before" in broken([*LINES, early])


def test_nobody_speaks_with_the_key_of_another() -> None:
    event = Confirmed("windows", "x")
    assert "not his" in broken([*LINES, follow(LINES[-1], event, "windows", PEOPLE["rm"])])
    assert "not his" in broken([*LINES, follow(LINES[-1], event, "windows", PEOPLE["windows"])])
    assert "not his" in broken([*LINES, follow(LINES[-1], Noted("x"), "engine", PEOPLE["rm"])])


def test_a_signature_of_something_else_is_none() -> None:
    said = say(Noted("yes"), run=RUN, by="rm", key=PEOPLE["rm"])
    moved = seal(
        Noted("no"), run=RUN, head=head_of(LINES[-1]), at=LINES[-1].at, by="rm", key=ENGINE_KEY, said=said
    )  # fmt: skip
    assert "not of what it says" in broken([*LINES, moved])
    other_run = say(Noted("yes"), run="toy-1.2.3-2", by="rm", key=PEOPLE["rm"])
    moved = seal(
        Noted("yes"), run=RUN, head=head_of(LINES[-1]), at=LINES[-1].at, by="rm", key=ENGINE_KEY, said=other_run
    )  # fmt: skip
    assert "not of what it says" in broken([*LINES, moved])


def test_who_joins_shows_that_he_has_the_key() -> None:
    assert "with the key that it names" in broken([LINES[0], follow(LINES[0], join("rm"), "rm")])
    stolen = follow(LINES[0], join("rm"), "rm", OTHER)
    assert "with the key that it names" in broken([LINES[0], stolen])


def test_a_head_that_never_was_cannot_be_anchored() -> None:
    for head, fine in ((LINES[2].hash, True), ("0" * 64, False)):
        line = follow(LINES[-1], Anchored(head, "log", 1, "{}"))
        if fine:
            verify_lines([*LINES, line])
        else:
            assert "never had" in broken([*LINES, line])


def test_signatures_are_over_the_encoding_of_dsse() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, the example.
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64", "=" * 88])
def test_what_is_no_signature_is_none(signature: str) -> None:
    assert not signed_by(OTHER.public, signature, b"x")
    broken([*LINES[:-1], replace(LINES[-1], signature=signature)])
    forged = replace(LINES[3], said=Said(PEOPLE["rm"].public, signature))
    broken([*LINES[:3], forged])
