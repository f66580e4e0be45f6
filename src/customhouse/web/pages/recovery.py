"""Getting an account back: asking for it, the case with its proofs, and what those concerned can do about it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial

from starlette.responses import Response

from customhouse.accounts.limits import Counted, Limit, network_of
from customhouse.accounts.linked import Claimed
from customhouse.accounts.mail_address import MailAddress
from customhouse.accounts.recovery_codes import hash_of_code
from customhouse.index.recovery.accept import Given, accept
from customhouse.index.recovery.concern import Concern, concern_of, concerns_of
from customhouse.index.recovery.contest import Contest, contest
from customhouse.index.recovery.delays import delays_of
from customhouse.index.recovery.links import FILE_NAME, RECORD, Opened, link_text, open_link, token_of, word_of
from customhouse.index.recovery.open import OpenCase, find_person, open_case
from customhouse.index.recovery.prove_code import GiveCode, prove_code
from customhouse.index.recovery.prove_identity import WRONG as WRONG_IDENTITY
from customhouse.index.recovery.prove_identity import ProveIdentity, case_of_errand, errand, prove_identity
from customhouse.index.recovery.prove_mail import NameAddress, name_address, prove_address, prove_mail
from customhouse.index.recovery.prove_place import Places, look_in_repository, look_in_zone, places_of
from customhouse.index.recovery.prove_vouch import Vouch, refuse_without_key, unknown_case, vouch
from customhouse.index.recovery.queries import case_by_public_id
from customhouse.index.recovery.show import KIND_WORDS, MISSING_WORDS, OUTCOME_WORDS, STATE_WORDS, case_view
from customhouse.ledger.tx import Tx
from customhouse.terms.errors import Refused, TooMany, Unavailable
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.recovery_timeline import case_line
from customhouse.web.permissions import Permission
from customhouse.web.secret_address import without_referrer
from customhouse.web.visit import Visit

DAY = timedelta(days=1)
ASKING = Limit("recovery-ask", 10, DAY)
"""How many cases one network opens in a day."""
LETTERS = Limit("recovery-letters", 3, DAY)
"""How many of them are told by letter for one account; the case is there all the same."""
LOOKS = Limit("recovery-look", 20, timedelta(hours=1))
"""How often a case has us look in repositories and zones."""
CODES = Limit("recovery-codes", 10, DAY)
ADDRESSES = Limit("recovery-address", 3, DAY)
WORDS = Limit("recovery-words", 10, timedelta(hours=1))
SLOWLY = "That was tried too often for this case."


def recovery_doors() -> list[Door]:
    """The doors of recovery, without those of operators."""
    case = "/recovery/{link}/"
    mine = "/account/recovery/{case}/"
    return [
        door("GET", "/account/recover/", ask_form, Permission.SIGN_IN_FORM),
        door("POST", "/account/recover/", ask, Permission.RECOVERY_ASK),
        door("GET", case, show_case, Permission.RECOVERY_READ),
        door("POST", case + "mail/", give_mail, Permission.RECOVERY_PROVE),
        door("POST", case + "repository/", give_repository, Permission.RECOVERY_PROVE),
        door("POST", case + "dns/", give_record, Permission.RECOVERY_PROVE),
        door("POST", case + "code/", give_code, Permission.RECOVERY_PROVE),
        door("POST", case + "address/", give_address, Permission.RECOVERY_PROVE),
        door("GET", case + "identity/{login}/", set_out, Permission.RECOVERY_READ),
        door("GET", "/account/recovery/", concerns, Permission.ACCOUNT_READ),
        door("POST", mine + "object/", object_to_it, Permission.ACCOUNT_WRITE),
        door("GET", mine + "vouch/", vouch_form, Permission.ACCOUNT_DANGER_FORM),
        door("POST", mine + "vouch/", vouch_for_it, Permission.ACCOUNT_DANGER),
    ]


def ask_form(visit: Visit) -> Response:
    """Say which account is lost, and whether its mail still arrives."""
    return visit.page("recover.html", asked="", link="", mail=bool(visit.app.settings.smtp_host))


def ask(visit: Visit) -> Response:
    """Open a case. Whoever asks for whom, he sees the same, whether there is such an account or not (A3)."""
    name, sent = visit.field("name", limit=254, required=True), visit.field("where", limit=8) != "shown"
    visit.app.limiter.take(
        Counted(ASKING, network_of(visit.address)),
        sentence="Too many recovery cases were opened from your network today.",
    )
    with visit.app.database.read() as sql:
        person = find_person(sql, name, by_email=sent)
    letters = _may(visit, Counted(LETTERS, str(person.account_id) if person else f"nobody {name.lower()}"))
    case = visit.app.do(open_case, OpenCase(name, sent, delays_of(visit.app.settings), letters))
    mail = bool(visit.app.settings.smtp_host)
    if sent or case is None:
        return visit.page("recover.html", asked="sent", link="", mail=mail)
    shown = visit.page(
        "recover.html", asked="shown", link=link_text(visit.app.key, case.public_id, "case", ""), mail=mail
    )
    return without_referrer(shown)


def show_case(visit: Visit) -> Response:
    """The case for whoever has its link: what is proved, what is missing, and how to prove each kind."""
    app, now = visit.app, visit.app.clock.now()
    with app.database.read() as sql:
        opened = open_link(app.key, sql, visit.path["link"], now)
        if opened.purpose == "address":
            confirm = visit.page("recovery_address.html", case=opened.case, link=visit.path["link"])
            return without_referrer(confirm)
        view = case_view(sql, opened.case, delays_of(app.settings))
        places = places_of(sql, opened.case, _age(visit)) if opened.case.open else Places()
    page = visit.page(
        "recovery.html",
        view=view,
        opened=opened,
        link=visit.path["link"],
        line=case_line(view.steps, view.case, now),
        token=token_of(app.key, view.case.public_id),
        word=word_of(app.key, view.case.public_id),
        repositories=places.repositories,
        logins=app.logins.all,
        file_name=FILE_NAME,
        record=RECORD,
        delays=delays_of(app.settings),
        words=_WORDS,
    )
    return without_referrer(page)


def give_mail(visit: Visit) -> Response:
    """The letter's link was followed: to the account's address, or to the new one."""
    opened = _opened(visit, letters=True)
    if opened.purpose == "address":
        visit.app.do(prove_address, opened)
        return _back(visit, "That address is confirmed. Go on in the page of the case.")
    visit.app.do(prove_mail, opened)
    return _back(visit, "Noted: you read the mail of the account.")


def give_repository(visit: Visit) -> Response:
    """Look for the token in a repository."""
    opened = _opened(visit)
    wanted = visit.field("url", limit=2000, required=True)
    visit.app.limiter.take(Counted(LOOKS, opened.case.public_id), sentence=SLOWLY)
    given = look_in_repository(_places(visit, opened), wanted, _token(visit, opened), visit.app.outbound)
    return _accepted(visit, opened, given)


def give_record(visit: Visit) -> Response:
    """Look for the token in a zone."""
    opened = _opened(visit)
    domain = visit.field("domain", limit=253, required=True)
    visit.app.limiter.take(Counted(LOOKS, opened.case.public_id), sentence=SLOWLY)
    given = look_in_zone(_places(visit, opened), domain, _token(visit, opened), visit.app.resolver)
    return _accepted(visit, opened, given)


def give_code(visit: Visit) -> Response:
    """Use a recovery code up. It is counted for the case and for the account, so that no number of cases helps."""
    opened = _opened(visit)
    code = visit.field("code", limit=100, required=True)
    account_id = opened.case.account_id or 0
    counted = [Counted(CODES, f"case {opened.case.public_id}"), Counted(CODES, f"account {account_id}")]
    with visit.app.limiter.only_failures(*counted, sentence=SLOWLY) as outcome:
        hashed = hash_of_code(visit.app.key, account_id, code)
        outcome.right = visit.app.do(prove_code, GiveCode(opened.case, hashed))
    return _back(visit, "The code is taken." if outcome.right else "That is none of the account's unused codes.")


def set_out(visit: Visit) -> Response:
    """Go to another login, to show in this case that one can still sign in there."""
    opened, login = _opened(visit), visit.app.logins.named(visit.path["login"])
    browser = visit.csrf
    try:
        return visit.go(visit.app.logins.set_out(login, "case", errand(visit.app.key, opened.case, browser), browser))
    except (Unavailable, Refused) as error:
        return _back(visit, f"{login.title} cannot be reached now: {error}")


def come_to_case(visit: Visit, onward: str, claimed: Claimed) -> Response:
    """Somebody comes back from another login for a case that this browser has opened."""
    app, public_id = visit.app, case_of_errand(visit.app.key, onward, visit.csrf)
    with app.database.read() as sql:
        case = case_by_public_id(sql, public_id) if public_id is not None else None
    if case is None:
        raise Refused("no-such-case", "This browser has opened no such case.", "Open the case, and begin there.")
    right = app.do(prove_identity, ProveIdentity(case, claimed, _age(visit)))
    link = link_text(app.key, case.public_id, "case", "")
    return visit.go(f"/recovery/{link}/", said="The proof is accepted." if right else WRONG_IDENTITY)


def give_address(visit: Visit) -> Response:
    """Name another address, and send a link there."""
    opened = _opened(visit)
    email = MailAddress.parse(visit.field("email", limit=254, required=True))
    visit.app.limiter.take(
        Counted(ADDRESSES, opened.case.public_id), Counted(ADDRESSES, f"to {email.text.lower()}"),
        sentence="Too many letters were sent for this case or to this address today.",
    )  # fmt: skip
    visit.app.do(name_address, NameAddress(opened.case, email))
    return _back(visit, "A letter is on its way there. Follow its link.")


def concerns(visit: Visit) -> Response:
    """Open cases about me, and about those who own a project with me."""
    app, now = visit.app, visit.app.clock.now()
    with app.database.read() as sql:
        found = concerns_of(sql, visit.me.id)
        views = [case_view(sql, one.case, delays_of(app.settings)) for one in found]
    lines = [case_line(view.steps, view.case, now) for view in views[:1]]
    rows = list(zip(found, views, strict=True))
    return visit.page("recovery_concerns.html", rows=rows, words=_WORDS, line=lines[0] if lines else "")


def object_to_it(visit: Visit) -> Response:
    """One click against it."""
    command = Contest(_case_number(visit), visit.field("reason"), visit.me, delays_of(visit.app.settings))
    done = visit.app.do(contest, command)
    ended = "The case is ended. Nothing has changed for your account."
    waits = "Your objection is noted. The case waits for an operator of this index."
    return visit.go("/account/recovery/", said=ended if done == "ended" else waits)


def vouch_form(visit: Visit) -> Response:
    """What vouching means, and the word that the person reads out."""
    concern = _concern(visit)
    key = visit.session is not None and visit.session.proved_by == "webauthn"
    return visit.page("recovery_vouch.html", concern=concern, key=key)


def vouch_for_it(visit: Visit) -> Response:
    """Give one's word."""
    if visit.session is None:
        raise LookupError("this door lets in only who is signed in")
    number, session = _concern(visit).case.id, visit.session
    refuse_without_key(session, visit.app.clock.now())
    with visit.app.limiter.only_failures(
        Counted(WORDS, f"{visit.me.id}"), sentence="Too many wrong words."
    ) as outcome:  # fmt: skip
        command = Vouch(number, visit.field("word", limit=40, required=True), session, _age(visit))
        visit.app.do(partial(vouch, visit.app.key), command)
        outcome.right = True
    return visit.go("/account/recovery/", said="Your word is noted in the case.")


