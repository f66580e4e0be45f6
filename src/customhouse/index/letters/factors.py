"""Letters about second factors and about signing in. None of them can be switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, object_to, plain

_TELL = "change your password and tell the operators of this index at once"
_METHODS = {"totp": "an app that shows codes", "webauthn": "a security key or passkey"}


def _page(site: Site) -> str:
    return f"See your factors here:\n{site.url}/account/two-factor/"


def factor_added(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has another factor."""
    fact = Fact.of(values)
    return draft(
        site, fact, "A second factor was added to your account",
        f'{fact.who} added {_method(fact)} named "{fact.text("label")}" to your account {fact.reader}, {fact.when}. '
        "Other sessions of the account are over.",
        _page(site), object_to(site, fact, _TELL),
    )  # fmt: skip


def factor_removed(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has a factor less."""
    fact = Fact.of(values)
    return draft(
        site, fact, "A second factor was removed from your account",
        f'{fact.who} removed {_method(fact)} named "{fact.text("label")}" from your account {fact.reader}, {fact.when}.'
        " It opens nothing any more, and other sessions of the account are over.",
        _page(site), object_to(site, fact, _TELL),
    )  # fmt: skip


def codes_made(values: Mapping[str, Any], site: Site) -> Draft:
    """There are new recovery codes."""
    fact = Fact.of(values)
    return draft(
        site, fact, "New recovery codes for your account",
        f"{fact.who} made {fact.text('codes')} new recovery codes for your account {fact.reader}, {fact.when}. Codes "
        "from before are dead.",
        _page(site), object_to(site, fact, _TELL),
    )  # fmt: skip


def code_used(values: Mapping[str, Any], site: Site) -> Draft:
    """A recovery code is used up."""
    fact = Fact.of(values)
    left = fact.body.get("codes_left")
    return draft(
        site, fact, "A recovery code of your account was used",
        f"{fact.who} used a recovery code of your account {fact.reader}, {fact.when}, {_purpose(fact)}. "
        + ("That was the last one: make new ones." if left == 0 else f"{left} codes are left."),
        _page(site), object_to(site, fact, _TELL),
    )  # fmt: skip


def locked(values: Mapping[str, Any], site: Site) -> Draft:
    """No typed code works any more."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Too many wrong codes: your account takes no more of them",
        f"Somebody who knows the password of your account {fact.reader} has given so many wrong codes that none is "
        f"taken any more, {fact.when}, from the network {fact.text('network')}. Security keys and passkeys still let "
        "you in.",
        "Choose another password by a link from a letter; that ends it. The old password is known to somebody if it "
        f"was not you:\n{site.url}/account/reset/",
    )  # fmt: skip


def unlocked(values: Mapping[str, Any], site: Site) -> Draft:
    """Typed codes work again."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your account takes codes again",
        f"{fact.who} let typed codes work again for your account {fact.reader}, {fact.when}.",
        object_to(site, fact, _TELL),
    )  # fmt: skip


def went_back(values: Mapping[str, Any], site: Site) -> Draft:
    """There may be a copy of a key."""
    fact = Fact.of(values)
    return draft(
        site, fact, "There may be a copy of your security key",
        f'The security key named "{fact.text("label")}" of your account {fact.reader} counted less than the last time, '
        f"{fact.when}. Keys count upwards; less means that there may be a copy of it. It was not let in.",
        f"If you have another factor, use it, and remove this one:\n{site.url}/account/two-factor/",
    )  # fmt: skip


def confirm_browser(values: Mapping[str, Any], site: Site) -> Draft:
    """The link that lets a new browser in. ``url`` is completed when the letter is written."""
    reader = str(values["reader"])
    asked = (
        f"Somebody has just given the right password for the account {reader} in a browser that is new to us, from the "
        f"network {plain(str(values['network']), 64)}, with the browser:\n> {plain(str(values['user_agent']), 160)}"
    )
    deed = f"If that is you, let this browser in, within {values['life']}:\n{values['url']}"
    doubt = (
        "If it is not you, do not follow the link: somebody has your password, and perhaps a code that you typed on a "
        f"page that looks like ours. Choose another password at once:\n{site.url}/account/reset/"
    )
    ending = (
        "You get this letter because you sign in with something that can be stolen. A passkey needs no such letter."
    )
    return compose(site, reader, "A new browser wants to come in", (asked, deed, doubt), ending)


LETTERS: Mapping[str, Write] = {
    "factor-added": factor_added,
    "factor-removed": factor_removed,
    "recovery-codes-made": codes_made,
    "recovery-code-used": code_used,
    "second-step-locked": locked,
    "second-step-unlocked": unlocked,
    "key-counter-went-back": went_back,
    "confirm-browser": confirm_browser,
}


def _method(fact: Fact) -> str:
    return _METHODS.get(fact.text("method"), "a second factor")


def _purpose(fact: Fact) -> str:
    purposes = {"sign-in": "to sign in", "custody": "to show that the codes are kept", "again": "to prove who it is"}
    return purposes.get(fact.text("purpose"), "for something else")
