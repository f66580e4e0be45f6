"""An index with packages to lock, a view that waits, and ``customhouse lock`` and ``verify`` against it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx

from advising import record
from command_line import Done, customhouse
from customhouse.views.define import AddView, SetView, add_view, set_view
from packages import wheel
from world import Server, upload

POLICY = """level = "open"
[[rule]]
name = "wait"
hosted = true
packages = ["waits"]
hide-if.age = "< 7d"
[[exception]]
package = "waits"
version = "<2"
rules = ["wait"]
reason = "known for long"
owner = "olga"
expires = 2027-01-31
"""
"""``waits`` 2.0 has just come and is hidden; 1.0 and 1.5 are excepted."""
PACKAGES = (
    ("low", "1.0", ""), ("low", "1.1", ""), ("low", "2.0", ""), ("top", "1.0", "low>=1.0,<2"), ("waits", "1.0", ""),
    ("waits", "1.5", ""), ("waits", "2.0", ""), ("bar", "1.0", ""), ("bar", "2.0", ""), ("bar", "3.0", ""),
    ("foo", "1.0", "bar>=1"), ("strict-foo", "1.0", "bar<3"),
)  # fmt: skip
ADVISORY: dict[str, Any] = {"name": "low", "fixed": "1.1", "aliases": ["CVE-2026-7"]}


@dataclass
class Bench:
    """The index, and a folder in which somebody works."""

    server: Server
    folder: Path
    token: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def simple(self) -> str:
        return f"{self.server.url}/simple/"

    def at(self, folder: Path) -> Bench:
        """The same index, with another folder; advisories lie beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        made = Bench(self.server, folder, self.token)
        made.knows(ADVISORY)
        made.environment = {
            "CUSTOMHOUSE_SNAPSHOT": str(folder / ".s.sqlite"), "CUSTOMHOUSE_ADVISORIES": str(folder / ".osv"),
            "HOME": str(folder / ".home"), "XDG_CONFIG_HOME": "", "UV_CACHE_DIR": str(folder / ".uv-cache"),
        }  # fmt: skip
        return made

    def knows(self, *advisories: dict[str, Any], malware: str = "") -> None:
        """What advisories there are."""
        place = self.folder / ".osv"
        place.mkdir(exist_ok=True)
        for number, one in enumerate(advisories):
            told = dict(one)
            made = record(told.pop("id", f"PYSEC-2026-{number + 1}"), told.pop("name"), **told)
            (place / f"{number}.json").write_text(json.dumps(made.document, default=str))
        if malware:
            made = record("MAL-2026-1", malware, fixed="99")
            (place / "malware.json").write_text(json.dumps(made.document, default=str))
        (self.folder / ".s.sqlite").unlink(missing_ok=True)

    def run(self, *words: str, stdin: str = "", **more: str) -> Done:
        """A command of ours in that folder."""
        return customhouse(*words, folder=self.folder, environment={**self.environment, **more}, stdin=stdin)

    def lock(self, *words: str, **more: str) -> Done:
        return self.run("lock", *words, **more)

    def asks_for(self, *requirements: str, name: str = "requirements.in") -> None:
        (self.folder / name).write_text("".join(f"{one}\n" for one in requirements))

    def locked(self, name: str = "pylock.toml") -> str:
        return (self.folder / name).read_text()

    def release(self, name: str, version: str, requires: str = "", body: str = "") -> None:
        headers = {"Requires-Dist": requires} if requires else {}
        if body:
            headers["Summary"] = body
        with httpx.Client(base_url=self.server.url, timeout=30) as http:
            answer = upload(http, self.token, wheel(name, version, headers=headers), name=name, version=version)
        assert answer.status == 200, answer.text

    def say(self, name: str, versions: str, requirement: str) -> None:
        """An amendment, by its owner."""
        answer = httpx.post(
            f"{self.server.url}/api/projects/{name}/amendments", timeout=30,
            json={"versions": versions, "requirement": requirement, "reason": "bar 3 has moved its API",
                  "evidence": "https://example.org/issues/7"},
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text


def stocked(server: Server, folder: Path) -> Bench:
    """The index with all packages and the view ``waiting``."""
    made = Bench(server, folder, server.new_token("locker"))
    for name, version, requires in PACKAGES:
        made.release(name, version, requires)
    with server.opened() as app:
        app.do(add_view, AddView("waiting", (), POLICY, ()))
    return made


def new_policy(server: Server, text: str) -> None:
    """Another policy for the view."""
    with server.opened() as app:
        app.do(set_view, SetView("waiting", (), policy=text))
