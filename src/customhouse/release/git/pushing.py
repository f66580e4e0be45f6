"""One push of a release: each ref with a lease, the remote's answer compared, and its log of refs where it keeps one.

A tag that was moved and put back within the push is seen by that log.
"""

from __future__ import annotations

from collections.abc import Sequence

from customhouse.release.actions import Problem, StepRun, Tampered
from customhouse.release.git.forges.choose import forge_of
from customhouse.release.git.forges.forge import Forge
from customhouse.release.git.git import one_line
from customhouse.release.git.names import short
from customhouse.release.git.released import branch, repository, tag
from customhouse.release.git.remotes import Remote, Update, where

_CURSOR = "log-before-push"


def push_all(run: StepRun, place: Remote, updates: Sequence[Update]) -> None:
    """Push all of it or none, with the run's key to the lock; raises `Problem`."""
    if not updates:
        return
    repository(run).check()
    forge = _forge(run, place)
    refs = [one.ref for one in updates]
    settings = forge.push_settings(refs, run.run) if forge is not None else {}
    if forge is not None and (log := forge.log(refs, "")) is not None:
        kept = run.folder / _CURSOR
        if not kept.exists():
            run.folder.mkdir(parents=True, exist_ok=True)
            kept.write_text(log.cursor, "utf-8")
    ran = place.push(run.repository, updates, settings=settings)
    if not ran.ok:
        raise Problem(
            "not-pushed", one_line(f"{ran.err} {ran.out}"), "a push of branch and tag, each from where it was",
            place=f"{place.name} ({place.url})",
            next_step="If the branch is locked, the release's own key or token must pass the lock (docs/forges.md).",
        )  # fmt: skip


def compare(run: StepRun, place: Remote, commit: str, tagged: str) -> str:
    """What the remote has now, and what its log says of the way there; returns the log's cursor."""
    seen = place.refs(branch(run), tag(run))
    if where(seen, tag(run)) != (tagged, commit):
        raise Tampered(
            "tag-moved", " ".join(where(seen, tag(run))) or "no tag", f"{tagged} on {commit}", place=place.name,
            next_step="Somebody moved the tag right after the push. Find out who can write there.",
        )  # fmt: skip
    forge = _forge(run, place)
    kept = run.folder / _CURSOR
    before = kept.read_text("utf-8") if kept.exists() else ""
    log = forge.log([branch(run), tag(run)], before) if forge is not None else None
    if log is None:
        return ""
    for change in log.changes:
        if not change.refused and change.ref == tag(run) and change.new not in (tagged, commit):
            raise Tampered(
                "tag-moved", f"{change.who} moved {short(change.ref)} to {change.new or 'nothing'}", tagged,
                place=place.name, next_step="It was put back since. Find out what was done with it meanwhile.",
            )  # fmt: skip
    return log.cursor


def _forge(run: StepRun, place: Remote) -> Forge | None:
    return forge_of(run, place) if place.place.get("adapter") else None
