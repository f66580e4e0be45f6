"""``customhouse token``."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.cli.options import read_settings
from customhouse.formats.api_token import LONGEST, ApiToken, attenuate
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Rejected
from customhouse.terms.scope import Scope, scope_for

app = App(name="token", help="API tokens.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Projects = Annotated[
    list[str] | None, Parameter(name="--project", negative="", help="Only for this project; repeat it.")
]
Version = Annotated[str, Parameter(help="Only for this version, or for those that meet specifiers as '>=1.2,<2'.")]
Actions = Annotated[
    list[str] | None, Parameter(name="--action", negative="", help="Only to upload, yank, read or stage; repeat it.")
]
Networks = Annotated[
    list[str] | None, Parameter(name="--network", negative="", help="Only from this network or address; repeat it.")
]
Expires = Annotated[str, Parameter(help="Not after this: a span as 90m, 2h, 30d, or a moment as 2030-01-31T12:00Z.")]
NotBefore = Annotated[str, Parameter(help="Not before this, likewise.")]
Whose = Annotated[str, Parameter(help="Whose token it is.")]
Note = Annotated[str, Parameter(help="What it is for, to be shown beside it.")]
_SPAN = re.compile(r"([0-9]{1,5})([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command
def create(
    user: Whose, *, project: Projects = None, version: Version = "", expires: Expires = "", not_before: NotBefore = "",
    network: Networks = None, action: Actions = None, note: Note = "", data: Data = None,
) -> None:  # fmt: skip
    """Make an API token and print it, once, on standard output. Without limits it may all that its user may."""
    from customhouse.accounts.tokens import CreateToken  # noqa: PLC0415 - narrowing a token needs none of this
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - as above

    scope = _scope(project, version, expires, not_before, network, action)
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        token = parts.create_token(CreateToken(user, None, note, scope=scope))
    limits = "; ".join(scope.words()) or f"every project of {user}"
    print(f"A token: {limits}. It is shown only now; use it with the user name __token__.", file=sys.stderr)
    print(token.text)


@app.command(name="attenuate")
def narrow(
    *, project: Projects = None, version: Version = "", expires: Expires = "", not_before: NotBefore = "",
    network: Networks = None, action: Actions = None,
) -> None:  # fmt: skip
    """Read a token from standard input and print one that is good for less. No server is asked, and no data folder.

    The new token works for as long as the old one is not revoked; revoking either revokes both.
    """
    scope = _scope(project, version, expires, not_before, network, action)
    if not scope.words():
        raise Rejected("no-limits", "token attenuate", "there is no limit to add", "--expires 2h, --project NAME, …")
    print(attenuate(_from_stdin(), scope))
    print(f"Now also {'; '.join(scope.words())}.", file=sys.stderr)


@app.command
def show() -> None:
    """Read a token from standard input and say which limits stand in it. Only the server knows whether it is good."""
    token = ApiToken.parse(_from_stdin())
    print(f"Identifier: {token.id}")
    for phrase in token.scope.words() or ["no limits"]:
        print(f"Limit: {phrase}")


@app.command
def revoke(
    *, reason: Annotated[str, Parameter(help="Why; it is kept in the ledger and told to the owners.")],
    user: Annotated[str, Parameter(help="Tokens of this user.")] = "",
    project: Annotated[str, Parameter(help="Tokens that were made for this project.")] = "",
    older_than: Annotated[int | None, Parameter(help="Tokens that were made so many days ago.")] = None,
    all: Annotated[bool, Parameter(negative="", help="Every token of this index.")] = False,  # noqa: A002 - the flag's name
    data: Data = None,
) -> None:  # fmt: skip
    """Revoke the tokens that meet every condition, at once. Each owner gets one letter."""
    from customhouse.accounts.mass_revoke import RevokeMany, revoke_many  # noqa: PLC0415 - as above
    from customhouse.app import open_app, prepare  # noqa: PLC0415 - as above

    span = timedelta(days=older_than) if older_than is not None else None
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        gone = revoke_many(parts.deeds, RevokeMany(reason, user, project, span, everything=all))
    print(f"Revoked {gone.tokens} tokens of {gone.accounts} accounts.")


def _scope(
    projects: list[str] | None, version: str, expires: str, not_before: str, networks: list[str] | None,
    actions: list[str] | None,
) -> Scope:  # fmt: skip
    now = SystemClock().now()
    return scope_for(
        projects=projects or (),
        versions=[version] if version else (),
        actions=actions or (),
        networks=networks or (),
        not_before=_moment(not_before, now, "--not-before"),
        expires=_moment(expires, now, "--expires"),
    )


def _moment(text: str, now: datetime, where: str) -> datetime | None:
    """A span from now, or a moment; a moment without a zone is one of UTC."""
    if not text:
        return None
    if span := _SPAN.fullmatch(text.strip()):
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Rejected(
            "bad-moment", where, f"{text[:40]!r} is no moment", "90m, 2h, 30d or 2030-01-31T12:00Z"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _from_stdin() -> str:
    """A token is never an argument: every user of a machine can read those."""
    return sys.stdin.read(LONGEST + 100).strip()
