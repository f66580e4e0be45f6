"""``customhouse user``."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.accounts import factors
from customhouse.accounts.links import MakePasswordLink, link_text, make_password_link
from customhouse.accounts.sign_in_limits import second_limits
from customhouse.accounts.users import AddUser, Freeze, SetSiteRole, add_user, find_user, freeze, set_site_role
from customhouse.app import App as Parts
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.reporter_trust import TrustReporter, trust_reporter
from customhouse.terms.identity import OPERATOR

app = App(name="user", help="Accounts.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]
Reason = Annotated[str, Parameter(help="Why; it is kept in the ledger.")]
NOBODY = ("none", "")


@app.command
def add(name: str, *, email: str = "", data: Path | None = None) -> None:
    """Make an account.

    Args:
        name: 1 to 50 ASCII letters, digits, '.', '_' and '-'.
        email: Where mail to this person goes.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        user = parts.do(add_user, AddUser(name, email))
    print(f"Made the account {user.name}. Next: customhouse token create {user.name}")


@app.command
def link(name: str, *, data: Data = None) -> None:
    """Print a link with which this person sets a password, on standard output. It works once, for some hours."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        with parts.database.read() as sql:
            user = find_user(sql, name)
        life = timedelta(seconds=settings.link_seconds)
        link_id = parts.do(make_password_link, MakePasswordLink(user, life, OPERATOR, mail=False))
        text = link_text(parts.key, link_id)
    print(f"Whoever opens this sets the password of {user.name}. It works once, for {life}.", file=sys.stderr)
    print(f"{settings.public_url}/account/link/{text}/")


@app.command
def role(name: str, role: str, *, data: Data = None) -> None:
    """Say what somebody is to this index: operator, support or none. All sessions of the account end."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        user = parts.do(set_site_role, SetSiteRole(name, "" if role in NOBODY else role))
    print(f"{user.name} is {role if role not in NOBODY else 'neither operator nor support'} now.")


@app.command(name="freeze")
def freeze_account(name: str, *, reason: Reason, data: Data = None) -> None:
    """Let an account do nothing: neither password nor token lets it in, and its sessions end."""
    _freeze(Freeze(name, reason), data)


@app.command
def thaw(name: str, *, reason: Reason, data: Data = None) -> None:
    """Let a frozen account work again."""
    _freeze(Freeze(name, reason, thaw=True), data)


@app.command
def unlock(name: str, *, data: Data = None) -> None:
    """Take typed codes from somebody again, after too many wrong ones. Make sure first that it is that person."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        unlock_user(parts, name)
    print(f"Codes of {name} are taken again.")


@app.command
def trust(name: str, *, reason: Reason, undo: bool = False, data: Data = None) -> None:
    """Mark a reporter as reliable, so that his reports weigh more; --undo takes the mark away."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        user = parts.do(trust_reporter, TrustReporter(name, reason, trusted=not undo))
    print(f"{user.name} is {'no longer' if undo else 'now'} a trusted reporter.")


def unlock_user(parts: Parts, name: str) -> None:
    """Unlock an account, and forget the codes that were counted."""
    user = parts.do(factors.unlock, factors.Unlock(name))
    parts.limiter.forget(*second_limits(user))


def _freeze(command: Freeze, data: Path | None) -> None:
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        user = parts.do(freeze, command)
    print(f"{user.name} is {'thawed' if command.thaw else 'frozen'}.")
