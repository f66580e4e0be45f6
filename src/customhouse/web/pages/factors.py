"""Second factors of one's own account: apps, keys, passkeys, and the recovery codes that come before them."""

from __future__ import annotations

from functools import partial

import segno
from starlette.responses import Response

from customhouse.accounts import devices, factors, recovery_codes, sessions, totp, webauthn_keys
from customhouse.accounts.devices import ForgetBrowsers
from customhouse.accounts.factors import RemoveFactor, RenameFactor
from customhouse.accounts.recovery_codes import CodesLeft, MakeCodes
from customhouse.accounts.seal import seal, unseal
from customhouse.accounts.sessions import ProvedBy
from customhouse.accounts.totp import EnrolTotp
from customhouse.accounts.webauthn_ceremony import verify_new_key
from customhouse.accounts.webauthn_challenges import Purpose
from customhouse.accounts.webauthn_keys import AddKey
from customhouse.index.remove_factor import remove_factor
from customhouse.index.slow.model import PendingChange
from customhouse.terms.encode import base64url, from_base64url
from customhouse.terms.errors import Broken, Refused, Rejected
from customhouse.terms.numbers import number_of
from customhouse.web.doors import Door, door
from customhouse.web.permissions import Permission
from customhouse.web.proofs import (
    claimed_answer,
    holder_of,
    is_elsewhere,
    our_party,
    party_of,
    proof_by_code,
    script_of,
)
from customhouse.web.visit import Visit

PAGE = "/account/two-factor/"
QR_SCALE = 4


def factor_doors() -> list[Door]:
    """The doors of second factors. All of them want a fresh proof of who one is."""
    form, danger = Permission.ACCOUNT_DANGER_FORM, Permission.ACCOUNT_DANGER
    return [
        door("GET", PAGE, factors_page, form),
        door("POST", PAGE + "codes/", make_codes, danger),
        door("POST", PAGE + "codes/kept/", show_custody, danger),
        door("GET", PAGE + "app/", app_form, form),
        door("POST", PAGE + "app/", add_app, danger),
        door("POST", PAGE + "key/", add_key, danger),
        door("POST", PAGE + "browsers/forget/", forget_browsers, danger),
        door("POST", PAGE + "{factor}/rename/", rename, danger),
        door("POST", PAGE + "{factor}/remove/", remove, danger),
    ]


def factors_page(visit: Visit) -> Response:
    """What I prove myself with."""
    return _page(visit)


def make_codes(visit: Visit) -> Response:
    """Make recovery codes and show them, this once."""
    codes = visit.app.do(partial(recovery_codes.make_codes, visit.app.key), MakeCodes(visit.me, _mine(visit)))
    return visit.page("recovery_codes.html", codes=codes)


def show_custody(visit: Visit) -> Response:
    """Use one code up, to show that they were kept."""
    with visit.app.database.read() as sql:
        left = recovery_codes.codes_left(sql, visit.me.id)
    if left.left == 0:
        raise Refused("no-recovery-codes", "You have no recovery codes.", f"Make some at {PAGE}.", status=409)
    if proof_by_code(visit, visit.me, visit.form.get("code", ""), "custody", only_recovery=True) is None:
        return _page(visit, problem="This is not one of your recovery codes, or it was used before.")
    return visit.go(PAGE, said="Your codes are known to be kept. That one is used up.")


def app_form(visit: Visit) -> Response:
    """Show a new seed, this once. Nothing of it counts until a code of it is right (A10)."""
    with visit.app.database.read() as sql:
        kept = recovery_codes.codes_left(sql, visit.me.id).kept
    if not kept:
        return visit.go(PAGE, said="First make recovery codes, and type one of them.")
    seed = totp.new_seed()
    address = totp.otpauth_address(seed, issuer=visit.app.settings.site_name, account_name=visit.me.name)
    picture = segno.make(address, error="m", micro=False).svg_inline(scale=QR_SCALE, dark="#000", light="#fff")
    text = totp.base32_of(seed)
    shown = " ".join(text[start : start + 4] for start in range(0, len(text), 4))
    return visit.page(
        "totp.html", shown=shown, picture=picture, sealed=_sealed(visit, seed), label="", problem="",
        elsewhere=is_elsewhere(visit),
    )  # fmt: skip


