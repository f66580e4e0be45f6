"""Letters about one's own account. None of them can be switched off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, object_to, reason

_TELL = "tell the operators of this index at once"


def password_set(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has a new password."""
    fact = Fact.of(values)
    how = "by a link from a letter" if fact.body.get("by_link") else "on the page of the account"
    return draft(
        site, fact, "Your password was changed",
        f"The password of your account {fact.reader} was set {fact.when}, {how}. Other sessions of the account are "
        "over.",
        f"Your API tokens and second factors stay as they were. See whether you know all of them:\n"
        f"{site.url}/account/security/",
        f"If it was not you, ask for a new link here and {_TELL}:\n{site.url}/account/reset/",
    )  # fmt: skip


def password_link(values: Mapping[str, Any], site: Site) -> Draft:
    """The link with which a password is set. ``url`` is completed when the letter is written."""
    reader = str(values["reader"])
    asked = (
        f"Somebody, most likely you, asked for a link to choose a password for the account {reader}. It works once and "
        f"for {values['hours']}:\n{values['url']}"
    )
    doubt = (
        f"We send links to {site.url}/ and to nowhere else. If you did not ask for it, do nothing: nobody learns "
        "anything from this letter but you, and the link dies by itself."
    )
    ending = "You get this letter because somebody asked for it with your name or address."
    return compose(site, reader, "Choose a password", (asked, doubt), ending)


def token_created(values: Mapping[str, Any], site: Site) -> Draft:
    """The account has a new API token."""
    fact = Fact.of(values)
    scope = f"for the project {fact.project}" if fact.project else "for all projects of your account"
    scope = f"with these limits: {fact.text('limits')}" if fact.text("limits") else scope
    note = f', with the note "{fact.text("note")}"' if fact.text("note") else ""
    return draft(
        site, fact, "A new API token for your account",
        f"{fact.who} made an API token {scope}{note}, {fact.when}. Its identifier begins with "
        f"{fact.text('token_id')[:8]}. Whoever has it can act in your name, as far as that goes.",
        f"See and revoke your tokens here:\n{site.url}/account/tokens/",
        object_to(site, fact, f"revoke it and {_TELL}"),
    )  # fmt: skip


def token_revoked(values: Mapping[str, Any], site: Site) -> Draft:
    """A token works no longer."""
    fact = Fact.of(values)
    return draft(
        site, fact, "An API token was revoked",
        f"{fact.who} revoked the API token of your account whose identifier begins with {fact.text('token_id')[:8]}, "
        f"{fact.when}. Whatever used it cannot upload any more.",
        f"See your tokens here:\n{site.url}/account/tokens/",
        object_to(site, fact, "make a new one there"),
    )  # fmt: skip


def token_leaked(values: Mapping[str, Any], site: Site) -> Draft:
    """A token was found in public, and is revoked."""
    fact = Fact.of(values)
    return draft(
        site, fact, "An API token of yours was found in public, and is revoked",
        f"{fact.text('reporter')} told this index {fact.when} that the API token of your account whose identifier "
        f"begins with {fact.text('token_id')[:8]} can be read by everybody. It works no longer.",
        f"It was found here:\n{fact.words('url') or '> (the place was not told)'}",
        "Look at what was done with it since it was made. Then make a new one, with limits that make the next leak "
        f"harmless:\n{site.url}/account/tokens/",
        "Taking the text away where it was found does not help: others have read it too.",
    )  # fmt: skip


def account_tokens_revoked(values: Mapping[str, Any], site: Site) -> Draft:
    """An operator revoked many tokens, some of them of this account."""
    fact = Fact.of(values)
    count = int(fact.body.get("tokens") or 0)
    what = "an API token" if count == 1 else f"{count} API tokens"
    return draft(
        site, fact, "API tokens of yours were revoked",
        f"{fact.who} revoked {what} of your account, {fact.when}. Whatever used them cannot upload any more.",
        reason(fact),
        f"Make new ones here:\n{site.url}/account/tokens/",
    )  # fmt: skip


def tokens_mass_revoked(values: Mapping[str, Any], site: Site) -> Draft:
    """What all operators hear of a mass revocation."""
    fact = Fact.of(values)
    return draft(
        site, fact, "API tokens are being revoked",
        f"{fact.who} began {fact.when} to revoke {fact.text('tokens')} API tokens: {fact.text('selection')}. Their "
        "owners are told.",
        reason(fact),
        object_to(site, fact, _TELL),
    )  # fmt: skip


def site_role_set(values: Mapping[str, Any], site: Site) -> Draft:
    """The account may run the index, or may no longer."""
    fact = Fact.of(values)
    role = fact.text("role")
    whom = "yourself" if fact.by_reader else "you"
    said = f"made {whom} {_article(role)} of this index" if role else f"took your office in this index from {whom}"
    return draft(
        site, fact, f"You are {_article(role)} now" if role else "You have no office any more",
        f"{fact.who} {said}, {fact.when}. All your sessions are over; sign in again.",
        object_to(site, fact, _TELL),
    )  # fmt: skip


def frozen(values: Mapping[str, Any], site: Site) -> Draft:
    """Nothing lets the account in."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your account is frozen",
        f"{fact.who} froze your account {fact.reader} {fact.when}. Neither your password nor your tokens work until it "
        "is thawed. Your projects and files stay as they are.",
        reason(fact),
        "If you think that this is a mistake, write to the operators of this index.",
    )  # fmt: skip


def thawed(values: Mapping[str, Any], site: Site) -> Draft:
    """The account works again."""
    fact = Fact.of(values)
    return draft(
        site, fact, "Your account works again",
        f"{fact.who} thawed your account {fact.reader} {fact.when}.",
        reason(fact),
        f"Sign in here:\n{site.url}/account/sign-in/",
    )  # fmt: skip


def mail_set(values: Mapping[str, Any], site: Site) -> Draft:
    """Some letters come no longer, or come again."""
    fact = Fact.of(values)
    wanted = [topic for topic, on in sorted((fact.body.get("wanted") or {}).items()) if on]
    about = ", ".join(wanted) if wanted else "nothing that can be switched off"
    return draft(
        site, fact, "Your choice of letters was changed",
        f"{fact.who} changed {fact.when} which letters your account {fact.reader} gets. From now on you hear of: "
        f"{about}.",
        f"Change it here:\n{site.url}/account/mail/",
        object_to(site, fact, _TELL),
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "password-set": password_set,
    "password-link": password_link,
    "token-created": token_created,
    "token-revoked": token_revoked,
    "token-leaked": token_leaked,
    "account-tokens-revoked": account_tokens_revoked,
    "tokens-mass-revoked": tokens_mass_revoked,
    "site-role-set": site_role_set,
    "account-frozen": frozen,
    "account-thawed": thawed,
    "mail-preference-set": mail_set,
}


def _article(role: str) -> str:
    return {"operator": "an operator", "support": "support"}.get(role, role)
