"""Letters about the address of an account. Those with links are completed when they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, object_to, plain

_NOT_ME = "If that was not you, do nothing: without the link nothing happens, and it dies by itself."
_NO_OTHER = "We send links to {site}/ and to nowhere else."
_BECAUSE = "You get this letter because somebody gave your address."
_TELL = "tell the operators of this index at once"


def verify_address(values: Mapping[str, Any], site: Site) -> Draft:
    """The link that verifies the address of an account."""
    reader = plain(str(values["reader"]), 80)
    asked = (
        f"Somebody, most likely you, has made the account {reader} with this address, or asks for this letter again. "
        "Open this page and press the button to verify the address. It works once and for "
        f"{values['hours']}:\n{values['url']}"
    )
    doubt = f"{_NO_OTHER.format(site=site.url)} {_NOT_ME}"
    return compose(site, reader, "Verify your address", (asked, doubt), _BECAUSE)


def confirm_address(values: Mapping[str, Any], site: Site) -> Draft:
    """The link that makes a new address the account's."""
    reader = plain(str(values["reader"]), 80)
    asked = (
        f"The account {reader} is to have this address from now on. Open this page and press the button to confirm "
        f"it. It works once and for {values['hours']}:\n{values['url']}"
    )
    doubt = f"{_NO_OTHER.format(site=site.url)} {_NOT_ME}"
    return compose(site, reader, "Confirm your new address", (asked, doubt), _BECAUSE)


def address_known(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody wants an address that another account has verified; its owner hears of it."""
    reader, name = plain(str(values["reader"]), 80), plain(str(values["name"]), 80)
    asked = (
        f"Somebody gave your address for the account {name}. It belongs to your account {reader} already, so it cannot "
        "be verified for another one."
    )
    mine = (
        f"If it was you: sign in as {reader}, or ask for a new password if you have forgotten it:\n"
        f"{site.url}/account/reset/"
    )
    doubt = "If it was not you, do nothing. Nobody has learned from us that you have an account here."
    return compose(site, reader, "You have an account already", (asked, mine, doubt), _BECAUSE)


def change_asked(values: Mapping[str, Any], site: Site) -> Draft:
    """The old address hears that a new one is wanted."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your account is to have another address",
        f"{fact.who} asked {fact.when} that letters for your account {fact.reader} go to {fact.text('to')} from now "
        "on. That happens when the link in a letter there is followed.",
        f"If it was not you, somebody is signed in as you. Change your password now, which ends that:\n"
        f"{site.url}/account/password/",
    )  # fmt: skip


def taken_away(values: Mapping[str, Any], site: Site) -> Draft:
    """The old address hears that the account has another one, and can take it back."""
    reader = plain(str(values["reader"]), 80)
    told = (
        f"Letters for your account {reader} go to {plain(str(values['to']), 120)} from now on, and no longer to this "
        "address."
    )
    if "url" in values:
        doubt = (
            "If it was not you, open this page and press the button: it brings this address back, ends all sessions "
            f"and lets you choose a new password. It works once and for {values['hours']}:\n{values['url']}\n"
            f"Second factors and API tokens stay; look at them afterwards:\n{site.url}/account/security/"
        )
    else:
        doubt = f"If it was not you and the account is yours, {_TELL}: nobody has shown that this address is yours."
    because = "You get this letter because it was the address of your account. It is the last one."
    paragraphs = (told, doubt, _NO_OTHER.format(site=site.url))
    return compose(site, reader, "Your account has another address now", paragraphs, because)


def changed(values: Mapping[str, Any], site: Site) -> Draft:
    """The new address hears that it is the account's."""
    fact = Fact.of(values)
    return draft(
        site, fact, "This is the address of your account now",
        f"Letters for your account {fact.reader} come to this address and no longer to {fact.text('before')}, "
        f"{fact.when}." if fact.text("before") else
        f"Letters for your account {fact.reader} come to this address, {fact.when}.",
        f"See it here:\n{site.url}/account/address/",
        object_to(site, fact, _TELL),
    )  # fmt: skip


def undone(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has its old address again."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your account has its old address again",
        f"The change of the address of your account {fact.reader} was taken back {fact.when}. All sessions are over, "
        "and the password of before opens nothing any more.",
        f"Choose a new password with the link in the next letter, or ask for one here:\n{site.url}/account/reset/",
        f"Second factors and API tokens stay. Look at them then: whoever changed the address may have added some.\n"
        f"{site.url}/account/security/",
    )  # fmt: skip


def breached(values: Mapping[str, Any], site: Site) -> Draft:
    """Somebody knows the password, and so do others."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your password is known to others",
        f"Somebody signed in {fact.when} with the right password of your account {fact.reader}. That password stands "
        "in a list of passwords that were stolen elsewhere, so it opens nothing here any more.",
        "A letter with a link to choose another one is on its way. Take one that you use nowhere else.",
        f"If it was not you who signed in, {_TELL}.",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "verify-address": verify_address,
    "confirm-address": confirm_address,
    "address-known": address_known,
    "address-taken-away": taken_away,
    "address-change-asked": change_asked,
    "address-changed": changed,
    "address-change-undone": undone,
    "breached-sign-in": breached,
}
