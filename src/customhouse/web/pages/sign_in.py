"""Signing in and out: the password, the second step, the question about a new browser, and proving it all again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import sqlalchemy as sa
from starlette.responses import Response

from customhouse.accounts import devices, factors, index_flags, sessions, webauthn_keys
from customhouse.accounts.devices import Admit, ComeIn, Confirm
from customhouse.accounts.events import SignInFailed
from customhouse.accounts.limits import Counted
from customhouse.accounts.passwords import is_password
from customhouse.accounts.sessions import ProvedBy, Session, SignIn, SignOut, Unfinished
from customhouse.accounts.sign_in_limits import BROWSER_MAIL, TOO_MANY, TOO_MANY_LETTERS, again_limits, password_limits
from customhouse.accounts.tables import account
from customhouse.accounts.users import User
from customhouse.accounts.webauthn_ceremony import assertion_options, registration_options, user_handle
from customhouse.accounts.webauthn_challenges import PURPOSES, Purpose, new_challenge
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused
from customhouse.terms.identity import ANONYMOUS
from customhouse.web.address import safe_next
from customhouse.web.approvals import asked_statement
from customhouse.web.decisions import asked_decision
from customhouse.web.doors import Door, door
from customhouse.web.new_password import turn_away_breached
from customhouse.web.permissions import Permission
from customhouse.web.proofs import (
    OPTIONS,
    holder_of,
    is_elsewhere,
    our_party,
    party_of,
    proof_by_code,
    script_of,
    user_of_key,
)
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import FORM_COOKIE, SESSION_COOKIE, Visit


def sign_in_doors() -> list[Door]:
    """The doors by which people come in and go."""
    return [
        door("GET", "/account/sign-in/", sign_in_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/sign-in/", sign_in, Permission.SIGN_IN),
        door("POST", "/account/passkey/", passkey, Permission.SIGN_IN),
        door("GET", OPTIONS, key_options, Permission.SIGN_IN_FORM),
        door("GET", "/account/second/", second_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/second/", second, Permission.SIGN_IN),
        door("GET", "/account/browser/", browser_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/browser/", browser, Permission.SIGN_IN),
        door("GET", "/account/browser/{link}/", browser_link_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/browser/{link}/", browser_link, Permission.SIGN_IN),
        door("POST", "/account/sign-out/", sign_out, Permission.ACCOUNT_WRITE),
        door("GET", "/account/again/", prove_form, Permission.PROVE_FORM),
        door("POST", "/account/again/", prove, Permission.PROVE),
    ]


def sign_in_form(visit: Visit) -> Response:
    """Name and password, or a passkey."""
    if visit.user is not None:
        return visit.go(safe_next(visit.query.get("next")))
    return _sign_in_page(visit, safe_next(visit.query.get("next")))


def sign_in(visit: Visit) -> Response:
    """Go on to what is still owed, or say that name and password do not go together: the same for every reason."""
    name, password_text = visit.field("name", limit=254), visit.form.get("password", "")
    onward = safe_next(visit.form.get("next"))
    found = find_credentials(visit, name)
    limits = password_limits(str(found.user.id) if found else f"name:{name.lower()}", visit.address)
    with visit.app.limiter.only_failures(*limits, sentence=TOO_MANY) as outcome:
        right = is_password(password_text, found.password_hash if found else None)
        if found is None or not right or found.user.frozen:
            if found is not None:
                visit.app.do(note_failure, (found.user, visit.address, "frozen" if right else "password"))
            return _sign_in_page(visit, onward, name=name, wrong=True)
        outcome.right = True
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-sign-in", actor=found.user.actor)
    turned_away = turn_away_breached(visit, found.user, password_text)
    return turned_away or first_step_done(visit, found.user, "password", onward, password_hash=found.password_hash)


def first_step_done(
    visit: Visit, user: User, by: ProvedBy, onward: str, *, password_hash: str | None = None
) -> Response:
    """Go on after the password, or after another login that is linked to the account: to the second step, or in."""
    with visit.app.database.read() as sql:
        owes = factors.has_second_factor(sql, user.id)
    old = visit.session.id_hash if visit.session is not None else None
    if not owes:
        admit = Admit(user, visit.browser, by, _sends_mail(visit), old, password_hash=password_hash)
        return _let_in(visit, admit, onward)
    agent = visit.request.headers.get("user-agent", "")
    wish = SignIn(user, visit.address, agent, state="half", replaces=old, password_hash=password_hash)
    _start(visit, visit.app.do(sessions.sign_in, wish))
    return visit.go(f"/account/second/?next={quote(onward)}")


def passkey(visit: Visit) -> Response:
    """Sign in by a passkey alone."""
    onward = safe_next(visit.form.get("next"))
    try:
        user = user_of_key(visit, holder_of(visit, "passkey"))
    except Refused as refusal:
        if refusal.status != 403:  # noqa: PLR2004 - limits and missing keys have pages of their own
            raise
        return _sign_in_page(visit, onward, problem=str(refusal))
    with visit.app.database.read() as sql:
        index_flags.refuse_if_flagged(sql, "no-sign-in", actor=user.actor)
    old = visit.session.id_hash if visit.session is not None else None
    return _let_in(visit, Admit(user, visit.browser, "webauthn", _sends_mail(visit), old), onward)


def key_options(visit: Visit) -> Response:
    """What the page's script asks a key for: a challenge that is good for this browser and purpose. Nothing is kept."""
    purpose = next((known for known in PURPOSES if known == visit.query.get("purpose")), None)
    if purpose is None:
        raise Refused("unknown-purpose", "Keys are not used for that here.", " | ".join(PURPOSES), status=404)
    party, key, now = our_party(visit), visit.app.key, visit.app.clock.now()
    user, session_hash = _whose(visit, purpose)
    statement = _stated(visit, purpose)
    challenge = new_challenge(key, holder_of(visit, purpose, session_hash, statement), now)
    with visit.app.database.read() as sql:
        known = webauthn_keys.known_keys(sql, user.id) if user is not None else []
    if user is not None and purpose in ("add-key", "add-passkey"):
        options = registration_options(
            party, challenge=challenge, handle=user_handle(key, user.id), name=user.name, known=known,
            passkey=purpose == "add-passkey",
        )  # fmt: skip
    else:
        options = assertion_options(party, challenge=challenge, known=known, verified=purpose == "passkey")
    answer = visit.json(json.loads(options))
    for cookie in visit.cookies:
        answer.headers.append("set-cookie", cookie)
    return answer


