"""Operators see at the command line which releases wait, and set what a project asks of them."""

from __future__ import annotations

import pytest

from customhouse.cli.approving import rule, staged
from neighbours import join, refused
from packages import wheel
from slowly import guard
from world import World


def test_a_rule_is_set_shown_and_lowered_and_what_waits_is_listed(
    small_world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CUSTOMHOUSE_DATA", str(small_world.app.settings.data))
    assert small_world.upload(wheel("demo", "1.0")).status == 200
    for name in ("bob", "carol"):
        join(small_world, name)

    def said() -> str:
        return capsys.readouterr().out

    rule("demo")
    assert said() == "demo: nothing is asked.\n"
    staged("demo")
    assert said() == "No release waits.\n"
    rule("demo", approvals=2, method="webauthn", hours=24)
    assert said().startswith("demo: 2 people approve with a security key or passkey, none of them an uploader; 1 day")
    assert small_world.upload(wheel("demo", "2.0"), version="2.0").status == 202
    staged("demo")
    shown = said()
    assert "2.0" in shown
    assert "2 approvals are wanted, with a security key or passkey, from bob or carol." in " ".join(shown.split())
    guard(small_world)
    # Who sits there could do worse; the owners are told.
    rule("demo", approvals=1, uploader_may=True)
    assert said() == "demo: 1 person approves.\n"
    for name, approvals, code in (
        ("nothing", 1, "unknown"), ("demo", 11, "bad-rule"), ("demo", 9, "too-few-people"),
    ):  # fmt: skip
        with refused(code):
            rule(name, approvals=approvals)
