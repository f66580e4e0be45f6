"""``customhouse terms``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.accounts.terms import PublishTerms, count_accepted, current_terms, publish_terms
from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.terms.errors import Rejected

app = App(name="terms", help="Terms of use: publish a wording, see how many agree. There are none by default.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


@app.command
def publish(file: Path, *, required_from: str = "", data: Data = None) -> None:
    """Make a text the current wording. Whoever has agreed to an older one is asked again.

    Args:
        file: A text file; an empty line begins a paragraph.
        required_from: A day such as 2027-01-31, from which on nobody uploads who has not agreed; without it, never.
        data: The data folder (default ./customhouse-data).
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("no-file", "file", f"{file} cannot be read ({type(error).__name__})", "a text file") from error
    try:
        day = datetime.fromisoformat(required_from).replace(tzinfo=UTC) if required_from else None
    except ValueError as error:
        raise Rejected("bad-date", "required-from", f"{required_from!r} is no day", "2027-01-31") from error
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        made = parts.do(publish_terms, PublishTerms(text, day))
    print(f"Revision {made.number} is published. People are asked to agree when they sign in.")


@app.command
def show(*, data: Data = None) -> None:
    """Print the current wording, and how many agree to it."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts, parts.database.read() as sql:
        current = current_terms(sql)
        agreed = count_accepted(sql, current.number) if current is not None else 0
    if current is None:
        print("This index has no terms of use.")
        return
    print(f"Revision {current.number}, published {current.published_at:%Y-%m-%d}; {agreed} accounts agree.\n")
    print(current.text)
