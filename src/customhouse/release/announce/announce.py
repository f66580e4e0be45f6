"""Tell people, after publication and never before: by mail, in an Atom feed, by webhooks.

Each channel is noted in the step's folder when it is through, so that a step which was killed goes on with the rest.
What was on its way when it was killed goes out again under the same name (Message-ID, entry id, webhook-id), by which
whoever gets it can tell that he has it already.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Literal, cast

from customhouse.hooks.sign import PREFIX, signed_headers
from customhouse.infra.fetch import Order, Outbound
from customhouse.infra.mail import Letter, Smtp, compose, send
from customhouse.infra.reach import ANYWHERE
from customhouse.infra.targets import Target
from customhouse.release.actions import Outcome, Problem, StepRun
from customhouse.release.announce import atom
from customhouse.release.announce.told import Told, files_of, news_of
from customhouse.release.git.git import Git
from customhouse.release.git.names import short
from customhouse.release.git.released import own_tag, repository, tag
from customhouse.terms.errors import CustomhouseError, Unavailable

ATTEMPTS, FIRST_PAUSE_SECONDS = 4, 0.5
_NOTES = "told.json"
_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SMTP_PORT = "25"


class Announce:
    """`announce`."""

    def do(self, run: StepRun) -> Outcome:
        """Tell everybody who has not been told yet."""
        channels = _channels(run)
        _refuse_early(run)
        told = _told(run)
        notes = _noted(run)
        for name, tell in channels.items():
            if name not in notes:
                run.tell(f"Telling {name.partition(' ')[2] or name} …")
                run.held()
                notes[name] = _patiently(tell, told)
                _note(run, notes)
        return Outcome(facts={name: said for name, said in notes.items() if name in channels})

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether everybody has been told, as far as the notes say; the feed is looked at itself."""
        channels = _channels(run)
        if run.state.published_at is None:
            return None
        notes = _noted(run)
        told = _told(run)
        for name in channels:
            if name.startswith("atom ") and not atom.has_entry(_feed(run), told):
                return None
        return (
            Outcome(facts={name: notes[name] for name in channels}) if all(one in notes for one in channels) else None
        )

    def undo(self, run: StepRun) -> str:
        """What people know they know."""
        del run
        return "nothing to undo"


def _channels(run: StepRun) -> dict[str, Callable[[Told], str]]:
    """By name, which says the channel and whom; raises `Problem` if there is none."""
    found: dict[str, Callable[[Told], str]] = {}
    for address in _named(run, "mail", "mail", "to"):
        found[f"mail {address}"] = lambda told, to=address: _mail(run, told, to)  # type: ignore[misc]
    if _switched(run, "atom"):
        found[f"atom {_feed(run)}"] = lambda told: _atom(run, told)
    for url in _named(run, "webhook", "webhook", "url"):
        found[f"webhook {url}"] = lambda told, to=url: _webhook(run, told, to)  # type: ignore[misc]
    if not found:
        raise Problem(
            "nobody-to-tell", "no channel is named", "a place mail, atom or webhook", place=run.step.id,
            next_step="Say whom to tell: --place mail.to=announce@example.org, --place atom.path=FILE.",
        )  # fmt: skip
    return found


def _refuse_early(run: StepRun) -> None:
    if run.state.published_at is None:
        raise Problem(
            "not-published", "the release is not published yet", "nobody hears of it before", place=run.step.id,
            next_step="Put this step after index.publish.",
        )  # fmt: skip


def _told(run: StepRun) -> Told:
    state = run.state
    version = run.params.get("version", "")
    address, commit = run.places.get("index", {}).get("url", ""), ""
    published = [step for step in state.steps.values() if run.pipeline.step(step.id).uses == "index.publish"]
    for step in published:
        address = step.facts.get("address") or address
    clone = repository(run)
    news = ""
    if own_tag(run):
        commit = run.commit()
        if clone.there and clone.has(commit):
            news = _news(run, commit, version)
    return Told(
        project=run.pipeline.project, version=version, run=run.run, key=run.idempotency_key,
        at=state.published_at or state.created_at, address=address, tag=short(tag(run)), commit=commit,
        files=files_of(run.pipeline, state), news=news,
    )  # fmt: skip


def _news(run: StepRun, commit: str, version: str) -> str:
    """The changelog's section of this version, from the release's own commit."""
    noted = [step.facts["changelog"] for step in run.state.steps.values() if step.facts.get("changelog")]
    for path in [*noted, "CHANGELOG.md", "CHANGES.rst", "NEWS.rst", "NEWS.md", "CHANGES.md"]:
        ran = Git(run.children).run(["cat-file", "blob", f"{commit}:{path}"], at=run.repository)
        if ran.ok and (found := news_of(ran.out, version)):
            return found
    return ""


