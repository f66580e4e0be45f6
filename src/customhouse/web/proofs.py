"""Proofs beyond the password, as doors take them: a typed code, or a key's answer."""

from __future__ import annotations

import json
from functools import partial
from urllib.parse import urlsplit

from customhouse.accounts import recovery_codes, totp, webauthn_keys
from customhouse.accounts.limits import Counted
from customhouse.accounts.recovery_codes import UseCode
from customhouse.accounts.sessions import ProvedBy, hash_of
from customhouse.accounts.sign_in_limits import (
    TOO_MANY,
    TOO_MANY_CODES,
    Failure,
    code_limits,
    day_limit,
    key_limits,
    lock,
    locked_out,
    note_failure,
    refuse_if_locked,
)
from customhouse.accounts.totp import GiveCode
from customhouse.accounts.users import User
from customhouse.accounts.webauthn_ceremony import Answer, RelyingParty, read_answer
from customhouse.accounts.webauthn_challenges import ClaimChallenge, Holder, Purpose, claim_challenge
from customhouse.accounts.webauthn_keys import UseKey
from customhouse.terms.errors import Refused, TooMany
from customhouse.web.headers import Script
from customhouse.web.render import static_address
from customhouse.web.visit import Visit

OPTIONS = "/account/keys/options/"


def is_elsewhere(visit: Visit) -> bool:
    """Whether the page was asked for under another address than ours: a front end, or somebody in between (A12)."""
    url = visit.app.settings.url
    return bool(url) and urlsplit(url).netloc.lower() != visit.request.headers.get("host", "").lower()


def party_of(visit: Visit) -> RelyingParty | None:
    """Us, as keys know us; None where this page's address can use none."""
    settings = visit.app.settings
    return None if is_elsewhere(visit) else RelyingParty.of(settings.public_url, settings.site_name)


def script_of(visit: Visit) -> Script | None:
    """The script by which pages speak to keys; None where they cannot."""
    url = visit.app.settings.public_url
    return Script(f"{url}{static_address('keys.js')}", f"{url}{OPTIONS}") if party_of(visit) is not None else None


def our_party(visit: Visit) -> RelyingParty:
    """The same for a door that needs one; raises `Refused` if there is none."""
    party = party_of(visit)
    if party is None:
        raise Refused(
            "no-keys-here", "Keys and passkeys do not work at this address.",
            f"They work at {visit.app.settings.public_url}, if that is a name with TLS.", status=409,
        )  # fmt: skip
    return party


def holder_of(visit: Visit, purpose: Purpose, session_hash: str | None = None, statement: str = "") -> Holder:
    """Whom a challenge is for: this browser, or the session that the hash is of; and what is signed, if anything."""
    return Holder(purpose, session_hash or hash_of(visit.own_cookie), statement)


def claimed_answer(visit: Visit, holder: Holder) -> Answer:
    """The answer that the form brings, its challenge used up, whatever comes of it."""
    answer = read_answer(visit.form.get("answer", ""))
    visit.app.do(partial(claim_challenge, visit.app.key), ClaimChallenge(answer.challenge, holder))
    return answer


def user_of_key(visit: Visit, holder: Holder, user: User | None = None) -> User:
    """Whose key has signed; raises `Refused`, and counts it, if it is not right."""
    party = our_party(visit)
    with visit.app.limiter.only_failures(*key_limits(visit.address), sentence=TOO_MANY) as outcome:
        try:
            answer = claimed_answer(visit, holder)
            found = visit.app.do(partial(webauthn_keys.use_key, visit.app.key), UseKey(answer, party, user))
        except Refused as refusal:
            if user is not None and refusal.code != "key-counter":
                visit.app.do(note_failure, Failure(user, visit.address, "webauthn", refusal.code))
            raise
        outcome.right = True
    return found


def key_of_answer(visit: Visit) -> tuple[dict[str, object], bytes]:
    """The answer that the form has brought, read, and the public half of the key that gave it; after `user_of_key`."""
    text = visit.form.get("answer", "")
    with visit.app.database.read() as sql:
        public_key = webauthn_keys.public_key_of(sql, read_answer(text).credential_id)
    answer: dict[str, object] = json.loads(text)
    return answer, public_key


def proof_by_code(visit: Visit, user: User, text: str, purpose: str, *, only_recovery: bool = False) -> ProvedBy | None:
    """What a typed code proves: an app's code or a recovery code of this user; None, and counted, if it is neither.

    Raises `TooMany` or `Refused` while the account is limited or locked, even for a right code (A8).
    """
    app = visit.app
    with app.database.read() as sql:
        refuse_if_locked(sql, user.id)
    day = _take_of_the_day(visit, day_limit(user), user)
    limits = code_limits(user)
    try:
        attempt = app.limiter.take(*limits, sentence=TOO_MANY_CODES)
    except TooMany:
        app.limiter.give_back(day, day_limit(user))
        raise
    of_app = len(totp.normalized(text)) == totp.DIGITS
    by: ProvedBy = "totp" if of_app else "recovery-code"
    if of_app and not only_recovery:
        right = app.do(partial(totp.give_code, app.key), GiveCode(user.id, text))
    else:
        right = app.do(partial(recovery_codes.use_code, app.key), UseCode(user, text, purpose))
    if not right:
        app.do(note_failure, Failure(user, visit.address, by))
        return None
    app.limiter.give_back(attempt, *limits)
    app.limiter.give_back(day, day_limit(user))
    return by


def _take_of_the_day(visit: Visit, limit: Counted, user: User) -> int:
    try:
        return visit.app.limiter.take(limit, sentence=TOO_MANY_CODES)
    except TooMany:
        visit.app.do(lock, Failure(user, visit.address, "code"))
        raise locked_out() from None
