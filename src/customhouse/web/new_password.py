"""A password that somebody has chosen, from a form to what is stored: long enough, typed twice, not breached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from customhouse.accounts.breached import refuse_known
from customhouse.accounts.limits import Counted, Limit
from customhouse.accounts.passwords import MAX_LENGTH, hash_password
from customhouse.accounts.users import User
from customhouse.index.reset_password import AskReset, NoteReset, ask_reset, note_reset
from customhouse.terms.errors import Rejected, TooMany
from customhouse.web.visit import Visit

DAY = timedelta(days=1)
RESETS = Limit("resets", 5, DAY)
"""How many letters with a link to a new password one account gets in a day, whoever asks for them."""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """What is stored of a password, and why it was not compared with breached ones if it could not be."""

    hash: str
    unchecked: str


def new_password(visit: Visit) -> NewPassword:
    """The password of a form; raises `Rejected` with what is wrong with it."""
    text, again = visit.form.get("password", ""), visit.form.get("again", "")
    if text != again:
        raise Rejected("passwords-differ", "password", "the two passwords differ", "the same one twice")
    # Before anybody is asked about it: a text that is too long is no password.
    if len(text) > MAX_LENGTH:
        hash_password(text)
    finding = visit.app.breached.look_up(text)
    refuse_known(finding)
    return NewPassword(hash_password(text), finding.unchecked)


def problem_of(error: Rejected) -> str:
    """What is wrong with a password, as a sentence for the form."""
    why = f"{error.why[:1].upper()}{error.why[1:]}."
    return f"{why} Choose {error.accepted}." if error.accepted else why


def turn_away_breached(visit: Visit, user: User, password: str) -> Response | None:
    """Whoever signs in with the right password, if others know it, gets a letter with a link instead of a session (A2).

    Call it after the password was found right and before anything is opened; None lets him go on.
    """
    if not visit.app.breached.look_up(password).known:
        return None
    settings = visit.app.settings
    life, blocked_for = timedelta(seconds=settings.link_seconds), timedelta(days=settings.resets_blocked_days)
    over_limit = _over_limit(visit, str(user.id))
    visit.app.do(ask_reset, AskReset(user, visit.address, life, blocked_for, over_limit, breached=True))
    return visit.page("breached.html", status=403, mail=bool(visit.app.settings.smtp_host))


def send_reset(visit: Visit, user: User | None, whom: str) -> None:
    """Send the link to a new password if one may be sent; nobody can tell from this whether it was."""
    wish = NoteReset(user.id if user is not None else None, visit.address, _over_limit(visit, whom))
    visit.app.do(note_reset, wish)


def _over_limit(visit: Visit, whom: str) -> bool:
    try:
        visit.app.limiter.take(Counted(RESETS, whom), sentence="Too many links.")
    except TooMany:
        return True
    return False
