"""``customhouse mandate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.mandates.announce import Announce, announce
from customhouse.index.mandates.change import (
    Change,
    End,
    EndExemption,
    Exempt,
    change_mandate,
    end_exemption,
    end_mandate,
    exempt,
)
from customhouse.index.mandates.model import Dates, Mandate, parse_moment
from customhouse.index.mandates.queries import exemptions, mandates

app = App(name="mandate", help="Who must have a second factor, and from when on.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger.")]
Day = Annotated[str, Parameter(help="A day as 2026-12-01, a moment in ISO 8601, or now.")]
R = TypeVar("R")


@app.command(name="announce")
def announce_it(
    title: str,
    *,
    scope: str = "critical",
    methods: str = "any",
    warned: Day,
    enforced: Day,
    announced: Day = "now",
    text: str = "",
    organization: str = "",
    project: str = "",
    data: Data = None,
) -> None:
    """Announce a mandate. Whoever it concerns and lacks the factor gets a letter at each stage.

    Args:
        title: What people read.
        scope: critical, all, organization, project or staff.
        methods: any, or webauthn for security keys and passkeys alone.
        warned: From when on each upload says that it will be refused.
        enforced: From when on uploads without the factor are refused.
        announced: When people get the first letter.
        text: Why, in your words.
        organization: Its name, for that scope.
        project: Its name, for that scope.
        data: The data folder (default ./customhouse-data).
    """

    def run(parts: Parts) -> Mandate:
        now = parts.clock.now()
        days = [parse_moment(day, name, now) for day, name in (
            (announced, "announced"), (warned, "warned"), (enforced, "enforced"))]  # fmt: skip
        return parts.do(announce, Announce(title, scope, methods, Dates(*days), text, organization, project))

    made = _with(data, run)
    print(f"Announced mandate {made.id}: {made.title}. It concerns {made.covers}.")


@app.command(name="list")
def list_mandates(*, data: Data = None) -> None:
    """Every mandate with its stage, and who is let off."""

    def run(parts: Parts) -> None:
        now = parts.clock.now()
        with parts.database.read() as sql:
            found = mandates(sql)
            let_off = exemptions(sql, [one.id for one in found])
        for one in found:
            print(f"{one.id}  {one.stage(now)}  {one.title}: {one.covers}; {one.methods}")
            days = one.dates
            print(f"   announced {days.announced_at:%Y-%m-%d}, warned {days.warned_at:%Y-%m-%d}, "
                  f"enforced {days.enforced_at:%Y-%m-%d}")  # fmt: skip
            for off in let_off:
                if off.mandate_id == one.id and off.holds(now):
                    print(
                        f"   let off ({off.id}): {off.account or off.project} until {off.until:%Y-%m-%d}, {off.reason}"
                    )
        if not found:
            print("There is none.")

    _with(data, run)


@app.command(name="change")
def change_it(
    mandate: int, *, methods: str | None = None, warned: Day = "", enforced: Day = "", reason: Reason = "",
    data: Data = None,
) -> None:  # fmt: skip
    """Set other days or methods. Asking for less waits, is announced, and can be stopped."""

    def run(parts: Parts) -> str:
        now = parts.clock.now()
        wish = Change(
            mandate, reason, methods, parse_moment(warned, "warned", now) if warned else None,
            parse_moment(enforced, "enforced", now) if enforced else None,
        )  # fmt: skip
        return parts.do(change_mandate, wish).says(f"Mandate {mandate} is changed.")

    print(_with(data, run))


@app.command(name="exempt")
def exempt_somebody(
    mandate: int, *, reason: Reason, until: Day, account: str = "", project: str = "", data: Data = None
) -> None:
    """Let an account, or everybody in a project, off until a day. It waits, is announced, and can be stopped."""

    def run(parts: Parts) -> str:
        wish = Exempt(mandate, reason, parse_moment(until, "until", parts.clock.now()), account, project)
        return parts.do(exempt, wish).says(f"{account or project} is let off mandate {mandate}.")

    print(_with(data, run))


@app.command(name="unexempt")
def end_an_exemption(mandate: int, exemption: int, *, reason: Reason = "", data: Data = None) -> None:
    """End an exemption; its number stands in `customhouse mandate list`."""

    def run(parts: Parts) -> None:
        parts.do(end_exemption, EndExemption(exemption, mandate, reason))

    _with(data, run)
    print(f"Exemption {exemption} has ended.")


@app.command(name="end")
def end_it(mandate: int, *, reason: Reason, data: Data = None) -> None:
    """Let a mandate end. It waits, is announced, and can be stopped."""
    print(_with(data, lambda parts: parts.do(end_mandate, End(mandate, reason)).says(f"Mandate {mandate} has ended.")))


def _with(data: Path | None, run: Callable[[Parts], R]) -> R:
    """Do something with an open app."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        return run(parts)
