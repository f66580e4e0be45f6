"""Signatures after "Standard Webhooks": the published example, and our own keys."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from customhouse.hooks.model import Hook, Patterns
from customhouse.hooks.sign import hook_key, keys_of, message_id, signed_headers, written
from receiver import is_genuine

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SERVER_KEY = b"k" * 32
HOOK = Hook(
    "a" * 26, "index", None, None, "https://example.org/", Patterns(), active=True, why_off="", epoch=1, rotated_at=None,
    created_at=AT, failures=0, first_failed_at=None, failing_at=None, paused_until=None,
)  # fmt: skip


def test_the_example_of_the_reference_libraries_comes_out() -> None:
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}',
        [base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    )  # fmt: skip
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_hook_and_each_epoch_has_a_key_of_its_own() -> None:
    keys = {hook_key(SERVER_KEY, hook, epoch) for hook in ("a", "b") for epoch in (1, 2, 12)}
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)
    assert hook_key(SERVER_KEY, "a", 1) != hook_key(b"l" * 32, "a", 1)
    assert written(b"\0" * 32) == "whsec_" + "A" * 43 + "="


def test_for_a_day_after_a_rotation_both_keys_are_good() -> None:
    rotated = replace(HOOK, epoch=2, rotated_at=AT)
    old, new = (written(hook_key(SERVER_KEY, HOOK.id, epoch)) for epoch in (1, 2))
    for moment, old_is_good in ((AT, True), (AT + timedelta(hours=23), True), (AT + timedelta(days=1), False)):
        headers = signed_headers("msg_x_1", moment, b"{}", keys_of(SERVER_KEY, rotated, moment))
        assert is_genuine(new, headers, b"{}", now=moment.timestamp())
        assert is_genuine(old, headers, b"{}", now=moment.timestamp()) is old_is_good
        assert not is_genuine(new, headers, b"{ }", now=moment.timestamp())
    assert len(keys_of(SERVER_KEY, HOOK, AT)) == 1


def test_identifiers_hold_no_full_stop_that_could_shift_what_is_signed() -> None:
    assert message_id("abc", 12) == "msg_abc_12"
    assert "." not in message_id(HOOK.id, 10**15)
