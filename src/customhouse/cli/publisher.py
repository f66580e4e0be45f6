"""``customhouse publisher``: whose builds may publish into which project, without a stored secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from customhouse.accounts.users import find_user
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.catalog.queries import find_project
from customhouse.cli.options import read_settings
from customhouse.index.publishing.add import AddPublisher, RemovePublisher, add_publisher, remove_publisher
from customhouse.index.publishing.only import SetPublishersOnly, publishers_only, set_publishers_only
from customhouse.index.publishing.pending import AddPending, WithdrawPending, add_pending, withdraw_pending
from customhouse.index.slow.model import PendingChange
from customhouse.index.subject import unknown
from customhouse.terms.errors import Rejected
from customhouse.terms.identity import COMMAND_LINE
from customhouse.terms.names import normalize
from customhouse.trust.described import Described, describe, rules_in_words
from customhouse.trust.issuers import issuer_named
from customhouse.trust.providers.known import PROVIDERS
from customhouse.trust.providers.provider import rules_of
from customhouse.trust.publishers import TrustedPublisher, all_pending, publishers_of

app = App(name="publisher", help="Trusted publishers: builds that publish without a stored secret.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Issuer = Annotated[str, Parameter(help="github, gitlab, google, activestate, or one of the setting oidc_issuers.")]
Settings = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="What it is told by, as owner=acme; repeat it. See `publisher issuers`."),
]
Rules = Annotated[
    list[str] | None,
    Parameter(name="--rule", negative="", help="What is asked besides, as ref=refs/tags/v* or protected_ref=true."),
]
StagesOnly = Annotated[bool, Parameter(negative="", help="What it sends waits until people approve it.")]


@app.command
def add(
    project: str, issuer: Issuer, *, set: Settings = None, rule: Rules = None, stages_only: StagesOnly = False,  # noqa: A002 - the flag's name
    pending_for: Annotated[str, Parameter(help="The project does not exist yet: this user will own it.")] = "",
    organization: Annotated[str, Parameter(help="Or this organization will hold it; the user manages it.")] = "",
    reason: Annotated[str, Parameter(help="Why; told to the owners of a protected project.")] = "",
    data: Data = None,
) -> None:  # fmt: skip
    """Let builds of one place publish into a project, or make it by their first upload."""
    with _parts(data) as parts:
        described = _described(parts, issuer, set, rule)
        if pending_for:
            with parts.database.read() as sql:
                by = find_user(sql, pending_for).actor
            made = parts.do(add_pending, AddPending(project, described, by, organization, stages_only))
            until = made.expires_at.date() if made.expires_at is not None else "it is used"
            print(f"{made.title} may make the project {made.pending_name} until {until}. Number: {made.id}")
            return
        added = parts.do(add_publisher, AddPublisher(project, described, stages_only, reason=reason))
    if isinstance(added, PendingChange):
        print(added.says_when)
    else:
        print(f"{added.title} may {added.may} {project}. Number: {added.id}")


@app.command(name="list")
def list_(
    project: Annotated[str, Parameter(help="The publishers of this project; without it, all that are pending.")] = "",
    *, data: Data = None,
) -> None:  # fmt: skip
    """Show the publishers of a project, or those that wait for theirs."""
    table = Table("number", "publisher", "for", "asked besides", "known by", "last used")
    with _parts(data) as parts, parts.database.read() as sql:
        if not project:
            for one in all_pending(sql):
                _row(table, one, f"{one.pending_name} (pending)")
        else:
            found = find_project(sql, normalize(project))
            if found is None:
                raise unknown(f"project named {project[:100]!r} here")
            for one in publishers_of(sql, found.id):
                _row(table, one, found.display)
            if publishers_only(sql, found.id):
                table.caption = f"{found.display} takes no API tokens."
    Console().print(table)


@app.command
def remove(
    number: Annotated[int, Parameter(help="The number that `publisher list` shows.")],
    *,
    project: Annotated[str, Parameter(help="Its project; leave it out for a pending one.")] = "",
    data: Data = None,
) -> None:
    """Let a publisher, and every token that it was given, work no more."""
    with _parts(data) as parts:
        if project:
            gone = parts.do(remove_publisher, RemovePublisher(project, number))
        else:
            gone = parts.do(withdraw_pending, WithdrawPending(number, COMMAND_LINE))
    print(f"{gone.title} can publish no more.")


@app.command
def only(
    project: str,
    *,
    off: Annotated[bool, Parameter(negative="", help="Let API tokens publish again.")] = False,
    reason: Annotated[str, Parameter(help="Why; told to the owners of a protected project.")] = "",
    data: Data = None,
) -> None:
    """Let a project take nothing that comes with an API token."""
    with _parts(data) as parts:
        parts.do(set_publishers_only, SetPublishersOnly(project, on=not off, reason=reason))
    print(f"{project}: API tokens may publish again." if off else f"{project}: only trusted publishers publish now.")


@app.command
def issuers(*, data: Data = None) -> None:
    """Show whose tokens this index takes, and what a publisher of each is told by."""
    table = Table("issuer", "address", "--set", "--rule")
    with _parts(data) as parts:
        print(f"Audience of ID tokens: {parts.settings.audience}")
        for one in parts.minting.known:
            provider = PROVIDERS[one.kind]
            fields = "\n".join(field.name + ("" if field.required else " (if any)") for field in provider.fields(one))
            table.add_row(one.name, one.url, fields, "\n".join(field.name for field in rules_of(provider, one)))
    Console().print(table)


def _described(parts: Parts, issuer: str, settings: Sequence[str] | None, rules: Sequence[str] | None) -> Described:
    return describe(issuer_named(parts.minting.known, issuer), _pairs(settings, "--set"), _pairs(rules, "--rule"))


def _pairs(texts: Sequence[str] | None, flag: str) -> dict[str, str]:
    found = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Rejected("bad-flag", flag, f"{text[:80]!r} is no NAME=VALUE", f"{flag} owner=acme")
        found[name.strip()] = value
    return found


def _row(table: Table, one: TrustedPublisher, whom: str) -> None:
    stages = " (stages only)" if one.stages_only else ""
    known = ", ".join(f"{name} {value}" for name, value in one.learned.items())
    used = f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at is not None else "never"
    table.add_row(str(one.id), f"{one.title}{stages}", whom, rules_in_words(one.rules), known, used)


@contextmanager
def _parts(data: Path | None) -> Iterator[Parts]:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        yield parts