def _mail(run: StepRun, told: Told, to: str) -> str:
    place = run.place("mail")
    security = place.get("security", "none")
    if security not in ("none", "starttls", "tls"):
        raise Problem("bad-place", f"security = {security!r}", "none, starttls or tls", place="mail")
    port = place.get("port") or _SMTP_PORT
    if not port.isdecimal():
        raise Problem("bad-place", f"port = {port!r}", "a number", place="mail")
    user = place.get("user", "")
    smtp = Smtp(
        host=place.get("host", "localhost"), port=int(port), sender=place.get("sender", ""),
        security=cast("Literal['none', 'starttls', 'tls']", security), user=user,
        password=run.secrets("mail-password") if user else "",
    )  # fmt: skip
    identifier = f"release.{_digest(told, to)}"
    letter = Letter(to, told.subject, told.text, place.get("reply_to", ""))
    send(smtp, compose(letter, smtp, at=told.at, message_id=identifier))
    return f"{identifier}@{smtp.domain}"


def _atom(run: StepRun, told: Told) -> str:
    atom.add(_feed(run), told, address=run.place("atom").get("url", ""))
    return atom.entry_id(told)


def _webhook(run: StepRun, told: Told, url: str) -> str:
    """Signed as our webhooks are (Standard Webhooks 1.0.0): the secret ``webhook-key`` is ``whsec_`` and base64."""
    target = Target.parse(url, where="webhook")
    if target.scheme != "https" and target.host not in _LOOPBACK:
        raise Problem("bad-place", f"{url} is not https", "https", place="webhook")
    body = json.dumps(told.as_json(), sort_keys=True, separators=(",", ":")).encode()
    identifier = f"msg_{_digest(told, url)}"
    headers = signed_headers(identifier, run.clock.now(), body, [_key(run.secrets("webhook-key"))])
    sent = {"Content-Type": "application/json", **headers}
    answer = Outbound(ANYWHERE).fetch(Order(target, "POST", sent, body))
    if answer.status in _AGAIN:
        raise Unavailable(target.origin, f"it answers {answer.status}")
    if not answer.fine:
        raise Problem("webhook-refused", f"it answers {answer.status}", "2xx", place=url)
    return identifier


def _patiently(tell: Callable[[Told], str], told: Told) -> str:
    """Tell, and try again what may be otherwise in a moment."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return tell(told)
        except Unavailable as error:
            if attempt == ATTEMPTS:
                raise Problem("not-told", str(error), place=error.who, next_step="Run the step once more.") from error
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        except CustomhouseError as error:
            raise Problem("not-told", str(error), next_step="Look at the places mail, atom and webhook.") from error
    raise AssertionError("the last attempt returns or raises")


def _named(run: StepRun, option: str, place: str, key: str) -> list[str]:
    """What the step names, else what the place names, blanks and commas between."""
    said = run.step.options.get(option)
    if isinstance(said, tuple):
        return list(said)
    if isinstance(said, str):
        return said.replace(",", " ").split()
    return [] if said is False else run.places.get(place, {}).get(key, "").replace(",", " ").split()


def _switched(run: StepRun, name: str) -> bool:
    said = run.step.options.get(name)
    return bool(said) if said is not None else name in run.places


def _feed(run: StepRun) -> Path:
    path = run.place("atom").get("path", "")
    if not path.startswith("/"):
        raise Problem("bad-place", f"{path!r} is no absolute path", "the feed's file", place="atom.path")
    return Path(path)


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise Problem("bad-key", "it is not base64", f"{PREFIX} and base64", place="secret webhook-key") from error


def _digest(told: Told, to: str) -> str:
    """Of the run and the recipient: the same for each attempt, so nobody believes to have got two."""
    return hashlib.sha256(f"{told.run}\0{told.project}\0{told.version}\0{to}".encode()).hexdigest()[:32]


def _noted(run: StepRun) -> dict[str, str]:
    path = run.folder / _NOTES
    if not path.exists():
        return {}
    return {str(name): str(said) for name, said in json.loads(path.read_text("utf-8")).items()}


def _note(run: StepRun, notes: dict[str, str]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    new = run.folder / f"{_NOTES}.new"
    with new.open("w", encoding="utf-8") as file:
        json.dump(notes, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(run.folder / _NOTES)