_WORDS = {"kind": KIND_WORDS, "missing": MISSING_WORDS, "outcome": OUTCOME_WORDS, "state": STATE_WORDS}


def _opened(visit: Visit, *, letters: bool = False) -> Opened:
    """The case of the link. The one sent to a new address, which may be anybody's, confirms that and opens no case."""
    with visit.app.database.read() as sql:
        opened = open_link(visit.app.key, sql, visit.path["link"], visit.app.clock.now())
    if opened.purpose == "address" and not letters:
        raise Refused("not-by-this-link", "This link only confirms an address.", "Use the link of the case.")
    return opened


def _age(visit: Visit) -> timedelta:
    return timedelta(days=visit.app.settings.recovery_release_days)


def _places(visit: Visit, opened: Opened) -> Places:
    with visit.app.database.read() as sql:
        return places_of(sql, opened.case, _age(visit))


def _token(visit: Visit, opened: Opened) -> str:
    return token_of(visit.app.key, opened.case.public_id)


def _accepted(visit: Visit, opened: Opened, given: Given) -> Response:
    def write(command: Given, tx: Tx) -> object:
        return accept(tx, opened.case.id, command)

    visit.app.do(write, given)
    return _back(visit, "The proof is accepted." if given.accepted else given.how)


def _back(visit: Visit, said: str) -> Response:
    return visit.go(f"/recovery/{visit.path['link']}/", said=said)


def _may(visit: Visit, counted: Counted) -> bool:
    """Whether there is still room; nobody is told if there is not."""
    with suppress(TooMany):
        visit.app.limiter.take(counted, sentence="")
        return True
    return False


def _case_number(visit: Visit) -> int:
    return number_of(visit.path["case"]) or 0


def _concern(visit: Visit) -> Concern:
    with visit.app.database.read() as sql:
        found = concern_of(sql, visit.me.id, _case_number(visit))
    if found is None or found.own:
        raise unknown_case(_case_number(visit))
    return found