def _stated(visit: Visit, purpose: Purpose) -> str:
    """What is signed with it, if anything."""
    if purpose == "approve":
        return asked_statement(visit).text
    return asked_decision(visit).text if purpose == "release" else ""


def second_form(visit: Visit) -> Response:
    """Ask for the second step."""
    half = _unfinished(visit, "half")
    return _second_page(visit, half, visit.query.get("next")) if half is not None else visit.go("/account/sign-in/")


def second(visit: Visit) -> Response:
    """Take a code or a key's answer from somebody who has typed the password."""
    half, onward = _unfinished(visit, "half"), safe_next(visit.form.get("next"))
    if half is None:
        raise _nothing_begun()
    if visit.form.get("answer"):
        try:
            user_of_key(visit, holder_of(visit, "second", half.id_hash), half.user)
        except Refused as refusal:
            if refusal.status != 403:  # noqa: PLR2004 - as above
                raise
            return _second_page(visit, half, onward, problem=str(refusal))
        return _let_in(visit, _second_done(visit, half, "webauthn"), onward)
    by = proof_by_code(visit, half.user, visit.form.get("code", ""), "sign-in")
    if by is None:
        return _second_page(visit, half, onward, problem="This code is not right, or it was used before.")
    return _let_in(visit, _second_done(visit, half, by), onward)


def _second_done(visit: Visit, half: Unfinished, by: ProvedBy) -> Admit:
    return Admit(half.user, visit.browser, by, _sends_mail(visit), half.id_hash, owed=True)


def _sends_mail(visit: Visit) -> bool:
    return bool(visit.app.settings.smtp_host)


def _let_in(visit: Visit, admit: Admit, onward: str) -> Response:
    """Open the session; after a proof that can be relayed, in a browser that is new, one that waits for a mail."""
    app, shown, user = visit.app, admit.browser, admit.user
    if admit.proved_by == "webauthn":
        wish = SignIn(
            user, shown.address, shown.user_agent, replaces=admit.replaces, proved_by="webauthn", owed=admit.owed
        )  # fmt: skip
        _start(visit, app.do(sessions.sign_in, wish))
        return visit.go(onward)
    with app.database.read() as sql:
        known = devices.is_known(sql, user.id, shown, app.clock.now())
        silent = devices.why_not_asked(sql, user.id, sends_mail=admit.sends_mail)
    if not known and not silent:
        app.limiter.take(Counted(BROWSER_MAIL, str(user.id)), sentence=TOO_MANY_LETTERS)
    admitted = app.do(devices.admit, admit)
    _start(visit, admitted.cookie)
    visit.know_browser(admitted.browser_cookie)
    return visit.go(f"/account/browser/?next={quote(onward)}" if admitted.waits else onward)


