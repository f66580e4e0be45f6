"""``customhouse giveaway``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from customhouse.app import open_app, prepare
from customhouse.cli.options import read_settings
from customhouse.index.giveaway.load import LoadCodes, load_codes
from customhouse.index.giveaway.model import KEYS_EACH, Terms, parse_codes, parse_day
from customhouse.index.giveaway.queries import accounting
from customhouse.terms.errors import Rejected

app = App(name="giveaway", help="Security keys for those who look after critical projects.")
Data = Annotated[Path | None, Parameter(help="The data folder (default ./customhouse-data).")]


@app.command
def load(
    file: Path,
    *,
    campaign: str,
    title: str = "",
    begins: str = "",
    until: str = "",
    redeem: str = "",
    eligible_on: str = "",
    keys: int = KEYS_EACH,
    data: Data = None,
) -> None:
    """Load codes into a campaign. The first load makes it and needs its terms; later ones only add codes.

    Args:
        file: One code a line. Codes are encrypted here and shown to nobody but who claims them; remove the file then.
        campaign: A name for commands and addresses: small letters, digits and '-'.
        title: What people read.
        begins: The first day, as 2026-12-01 (default: today).
        until: The last day. A later load may change it.
        redeem: Where and how a code is redeemed.
        eligible_on: The day on which owners and maintainers of critical projects are noted (default: today).
        keys: How many keys each person gets.
        data: The data folder (default ./customhouse-data).
    """
    try:
        codes = parse_codes(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("no-file", "file", f"{file} cannot be read ({type(error).__name__})", "a text file") from error
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts:
        today = parts.clock.now().date()
        wish = LoadCodes(campaign, codes, until=parse_day(until, "until") if until and not title else None)
        if title:
            terms = Terms(
                title, parse_day(begins, "begins") if begins else today, parse_day(until, "until"), redeem,
                parse_day(eligible_on, "eligible-on") if eligible_on else today, keys,
            )  # fmt: skip
            wish = LoadCodes(campaign, codes, terms)
        loaded = parts.do(lambda command, tx: load_codes(parts.key, command, tx), wish)
    again = f"; {loaded.known} were here already" if loaded.known else ""
    print(f"Loaded {loaded.new} codes into {loaded.campaign.name}, until {loaded.campaign.until}{again}.")
    if loaded.campaign.drawn_at is None:
        print(f"Who may claim is noted on {loaded.campaign.eligible_on}.")


@app.command
def status(*, data: Data = None) -> None:
    """What became of the codes of every campaign: loaded, claimed, left, expired."""
    settings = read_settings(data=data)
    prepare(settings)
    with open_app(settings) as parts, parts.database.read() as sql:
        rows = accounting(sql, parts.clock.now())
    for row in rows:
        one = row.campaign
        print(
            f"{one.name}\t{row.loaded} loaded, {row.claimed} claimed by {row.people}, {row.left} left, "
            f"{row.expired} expired\t{row.eligible} eligible\tuntil {one.until}"
        )
    if not rows:
        print("No codes have been loaded. Next: customhouse giveaway load FILE --campaign NAME --title …")
