"""GitLab: the branch's protection set to "no one", and put back as it was.

https://docs.gitlab.com/api/protected_branches/ and https://docs.gitlab.com/api/events/. Where several protections match
a branch, GitLab takes the most permissive one: so all that match are locked, and the probe asks all. GitLab has no key
that passes a lock; whom the place names as ``allow`` (``user:ID``, ``deploy_key:ID``) may push, and nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlsplit

from customhouse.release.actions import Problem
from customhouse.release.git.forges.api import Api
from customhouse.release.git.forges.forge import Log, Protection, RefChange
from customhouse.release.git.names import is_nothing, short

NO_ONE = 0
_HEADS = "refs/heads/"
_SIDES = (("push_access_levels", "allowed_to_push"), ("merge_access_levels", "allowed_to_merge"),
          ("unprotect_access_levels", "allowed_to_unprotect"))  # fmt: skip
_WHO = ("user_id", "group_id", "deploy_key_id")


@dataclass(frozen=True)
class GitLab:
    """One project."""

    api: Api
    project: str
    """Its path, or its number."""
    allow: str = ""

    def before(self, refs: Sequence[str]) -> str:
        """Each protection that matches one of the branches, as it would be written."""
        return json.dumps([as_request(one) for one in self._matching(refs)], sort_keys=True)

    def lock(self, refs: Sequence[str], run: str, before: str) -> None:
        """Let nobody push or merge but whom the place allows."""
        del run, before
        matching = self._matching(refs)
        exact = {one["name"] for one in matching}
        for one in matching:
            if not self._is_locked(one):
                self._write(one, self._locked(as_request(one)))
        for ref in refs:
            if ref.startswith(_HEADS) and short(ref) not in exact:
                self.api.ask("POST", self._base(), self._locked({"name": short(ref)}))

    def protection(self, ref: str) -> Protection:
        """Ask every protection that matches: the most permissive one is what holds."""
        matching = self._matching([ref])
        if not matching:
            return Protection(False, how="no protected branch matches")
        loose = [one["name"] for one in matching if not self._is_locked(one)]
        if loose:
            return Protection(False, how=f"the protection {loose[0]!r} lets people push")
        return Protection(True, how=f"protected branch {matching[0]['name']!r}, no one may push")

    def unlock(self, refs: Sequence[str], run: str, before: str) -> bool:
        """Write each protection as it was; the one that was made for the lock goes."""
        del run
        was = {one["name"]: one for one in json.loads(before)}
        changed = False
        for one in self._matching(refs):
            if one["name"] not in was:
                self.api.ask("DELETE", f"{self._base()}/{quote(one['name'], safe='')}", missing=True)
                changed = True
            elif as_request(one) != was[one["name"]]:
                self._write(one, was[one["name"]])
                changed = True
        there = {one["name"] for one in self._matching(refs)}
        for name, wanted in was.items():
            if name not in there:
                self.api.ask("POST", self._base(), wanted)
                changed = True
        return changed

    def push_settings(self, refs: Sequence[str], run: str) -> Mapping[str, str]:
        """None: GitLab knows the release by its token."""
        del refs, run
        return {}

    def log(self, refs: Sequence[str], cursor: str) -> Log | None:
        """The project's events of pushes. Tags are told as commits."""
        newest, found = int(cursor or 0), []
        for one in self.api.ask("GET", f"/projects/{self._id()}/events?action=pushed&per_page=100") or []:
            number, told = int(one["id"]), one.get("push_data") or {}
            newest = max(newest, number)
            kind = "tags" if told.get("ref_type") == "tag" else "heads"
            ref = f"refs/{kind}/{told.get('ref', '')}"
            if cursor and number > int(cursor) and ref in refs:
                old, new = (_oid(told.get(side)) for side in ("commit_from", "commit_to"))
                at = datetime.fromisoformat(str(one["created_at"]))
                found.append((number, RefChange(ref, old, new, at, str(one.get("author_username", "")))))
        return Log(str(newest), tuple(change for _number, change in sorted(found, key=lambda pair: pair[0])))

    def _write(self, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """Change a protection in place; where this GitLab cannot (below Premium), delete it and write it anew."""
        address = f"{self._base()}/{quote(there['name'], safe='')}"
        changes: dict[str, Any] = {key: wanted[key] for key in wanted if key.startswith(("allow_", "code_"))}
        for side, written in _SIDES:
            gone = [{"id": one["id"], "_destroy": True} for one in there.get(side, []) if "id" in one]
            changes[written] = [*gone, *wanted.get(written, [])]
        self.api.ask("PATCH", address, changes)
        now = self.api.ask("GET", address, missing=True)
        if now is not None and as_request(now) == {**as_request(now), **wanted}:
            return
        self.api.ask("DELETE", address, missing=True)
        self.api.ask("POST", self._base(), wanted)

    def _locked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        kind, _, number = self.allow.partition(":")
        if self.allow and (f"{kind}_id" not in _WHO or not number.isdecimal()):
            raise Problem("bad-place", f"allow = {self.allow!r}", "user:ID or deploy_key:ID", place=self.api.name)
        mine = [{f"{kind}_id": int(number)}] if self.allow else []
        nobody = [{"access_level": NO_ONE}]
        return {**request, "allow_force_push": False, "allowed_to_push": mine or nobody, "allowed_to_merge": nobody}

    def _is_locked(self, one: Mapping[str, Any]) -> bool:
        now, wanted = as_request(one), self._locked({})
        return all(now.get(key) == value for key, value in wanted.items())

    def _matching(self, refs: Sequence[str]) -> list[dict[str, Any]]:
        branches = [short(ref) for ref in refs if ref.startswith(_HEADS)]
        return [one for one in self.api.listed(self._base())
                if any(fnmatchcase(branch, str(one["name"])) for branch in branches)]  # fmt: skip

    def _base(self) -> str:
        return f"/projects/{self._id()}/protected_branches"

    def _id(self) -> str:
        return quote(self.project, safe="")


def as_request(one: Mapping[str, Any]) -> dict[str, Any]:
    """A protection in the form in which it is written, from the form in which it is read."""
    request: dict[str, Any] = {"name": one["name"], "allow_force_push": bool(one.get("allow_force_push"))}
    if "code_owner_approval_required" in one:
        request["code_owner_approval_required"] = bool(one["code_owner_approval_required"])
    for side, written in _SIDES:
        levels = []
        for level in one.get(side) or []:
            who = next((key for key in _WHO if level.get(key) is not None), "")
            levels.append({who: level[who]} if who else {"access_level": level.get("access_level")})
        if levels or side != "unprotect_access_levels":
            request[written] = levels
    return request


def project_of(url: str) -> str:
    """The path of a project in an address, by https or ssh; raises `Problem`."""
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    project = path.strip("/").removesuffix(".git")
    if "/" not in project:
        raise Problem("bad-remote", f"{url} names no project of GitLab", "https://gitlab.com/GROUP/NAME.git")
    return project


def _oid(text: object) -> str:
    return "" if text is None or is_nothing(str(text)) else str(text)