def add_app(visit: Visit) -> Response:
    """Add the app, if its code is right. The seed is not shown again."""
    with visit.app.database.read() as sql:
        recovery_codes.refuse_without_codes(sql, visit.me.id)
    sealed, label = visit.form.get("seed", ""), visit.form.get("label", "")
    wish = EnrolTotp(visit.me, _unsealed(visit, sealed), visit.form.get("code", ""), label, _mine(visit))
    try:
        visit.app.do(partial(totp.enrol, visit.app.key), wish)
    except Rejected as rejected:
        return visit.page(
            "totp.html", status=400, shown="", picture="", sealed=sealed, label=label, problem=str(rejected),
            elsewhere=is_elsewhere(visit),
        )  # fmt: skip
    return _proved_anew(visit, "totp", "The app is added. From now on signing in asks for a code of it.")


def add_key(visit: Visit) -> Response:
    """Add a security key or a passkey."""
    with visit.app.database.read() as sql:
        recovery_codes.refuse_without_codes(sql, visit.me.id)
    party = our_party(visit)
    purpose: Purpose = "add-passkey" if visit.form.get("purpose") == "add-passkey" else "add-key"
    try:
        answer = claimed_answer(visit, holder_of(visit, purpose))
        key = verify_new_key(answer, party, verified=purpose == "add-passkey")
        label = visit.form.get("label", "")
        visit.app.do(webauthn_keys.add_key, AddKey(visit.me, key, label, purpose == "add-passkey", _mine(visit)))
    except Refused as refusal:
        if refusal.status != 403:  # noqa: PLR2004 - what is wrong with the key is told on this page
            raise
        return _page(visit, problem=str(refusal))
    what = "passkey" if purpose == "add-passkey" else "security key"
    return _proved_anew(visit, "webauthn", f"The {what} is added. From now on signing in asks for it.")


def rename(visit: Visit) -> Response:
    """Call a factor something else."""
    visit.app.do(
        factors.rename_factor,
        RenameFactor(visit.me.id, _factor_id(visit), visit.form.get("label", ""), visit.me.identity),
    )
    return visit.go(PAGE, said="It has another name now.")


def remove(visit: Visit) -> Response:
    """Remove a factor, unless it is the last one and something says that one must stay (A16)."""
    command = RemoveFactor(visit.me.id, _factor_id(visit), visit.me.identity, keep_session=_mine(visit))
    gone = visit.app.do(remove_factor, command)
    if isinstance(gone, PendingChange):
        return visit.go(PAGE, said=gone.says_when)
    return visit.go(PAGE, said=f'"{gone.label}" opens nothing any more, and your other sessions are over.')


def forget_browsers(visit: Visit) -> Response:
    """Ask about every browser again."""
    gone = visit.app.do(devices.forget_browsers, ForgetBrowsers(visit.me))
    return visit.go(PAGE, said=f"{gone} {'browser is' if gone == 1 else 'browsers are'} forgotten.")


def _page(visit: Visit, *, problem: str = "") -> Response:
    with visit.app.database.read() as sql:
        rows = factors.factors_of(sql, visit.me.id)
        codes: CodesLeft = recovery_codes.codes_left(sql, visit.me.id)
        silent = devices.why_not_asked(sql, visit.me.id, sends_mail=bool(visit.app.settings.smtp_host))
    return visit.page(
        "two_factor.html", status=400 if problem else 200, script=script_of(visit) if codes.kept else None,
        rows=rows, codes=codes, silent=silent, problem=problem, keys_work=party_of(visit) is not None,
    )  # fmt: skip


def _proved_anew(visit: Visit, by: ProvedBy, said: str) -> Response:
    """Whoever has just shown a new factor has proved himself with it; the session gets a new id (A4)."""
    if visit.session is not None:
        visit.start_session(visit.app.do(partial(sessions.prove, by=by), visit.session))
    return visit.go(PAGE, said=said)


def _mine(visit: Visit) -> str | None:
    return visit.session.id_hash if visit.session is not None else None


def _factor_id(visit: Visit) -> int:
    return number_of(visit.path["factor"]) or 0


def _sealed(visit: Visit, seed: bytes) -> str:
    """The seed on its way through the form: for this session alone, and unreadable to whoever sees it."""
    return base64url(seal(visit.app.key, "totp-enrol", _mine(visit) or "", seed))


def _unsealed(visit: Visit, text: str) -> bytes:
    try:
        return unseal(visit.app.key, "totp-enrol", _mine(visit) or "", from_base64url(text))
    except (Broken, ValueError) as error:
        raise Refused("stale-seed", "This page is too old.", f"Begin again at {PAGE}app/.", status=409) from error
