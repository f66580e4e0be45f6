"""Letters to the people of a disclosure case. None says in its subject what the case is about: subjects travel far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, compose, draft, plain, quoted, see

_SUBJECTS: Mapping[str, str] = {
    "received": "Your report has arrived",
    "message": "Something new in case {case}",
    "moved": "Case {case} goes on",
    "invited": "You are wanted in case {case}",
    "coordinates": "You coordinate case {case}",
    "extended": "Case {case} takes longer",
    "exploited": "Case {case} is exploited",
    "embargo": "Under embargo: something that you bundle",
    "late": "Case {case} is late",
    "soon": "Case {case}: a date comes near",
    "published": "Case {case} is published",
    "stage": "Case {case}: a release to try",
}
_SENTENCES: Mapping[str, str] = {
    "received": (
        "Your report has arrived, and only those who work on it can read it. Somebody answers within three days."
    ),
    "message": "There is something new in case {case}.",
    "moved": "Case {case} is now “{state}”.",
    "invited": "You were put into case {case}, a vulnerability that is not public. Tell nobody of it.",
    "coordinates": "You coordinate case {case}: see that it goes on, and that the reporter hears of it.",
    "extended": "Disclosure in case {case} was put off, once and until the day that its page names.",
    "exploited": "The vulnerability of case {case} is said to be exploited. It is to be published at once.",
    "embargo": (
        "A project that you bundle or depend on is going to publish a release because of a vulnerability. Before you "
        "are told which, you promise to keep silent until the day that the page names."
    ),
    "late": "Case {case} is late: {clock} was due {due}. Everybody at the desk gets this letter.",
    "soon": "In case {case} {clock} is due {due}.",
    "published": "The advisory of case {case} is public now, together with everything that belongs to it. Thank you.",
    "stage": "A release that is to mend case {case} can be installed, by you and by the others of the case alone.",
}
_TEAM = "A vulnerability was reported. Nobody but the desk can read it: acknowledge it within three days."
_TO_TEAM = "A vulnerability was reported"
CLOCKS: Mapping[str, str] = {
    "acknowledge": "the acknowledgement", "decide": "the decision whether it is one", "disclose": "disclosure",
    "exploited": "disclosure, because it is exploited,", "today": "the day that was agreed on",
}  # fmt: skip


def disclosure(values: Mapping[str, Any], site: Site) -> Draft:
    """One letter. Address, state and role are completed when it is written."""
    what, case = str(values["what"]), plain(str(values.get("case", "")), 40)
    facts = {
        "case": case, "state": plain(str(values.get("state", "")), 20),
        "clock": CLOCKS.get(str(values.get("clock", "")), "something"), "due": plain(str(values.get("due", "")), 40),
    }  # fmt: skip
    to_team = what == "received" and values.get("role") != "reporter"
    sentence = _TEAM if to_team else _SENTENCES[what].format_map(facts)
    subject = _TO_TEAM if to_team else _SUBJECTS[what].format_map(facts)
    words = _words(values)
    where = f"See it here, and give this address to nobody:\n{values.get('url', '')}"
    answer = "An answer to this letter goes into the case." if values.get("reply_to") else ""
    ending = "You get this letter because you belong to that case."
    return compose(site, str(values["reader"]), subject, (sentence, words, where, answer), ending)


def _words(values: Mapping[str, Any]) -> str:
    """What was said, for those who read the case by mail."""
    text = str(values.get("text") or "")
    if not text:
        return ""
    lines = "\n".join(f"> {plain(line, 2000)}" if line.strip() else ">" for line in text.splitlines()[:400])
    author = plain(str(values.get("author") or ""), 80)
    return f"{author or 'The index'} wrote:\n{lines}" if lines else quoted(text)


def published(values: Mapping[str, Any], site: Site) -> Draft:
    """To the project's owners, when everybody learns of it."""
    fact = Fact.of(values)
    mended = f" Version {fact.text('version')} mends it." if fact.text("version") else ""
    return draft(
        site, fact, f"An advisory about {fact.project}",
        f"{fact.who} published the advisory {fact.text('advisory')} about {fact.project} {fact.when}.{mended}",
        fact.words("title"), see(site, fact),
    )  # fmt: skip


def policy(values: Mapping[str, Any], site: Site) -> Draft:
    """The project says something else about how vulnerabilities are reported."""
    fact = Fact.of(values)
    return draft(
        site, fact, f"{fact.project} has another security policy",
        f"{fact.who} changed {fact.when} what {fact.project} says about how vulnerabilities are reported.",
        f"See it here:\n{site.url}/security/report/?project={fact.project}",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {
    "disclosure": disclosure,
    "disclosure-published": published,
    "security-policy-set": policy,
}
