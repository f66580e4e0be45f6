"""GitHub: a ruleset of the run's own, beside whatever protection there is.

https://docs.github.com/en/rest/repos/rules, https://docs.github.com/en/rest/branches/branch-protection and
https://docs.github.com/en/rest/repos/repos#list-repository-activities. A ruleset is added and deleted as a whole, so
that nothing which was there is ever rewritten. With ``lock = "branch"`` (servers without rulesets) the branch's own
protection gets ``lock_branch``, and what it was is put back field by field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from customhouse.release.actions import Problem
from customhouse.release.git.forges.api import Api
from customhouse.release.git.forges.forge import Log, Protection, RefChange
from customhouse.release.git.names import is_nothing, short

VERSION = "2022-11-28"
PREFIX = "customhouse release "
_RULES = ({"type": "update"}, {"type": "deletion"}, {"type": "creation"}, {"type": "non_fast_forward"})
_HEADS = "refs/heads/"


@dataclass(frozen=True)
class GitHub:
    """One repository. ``bypass`` may push while it is locked: ``Integration:ID``, ``Team:ID``, ``DeployKey`` …."""

    api: Api
    repository: str
    """``owner/name``."""
    bypass: str = ""
    classic: bool = False

    def before(self, refs: Sequence[str]) -> str:
        """With rulesets nothing but who else locks; with branch protection, all of it."""
        if not self.classic:
            return json.dumps({"rulesets": sorted(one["name"] for one in self._rulesets())})
        return json.dumps({ref: self._classic(ref) for ref in refs if ref.startswith(_HEADS)}, sort_keys=True)

    def lock(self, refs: Sequence[str], run: str, before: str) -> None:
        """Add a ruleset for the branches and one for the tags, or switch the branch to read-only."""
        if self.classic:
            was = json.loads(before)
            for ref in refs:
                if ref.startswith(_HEADS):
                    self.api.ask("PUT", self._protection(ref), {**as_request(was.get(ref)), "lock_branch": True})
            return
        there = {one["name"]: one for one in self._rulesets()}
        for target in ("branch", "tag"):
            mine = [ref for ref in refs if ref.startswith(_HEADS) == (target == "branch")]
            name = _name(run, target)
            if mine and name not in there:
                self.api.ask("POST", f"{self._base()}/rulesets", self._ruleset(name, target, mine))

    def protection(self, ref: str) -> Protection:
        """What GitHub itself says of the ref."""
        if self.classic:
            now = self._classic(ref) or {}
            enabled = bool((now.get("lock_branch") or {}).get("enabled"))
            return Protection(enabled, how="branch protection, read-only" if enabled else "no lock_branch")
        for one in self._rulesets():
            if not one["name"].startswith(PREFIX) or one.get("enforcement") != "active":
                continue
            whole = self.api.ask("GET", f"{self._base()}/rulesets/{int(one['id'])}")
            names = (whole.get("conditions") or {}).get("ref_name") or {}
            kinds = {rule.get("type") for rule in whole.get("rules", [])}
            if ref in names.get("include", []) and not names.get("exclude") and "update" in kinds:
                return Protection(True, one["name"].removeprefix(PREFIX).rpartition(" ")[0], f"ruleset {one['id']}")
        return Protection(False, how="no ruleset of a release is active")

    def unlock(self, refs: Sequence[str], run: str, before: str) -> bool:
        """Delete this run's rulesets, or put the branch's protection back as it was."""
        if self.classic:
            return self._restore(refs, json.loads(before))
        mine = [one for one in self._rulesets() if one["name"] in (_name(run, "branch"), _name(run, "tag"))]
        for one in mine:
            self.api.ask("DELETE", f"{self._base()}/rulesets/{int(one['id'])}", missing=True)
        return bool(mine)

    def push_settings(self, refs: Sequence[str], run: str) -> Mapping[str, str]:
        """None: GitHub knows the release by its token."""
        del refs, run
        return {}

    def log(self, refs: Sequence[str], cursor: str) -> Log | None:
        """The repository's activities, newest first as GitHub gives them."""
        newest, found = 0, []
        for ref in refs:
            asked = f"{self._base()}/activity?ref={quote(ref, safe='')}&per_page=100"
            listed = self.api.ask("GET", asked, missing=True)
            for one in listed or []:
                number = int(one["id"])
                newest = max(newest, number)
                if cursor and number > int(cursor):
                    found.append((number, _change(one)))
        latest = max(newest, int(cursor or 0))
        return Log(str(latest), tuple(change for _number, change in sorted(found, key=lambda pair: pair[0])))

    def _ruleset(self, name: str, target: str, refs: Sequence[str]) -> dict[str, Any]:
        kind, _, number = self.bypass.partition(":")
        actor = {"actor_type": kind, "actor_id": int(number) if number.isdecimal() else None, "bypass_mode": "always"}
        return {
            "name": name,
            "target": target,
            "enforcement": "active",
            "bypass_actors": [actor] if self.bypass else [],
            "conditions": {"ref_name": {"include": list(refs), "exclude": []}},
            "rules": list(_RULES),
        }

    def _rulesets(self) -> list[dict[str, Any]]:
        return self.api.listed(f"{self._base()}/rulesets?includes_parents=false")

    def _classic(self, ref: str) -> dict[str, Any] | None:
        found = self.api.ask("GET", self._protection(ref), missing=True)
        return found if isinstance(found, dict) else None

    def _restore(self, refs: Sequence[str], before: Mapping[str, Any]) -> bool:
        changed = False
        for ref in refs:
            if not ref.startswith(_HEADS):
                continue
            now, was = self._classic(ref), before.get(ref)
            if was is None and now is not None:
                self.api.ask("DELETE", self._protection(ref), missing=True)
                changed = True
            elif was is not None and (now is None or as_request(now) != as_request(was)):
                self.api.ask("PUT", self._protection(ref), as_request(was))
                changed = True
        return changed

    def _protection(self, ref: str) -> str:
        return f"{self._base()}/branches/{quote(short(ref), safe='')}/protection"

    def _base(self) -> str:
        return f"/repos/{self.repository}"


