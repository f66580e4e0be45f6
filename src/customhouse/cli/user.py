"""``customhouse user``."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from customhouse.accounts.users import AddUser, add_user
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings

app = App(name="user", help="Accounts.")


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