def browser_form(visit: Visit) -> Response:
    """Tell somebody whose browser is new that a mail is on its way."""
    waiting = _unfinished(visit, "waiting")
    if waiting is None:
        return visit.go(safe_next(visit.query.get("next")) if visit.session is not None else "/account/sign-in/")
    return visit.page("browser.html", next=safe_next(visit.query.get("next")), again=False)


def browser(visit: Visit) -> Response:
    """Go on, if the link in the mail was followed."""
    waiting, onward = _unfinished(visit, "waiting"), safe_next(visit.form.get("next"))
    if waiting is None:
        raise _nothing_begun()
    admitted = visit.app.do(devices.come_in, ComeIn(waiting, visit.browser))
    if admitted is None:
        return visit.page("browser.html", next=onward, again=True)
    _start(visit, admitted.cookie)
    visit.know_browser(admitted.browser_cookie)
    return visit.go(onward)


def browser_link_form(visit: Visit) -> Response:
    """Show which browser wants to come in. Looking changes nothing: mail programs look at every link."""
    with visit.app.database.read() as sql:
        question = devices.question_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    return without_referrer(visit.page("browser_link.html", question=question, here=visit.browser.network, problem=""))


def browser_link(visit: Visit) -> Response:
    """Let that browser in. From another network its owner must say that he knows it (A12: who relays a page waits)."""
    with visit.app.database.read() as sql:
        question = devices.question_of_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    here = visit.browser.network
    if question.network != here and visit.form.get("mine") != "yes":
        problem = "That browser is in another network than this one. Tick the box if it is yours all the same."
        page = visit.page("browser_link.html", status=409, question=question, here=here, problem=problem)
        return without_referrer(page)
    visit.app.do(partial(devices.confirm, visit.app.key), Confirm(visit.path["link"]))
    waiting = _unfinished(visit, "waiting")
    admitted = visit.app.do(devices.come_in, ComeIn(waiting, visit.browser)) if waiting is not None else None
    if admitted is None:
        return visit.go("/", said="The browser that waits is let in. Go on there.")
    _start(visit, admitted.cookie)
    visit.know_browser(admitted.browser_cookie)
    return visit.go("/account/", said="This browser is let in, and known from now on.")


def sign_out(visit: Visit) -> Response:
    """End this session."""
    if visit.session is not None:
        visit.app.do(sessions.sign_out, SignOut(visit.me, id_hash=visit.session.id_hash))
    visit.end_session()
    return visit.go("/", said="You are signed out.")


def prove_form(visit: Visit) -> Response:
    """Ask for a proof before a dangerous page: by the strongest factor, or by the password if there is none."""
    return _again_page(visit, safe_next(visit.query.get("next")))


