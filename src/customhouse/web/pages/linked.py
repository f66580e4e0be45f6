"""Other logins: setting out to them, coming back, and which of them stand for one's account.

Setting out is a link, which writes nothing. Coming back shows a page with a button, so that nothing is done merely
because an address was opened: nobody is signed in, and nothing is linked, by a page of somebody else (A6).
"""

from __future__ import annotations

from starlette.responses import Response

from customhouse.accounts import index_flags, linked
from customhouse.accounts.limits import Counted, network_of
from customhouse.accounts.linked import Claimed, LinkIdentity, Prove, Unlink
from customhouse.accounts.linked_events import IdentityRefused
from customhouse.accounts.oidc import Outing, Purpose
from customhouse.accounts.sign_in_limits import OF_NETWORK, TOO_MANY
from customhouse.infra.settings import OidcLogin
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import CustomhouseError, Refused, TooMany, Unavailable
from customhouse.terms.identity import ANONYMOUS
from customhouse.terms.numbers import number_of
from customhouse.web.address import safe_next
from customhouse.web.doors import Door, door, want_proof
from customhouse.web.pages.recovery import come_to_case
from customhouse.web.pages.sign_in import first_step_done
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

SIGN_IN, LINKED = "/account/sign-in/", "/account/linked/"


def linked_doors() -> list[Door]:
    """The doors of other logins."""
    return [
        door("GET", LINKED, linked_page, Permission.ACCOUNT_DANGER_FORM),
        door("POST", LINKED + "{linked}/unlink/", unlink, Permission.ACCOUNT_DANGER),
        door("GET", LINKED + "{login}/", set_out, Permission.SIGN_IN_FORM),
        door("GET", LINKED + "{login}/back/", come_back, Permission.SIGN_IN_FORM),
        door("POST", LINKED + "{login}/back/", arrive, Permission.IDENTITY_RETURN),
    ]


def linked_page(visit: Visit) -> Response:
    """Which identities stand for my account."""
    with visit.app.database.read() as sql:
        rows = linked.linked_of(sql, visit.me.id)
    titles = {row.issuer: visit.app.logins.title_of(row.issuer) for row in rows}
    return visit.page("linked.html", rows=rows, titles=titles, logins=visit.app.logins.all)


def unlink(visit: Visit) -> Response:
    """Let an identity stand for my account no longer."""
    visit.app.do(linked.unlink, Unlink(visit.me, number_of(visit.path["linked"]) or 0))
    return visit.go(LINKED, said="The identity is unlinked: it lets nobody in here any more.")


def set_out(visit: Visit) -> Response:
    """Go to the other login: to sign in, or with ``for=link`` to link it. Recovery sets out by a door of its own."""
    login = visit.app.logins.named(visit.path["login"])
    purpose: Purpose = "link" if visit.query.get("for") == "link" else "sign-in"
    onward = safe_next(visit.query.get("next"))
    if purpose == "link":
        if visit.session is None:
            return visit.go(SIGN_IN)
        if (moved := want_proof(visit, LINKED)) is not None:
            return moved
    try:
        return visit.go(visit.app.logins.set_out(login, purpose, onward, visit.csrf))
    except (Unavailable, Refused) as error:
        return visit.go(_home(visit), said=f"{login.title} cannot be reached now: {error}")


def come_back(visit: Visit) -> Response:
    """Somebody comes back with a code, or without one because he has thought better of it."""
    login = visit.app.logins.named(visit.path["login"])
    code, state, issuer = (visit.query.get(name, "")[:4000] for name in ("code", "state", "iss"))
    if not code or not state:
        return visit.go(_home(visit), said=f"{login.title} has let nobody through.")
    return without_referrer(visit.page("linked_back.html", login=login, code=code, state=state, iss=issuer))


def arrive(visit: Visit) -> Response:
    """Take what he has brought: sign in, link it, or note that he has proved himself."""
    login = visit.app.logins.named(visit.path["login"])
    limit = Counted(OF_NETWORK, network_of(visit.address))
    try:
        with visit.app.limiter.only_failures(limit, sentence=TOO_MANY) as outcome:
            outing = visit.app.logins.read_state(login, visit.form.get("state", ""), visit.csrf)
            if outing.purpose == "link" and (moved := want_proof(visit, LINKED)) is not None:
                outcome.right = True
                return moved
            claimed = visit.app.logins.redeem(login, outing, visit.form.get("code", ""), visit.form.get("iss", ""))
            answer = _arrived(visit, login, outing, claimed)
            outcome.right = True
            return answer
    except TooMany:
        raise
    except CustomhouseError as error:
        visit.app.do(note_refusal, (login, visit.address, str(error)[:300]))
        return visit.go(_home(visit), said=f"{login.title}: {error}")


def note_refusal(command: tuple[OidcLogin, str, str], tx: Tx) -> None:
    """Record that somebody came from a login and was not let in."""
    login, network, why = command
    tx.record(IdentityRefused(ANONYMOUS, None, login=login.name, network=network, why=why))


def _arrived(visit: Visit, login: OidcLogin, outing: Outing, claimed: Claimed) -> Response:
    me = visit.session.user if visit.session is not None else None
    if outing.purpose == "link":
        if me is None:
            raise Refused("not-signed-in", "You are signed out meanwhile.", "Sign in, and link it again.")
        visit.app.do(linked.link_identity, LinkIdentity(me, claimed, login.title))
        return visit.go(LINKED, said=f"{claimed.name} at {login.title} is linked to your account.")
    user = visit.app.do(linked.prove, Prove(claimed, outing.purpose))
    if outing.purpose == "case":
        return come_to_case(visit, outing.onward, claimed)
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-sign-in", actor=user.actor)
    return first_step_done(visit, user, "linked", outing.onward)


def _home(visit: Visit) -> str:
    return LINKED if visit.session is not None else SIGN_IN
