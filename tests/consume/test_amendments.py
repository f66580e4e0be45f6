"""What a consumer believes of amendments: only what the index has signed, for this project, in this view."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customhouse.consume.amendments import Believing, is_withdrawn, records_in
from customhouse.consume.wire import Wire
from customhouse.formats.amendment import Amendment, PublicKey, Signed, Withdrawal, envelope, key_id, message
from customhouse.formats.version_sets import compare

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SECRET = Ed25519PrivateKey.from_private_bytes(b"1" * 32)
RAW = SECRET.public_key().public_bytes_raw()
KEY = PublicKey(key_id(RAW), RAW, NOW - timedelta(days=1))
ONE = Amendment(
    "a" * 26, "foo", ("1.0",), "bar>=1", "bar>=1,<3", "narrowing", "tried", "https://example.org/1", "owner", NOW
)
END = Withdrawal(ONE.id, "foo", "a mistake", "owner", NOW)


def told(record: Amendment | Withdrawal) -> dict[str, Any]:
    return envelope(Signed(record, KEY.id, base64.b64encode(SECRET.sign(message(record))).decode()))


def believing(view: str | None = None) -> Believing:
    return Believing(Wire(), "", NOW, [KEY], view=view)


def test_what_is_signed_counts_and_what_is_not_is_told() -> None:
    mine = believing()
    forged = told(ONE)
    forged["signed"]["reason"] = "another"
    assert mine.counting([told(ONE), forged], "foo") == [ONE]
    assert "does not fit" in mine.disbelieved[0]


def test_a_record_of_another_project_or_of_another_view_does_not_count_here() -> None:
    other = replace(ONE, id="b" * 26, view="corp", role="operator")
    assert believing().counting([told(ONE)], "bar") == []
    assert believing("main").counting([told(other)], "foo") == []
    assert believing("corp").counting([told(other)], "foo") == [other]


def test_a_withdrawn_record_that_is_shown_again_counts_no_more() -> None:
    assert believing().counting([told(ONE), told(END), told(ONE)], "foo") == []
    assert believing().counting([{**told(ONE), "withdrawal": told(END)}], "foo") == []
    signed = believing().believed([told(ONE), told(END)])
    assert is_withdrawn(signed[0], signed)


def test_what_nobody_has_signed_costs_no_comparison_and_what_lies_about_its_kind_is_not_believed() -> None:
    forged = told(ONE)
    forged["signed"] = {**forged["signed"], "requirement-after": "bar>=1,<3,!=2.1"}
    compare.cache_clear()
    assert believing().counting([forged] * 5, "foo") == []
    assert compare.cache_info().misses == 0
    mine = believing()
    assert mine.counting([told(replace(ONE, kind="widening")), told(replace(ONE, after="baz>=1"))], "foo") == []
    assert len(mine.disbelieved) == 2


def test_records_are_found_wherever_they_stand() -> None:
    one = told(ONE)
    for value in (one, [one], {"amendments": [one]}, {"_customhouse": {"amendments": [one]}, "amendments": []}):
        assert records_in(value) == [one]
    nothing: list[object] = [None, 3, "x", {}, {"_customhouse": 1}, {"amendments": {}}]
    for other in nothing:
        assert records_in(other) == []


def test_an_index_that_is_somebody_elses_is_believed_nothing() -> None:
    nobody = Believing(Wire(), "", NOW)
    assert nobody.counting([told(ONE)], "foo") == []
    assert "no key" in nobody.disbelieved[0]
    for value in (None, 1, {"a": 1}, "text"):
        assert nobody.counting(value, "foo") == []
