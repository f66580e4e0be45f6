"""GitHub and GitLab on loopback, as far as their documentation says how branches and tags are protected.

``with github() as hub: GitHub(hub.api(), "o/sealed")``. What they hold can be read and changed at any time.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from customhouse.release.git.forges.api import Api
from receiver import Receiver, Reply, Request, receiver

TOKEN = "a-token-of-the-forge"  # made up
_SWITCHES = (
    "required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations",
    "required_conversation_resolution", "lock_branch", "allow_fork_syncing",
)  # fmt: skip


def answer(status: int, body: Any = None) -> Reply:
    """JSON, or nothing."""
    return Reply(status, b"" if body is None else json.dumps(body).encode(), {"content-type": "application/json"})


def page(request: Request, listed: list[Any]) -> Reply:
    """One page of a list."""
    query = parse_qs(urlsplit(request.path).query)
    size, number = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
    return answer(200, listed[(number - 1) * size : number * size])


@dataclass
class HubSimulator:
    """GitHub: rulesets, branch protection, activities of ``o/sealed``."""

    web: Receiver
    rulesets: dict[int, dict[str, Any]] = field(default_factory=dict)
    protections: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By branch, in the form in which they are read."""
    activities: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def api(self, token: str = TOKEN) -> Api:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        return Api("upstream", f"http://127.0.0.1:{self.web.port}", headers)

    def may_push(self, ref: str, *, actor_type: str = "", actor_id: int | None = None) -> bool:
        """What GitHub would say to a push: rulesets, with those who may bypass them, and protection."""
        for one in self.rulesets.values():
            names = one["conditions"]["ref_name"]["include"]
            passes = any(a["actor_type"] == actor_type and a["actor_id"] == actor_id for a in one["bypass_actors"])
            if one["enforcement"] == "active" and ref in names and not passes:
                return False
        kept = self.protections.get(ref.removeprefix("refs/heads/"), {})
        return not kept.get("lock_branch", {}).get("enabled", False)

    def moved(self, ref: str, old: str, new: str, who: str = "mallory") -> None:
        """Somebody pushes."""
        self.activities.insert(0, {
            "id": next(self.numbers), "ref": ref, "before": old, "after": new, "activity_type": "force_push",
            "timestamp": "2026-11-24T12:00:00Z", "actor": {"login": who},
        })  # fmt: skip

    def respond(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return answer(401, {"message": "Bad credentials"})
        parts = urlsplit(request.path)
        path = parts.path.removeprefix("/repos/o/sealed")
        body: Any = json.loads(request.body) if request.body else None
        if path == "/activity":
            [ref] = parse_qs(parts.query)["ref"]
            return page(request, [one for one in self.activities if one["ref"] == ref])
        if path == "/rulesets" and request.method == "GET":
            shown = ("id", "name", "target", "enforcement")
            return page(request, [{key: one[key] for key in shown} for one in self.rulesets.values()])
        if path == "/rulesets" and request.method == "POST":
            if any(one["name"] == body["name"] for one in self.rulesets.values()):
                return answer(422, {"message": "Name must be unique"})
            number = next(self.numbers)
            self.rulesets[number] = {**body, "id": number}
            return answer(201, self.rulesets[number])
        if found := re.fullmatch(r"/rulesets/(\d+)", path):
            return self._ruleset(request.method, int(found[1]))
        if found := re.fullmatch(r"/branches/([^/]+)/protection", path):
            return self._protection(request.method, unquote(found[1]), body)
        return answer(404, {"message": "Not Found"})

    def _ruleset(self, method: str, number: int) -> Reply:
        if number not in self.rulesets:
            return answer(404, {"message": "Not Found"})
        if method == "DELETE":
            del self.rulesets[number]
            return answer(204)
        return answer(200, self.rulesets[number])

    def _protection(self, method: str, branch: str, body: Any) -> Reply:
        if method == "PUT":
            needed = {"required_status_checks", "enforce_admins", "required_pull_request_reviews", "restrictions"}
            if needed - set(body):
                return answer(422, {"message": "Invalid request. Fields weren't supplied."})
            self.protections[branch] = as_read(body)
        elif branch not in self.protections:
            return answer(404, {"message": "Branch not protected"})
        elif method == "DELETE":
            del self.protections[branch]
            return answer(204)
        return answer(200, self.protections[branch])


def as_read(body: dict[str, Any]) -> dict[str, Any]:
    """How GitHub shows what was written: with addresses, and with objects where names were."""
    read: dict[str, Any] = {
        "url": "https://api.github.example/…",
        "enforce_admins": {"enabled": bool(body["enforce_admins"])},
    }
    if (checks := body["required_status_checks"]) is not None:
        listed = [{"context": one["context"], "app_id": one.get("app_id")} for one in checks["checks"]]
        contexts = [one["context"] for one in listed]
        read["required_status_checks"] = {"strict": checks["strict"], "contexts": contexts, "checks": listed}
    if (reviews := body["required_pull_request_reviews"]) is not None:
        read["required_pull_request_reviews"] = {**reviews}
        for kept in ("dismissal_restrictions", "bypass_pull_request_allowances"):
            if kept in reviews:
                read["required_pull_request_reviews"][kept] = _people(reviews[kept])
    if body["restrictions"] is not None:
        read["restrictions"] = _people(body["restrictions"])
    for switch in _SWITCHES:
        read[switch] = {"enabled": bool(body.get(switch))}
    return read


def _people(names: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "users": [{"login": one, "id": 1} for one in names.get("users", [])],
        "teams": [{"slug": one, "id": 2} for one in names.get("teams", [])],
        "apps": [{"slug": one, "id": 3} for one in names.get("apps", [])],
    }


@dataclass
class LabSimulator:
    """GitLab: protected branches and events of the project ``group/sealed``. ``premium``: levels can be changed."""

    web: Receiver
    premium: bool = True
    branches: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    unprotected: int = 0
    """How often a branch was without protection for a moment."""

    def api(self, token: str = TOKEN) -> Api:
        return Api("upstream", f"http://127.0.0.1:{self.web.port}/api/v4", {"PRIVATE-TOKEN": token})

    def protect(self, name: str, push: list[dict[str, int]], merge: list[dict[str, int]], **rest: Any) -> None:
        """As a maintainer has set it up."""
        self.branches[name] = {
            "id": next(self.numbers), "name": name, "push_access_levels": self._levels(push),
            "merge_access_levels": self._levels(merge), "unprotect_access_levels": [], "allow_force_push": False,
            "code_owner_approval_required": False, **rest,
        }  # fmt: skip

    def moved(self, kind: str, name: str, old: str | None, new: str | None) -> None:
        self.events.insert(0, {
            "id": next(self.numbers), "action_name": "pushed to", "created_at": "2026-11-24T12:00:00.000Z",
            "author_username": "mallory",
            "push_data": {"ref_type": kind, "ref": name, "commit_from": old, "commit_to": new},
        })  # fmt: skip

    def levels(self, name: str) -> list[dict[str, int]]:
        """Who may push, without what GitLab adds."""
        return [
            {key: value for key, value in one.items() if key != "id"}
            for one in self.branches[name]["push_access_levels"]
        ]

    def respond(self, request: Request) -> Reply:
        if request.headers.get("private-token") != TOKEN:
            return answer(401, {"message": "401 Unauthorized"})
        parts = urlsplit(request.path)
        path = parts.path.removeprefix("/api/v4/projects/group%2Fsealed")
        body: Any = json.loads(request.body) if request.body else None
        if path == "/events":
            return page(request, self.events)
        if path == "/protected_branches" and request.method == "GET":
            return page(request, list(self.branches.values()))
        if path == "/protected_branches" and request.method == "POST":
            if body["name"] in self.branches:
                return answer(409, {"message": f"Protected branch '{body['name']}' already exists"})
            self.protect(body["name"], body.get("allowed_to_push", [{"access_level": 40}]),
                         body.get("allowed_to_merge", [{"access_level": 40}]),
                         allow_force_push=body.get("allow_force_push", False),
                         code_owner_approval_required=body.get("code_owner_approval_required", False))  # fmt: skip
            return answer(201, self.branches[body["name"]])
        if found := re.fullmatch(r"/protected_branches/([^/]+)", path):
            return self._branch(request.method, unquote(found[1]), body)
        return answer(404, {"message": "404 Not Found"})

    def _branch(self, method: str, name: str, body: Any) -> Reply:
        if name not in self.branches:
            return answer(404, {"message": "404 Not found"})
        if method == "DELETE":
            del self.branches[name]
            self.unprotected += 1
            return answer(204)
        if method == "PATCH":
            one = self.branches[name]
            for key in ("allow_force_push", "code_owner_approval_required"):
                one[key] = body.get(key, one[key])
            for side, written in (
                ("push_access_levels", "allowed_to_push"),
                ("merge_access_levels", "allowed_to_merge"),
            ):
                if self.premium and written in body:
                    gone = {each["id"] for each in body[written] if each.get("_destroy")}
                    added = [each for each in body[written] if not each.get("_destroy")]
                    one[side] = [each for each in one[side] if each["id"] not in gone] + self._levels(added)
        return answer(200, self.branches[name])

    def _levels(self, levels: list[dict[str, int]]) -> list[dict[str, int]]:
        return [{"id": next(self.numbers), "access_level": 40, **one} for one in levels]


@contextmanager
def github() -> Iterator[HubSimulator]:
    """A running GitHub."""
    with receiver() as web:
        hub = HubSimulator(web)
        web.answer = hub.respond
        yield hub


@contextmanager
def gitlab(*, premium: bool = True) -> Iterator[LabSimulator]:
    """A running GitLab."""
    with receiver() as web:
        lab = LabSimulator(web, premium)
        web.answer = lab.respond
        yield lab