def as_request(protection: Mapping[str, Any] | None) -> dict[str, Any]:
    """A branch's protection in the form in which it is written, from the form in which it is read.

    Reading gives objects with addresses and whole users; writing takes names and plain values, and four fields always.
    """
    now = protection or {}

    def names(of: Mapping[str, Any] | None) -> dict[str, list[str]] | None:
        if of is None:
            return None
        keys = (("users", "login"), ("teams", "slug"), ("apps", "slug"))
        return {kind: sorted(one[key] for one in of.get(kind, [])) for kind, key in keys}

    request: dict[str, Any] = {
        "required_status_checks": None,
        "enforce_admins": bool((now.get("enforce_admins") or {}).get("enabled")),
        "required_pull_request_reviews": None,
        "restrictions": names(now.get("restrictions")),
    }
    if (checks := now.get("required_status_checks")) is not None:
        wanted = [
            {"context": one["context"], **({"app_id": one["app_id"]} if one.get("app_id") is not None else {})}
            for one in checks.get("checks", [])
        ]
        request["required_status_checks"] = {"strict": bool(checks.get("strict")), "checks": wanted}
    if (reviews := now.get("required_pull_request_reviews")) is not None:
        request["required_pull_request_reviews"] = {
            "dismiss_stale_reviews": bool(reviews.get("dismiss_stale_reviews")),
            "require_code_owner_reviews": bool(reviews.get("require_code_owner_reviews")),
            "required_approving_review_count": int(reviews.get("required_approving_review_count", 0)),
            "require_last_push_approval": bool(reviews.get("require_last_push_approval")),
        }
        for kept in ("dismissal_restrictions", "bypass_pull_request_allowances"):
            if reviews.get(kept) is not None:
                request["required_pull_request_reviews"][kept] = names(reviews[kept])
    for switch in (
        "required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations",
        "required_conversation_resolution", "lock_branch", "allow_fork_syncing",
    ):  # fmt: skip
        if now.get(switch) is not None:
            request[switch] = bool(now[switch].get("enabled"))
    return request


def repository_of(url: str) -> str:
    """``owner/name`` of an address of GitHub, by https or ssh; raises `Problem`."""
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    parts = path.strip("/").removesuffix(".git").split("/")
    if len(parts) != 2 or not all(parts):  # noqa: PLR2004 - owner and name
        raise Problem("bad-remote", f"{url} names no repository of GitHub", "https://github.com/OWNER/NAME.git")
    return "/".join(quote(part, safe="") for part in parts)


def _name(run: str, target: str) -> str:
    return f"{PREFIX}{run} {target}"


def _change(one: Mapping[str, Any]) -> RefChange:
    old, new = ("" if is_nothing(str(one[side])) else str(one[side]) for side in ("before", "after"))
    who = str((one.get("actor") or {}).get("login", ""))
    return RefChange(str(one["ref"]), old, new, datetime.fromisoformat(str(one["timestamp"])), who)