def prove(visit: Visit) -> Response:
    """Note that it was proved again who this is; the session gets a new id."""
    onward, found = safe_next(visit.form.get("next")), visit.session
    if found is None:
        raise _nothing_begun()
    with visit.app.database.read() as sql:
        strongest = factors.strongest_of(sql, found.user.id)
    by: ProvedBy | None
    if visit.form.get("answer"):
        try:
            user_of_key(visit, holder_of(visit, "again"), found.user)
        except Refused as refusal:
            if refusal.status != 403:  # noqa: PLR2004 - as above
                raise
            return _again_page(visit, onward, problem=str(refusal))
        by = "webauthn"
    elif strongest is not None:
        by = proof_by_code(visit, found.user, visit.form.get("code", ""), "again", only_recovery=strongest != "totp")
    else:
        by = _by_password(visit, found)
    if by is None or not factors.is_strong_enough(strongest, by):
        wrong = "This is not your password." if strongest is None else "This code is not right, or it was used before."
        return _again_page(visit, onward, problem=wrong)
    visit.start_session(visit.app.do(partial(sessions.prove, by=by), found))
    return visit.go(onward)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account and what its password is compared with."""

    user: User
    password_hash: str | None


def find_credentials(visit: Visit, name: str) -> Credentials | None:
    """The account of that name, or with that address if it is the only one.

    An address that somebody has registered with and not verified says nothing: it may be anybody's.
    """
    wanted: sa.ColumnElement[bool] = account.c.normalized == name.lower()
    if "@" in name:
        proved = sa.or_(account.c.registered_at.is_(None), account.c.email_verified_at.is_not(None))
        wanted = sa.and_(sa.func.lower(account.c.email) == name.lower(), proved)
    columns = (account.c.id, account.c.name, account.c.frozen_at, account.c.site_role, account.c.password_hash)
    with visit.app.database.read() as sql:
        rows = sql.execute(sa.select(*columns).where(wanted).limit(2)).all() if name else []
    if len(rows) != 1:
        return None
    row = rows[0]
    return Credentials(User(row.id, row.name, row.frozen_at is not None, row.site_role), row.password_hash)


def note_failure(command: tuple[User, str, str], tx: Tx) -> None:
    """Record that somebody failed to sign in: whose account, from where, and why."""
    user, network, why = command
    tx.record(SignInFailed(ANONYMOUS, None, user_id=str(user.id), network=network, why=why))


def _by_password(visit: Visit, mine: Session) -> ProvedBy | None:
    """The proof of somebody without factors."""
    user = mine.user
    found = find_credentials(visit, user.name)
    limits = again_limits(user, mine.id_hash)
    with visit.app.limiter.only_failures(*limits, sentence=TOO_MANY) as outcome:
        outcome.right = found is not None and is_password(visit.form.get("password", ""), found.password_hash)
        if not outcome.right:
            visit.app.do(note_failure, (user, visit.address, "password"))
    return "password" if outcome.right else None


def _start(visit: Visit, cookie: str) -> None:
    """Give the browser its session; the cookie of its forms from before is over."""
    visit.start_session(cookie)
    visit.cookies.append(f"{FORM_COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax")


def _unfinished(visit: Visit, state: sessions.State) -> Unfinished | None:
    """The session of this browser that still owes something of that kind."""
    cookie = visit.request.cookies.get(SESSION_COOKIE)
    if not cookie or visit.session is not None:
        return None
    with visit.app.database.read() as sql:
        found = sessions.find_unfinished(sql, cookie, visit.app.clock.now())
    return found if found is not None and found.state == state else None


def _whose(visit: Visit, purpose: Purpose) -> tuple[User | None, str | None]:
    """Whose keys may answer, and the session that the challenge is bound to if it is not this browser's own cookie."""
    if purpose == "passkey":
        return None, None
    if purpose == "second":
        half = _unfinished(visit, "half")
        if half is None:
            raise _nothing_begun()
        return half.user, half.id_hash
    if visit.session is None:
        raise _nothing_begun()
    return visit.session.user, None


def _sign_in_page(visit: Visit, onward: str, *, name: str = "", wrong: bool = False, problem: str = "") -> Response:
    status = 403 if wrong or problem else 200
    return visit.page(
        "sign_in.html", status=status, script=script_of(visit), next=onward, name=name, wrong=wrong, problem=problem,
        sends_mail=bool(visit.app.settings.smtp_host),
    )  # fmt: skip


def _second_page(visit: Visit, half: Unfinished, onward: str | None, *, problem: str = "") -> Response:
    with visit.app.database.read() as sql:
        methods = factors.methods_of(sql, [half.user.id]).get(half.user.id, frozenset())
    return visit.page(
        "second.html", status=403 if problem else 200, script=script_of(visit) if "webauthn" in methods else None,
        next=safe_next(onward), methods=methods, problem=problem, keys_work=party_of(visit) is not None,
        elsewhere=is_elsewhere(visit),
    )  # fmt: skip


def _again_page(visit: Visit, onward: str, *, problem: str = "") -> Response:
    with visit.app.database.read() as sql:
        strongest = factors.strongest_of(sql, visit.me.id)
    return visit.page(
        "again.html", status=403 if problem else 200, script=script_of(visit) if strongest == "webauthn" else None,
        next=onward, strongest=strongest, problem=problem, keys_work=party_of(visit) is not None,
        elsewhere=is_elsewhere(visit),
    )  # fmt: skip


def _nothing_begun() -> Refused:
    return Refused("nothing-begun", "Nobody has begun to sign in here, or it took too long.",
                   "Begin at /account/sign-in/.", status=409)  # fmt: skip
