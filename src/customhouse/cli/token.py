"""``customhouse token``."""

from __future__ import annotations

import sys
from pathlib import Path

from cyclopts import App

from customhouse.accounts.tokens import CreateToken
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings

app = App(name="token", help="API tokens.")


@app.command
def create(user: str, *, project: str | None = None, note: str = "", data: Path | None = None) -> None:
    """Make an API token for uploads and print it, once, on standard output.

    Args:
        user: Whose token it is.
        project: The only project that it is for; without it, every project of the user.
        note: What it is for, to be shown beside it.
        data: The data folder (default ./customhouse-data).
    """
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        token = parts.create_token(CreateToken(user, project, note))
    scope = f"the project {project}" if project else f"every project of {user}"
    print(f"A token for {scope}. It is shown only now; use it with the user name __token__.", file=sys.stderr)
    print(token.text)
