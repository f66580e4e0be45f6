"""A world to try policies on: an upstream with packages of all ages, an index with a view of it, and real clients."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from command_line import customhouse
from packages import Dist, wheel
from upstream_world import UpstreamWorld, upstream_world
from world import Server, running

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=2500)
YEAR = NOW - timedelta(days=300)
YOUNG = NOW - timedelta(days=2)


def requiring(name: str, version: str, *requires: str) -> Dist:
    """A wheel with requirements."""
    return wheel(name, version, headers={"Requires-Dist": "\nRequires-Dist: ".join(requires)} if requires else {})


@dataclass(frozen=True)
class SimulatedIndex:
    """An index with a view ``main`` of the upstream, and a token of somebody."""

    server: Server
    upstream: UpstreamWorld
    token: str

    def simulate(self, *arguments: str, folder: Path) -> tuple[int, str, str]:
        """``customhouse policy simulate --view main …``: exit code, standard output, standard error."""
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("CUSTOMHOUSE_")},
            "CUSTOMHOUSE_TOKEN": self.token, "CUSTOMHOUSE_INDEX": self.server.url, "HOME": str(folder),
        }  # fmt: skip
        done = customhouse("policy", "simulate", "--view", "main", *arguments, environment=environment, folder=folder)
        return done.returncode, done.stdout, done.stderr

    def report(self, *arguments: str, folder: Path) -> tuple[int, dict[str, Any]]:
        """The same as JSON."""
        code, out, err = self.simulate(*arguments, "--json", folder=folder)
        assert out, err
        return code, json.loads(out)


@contextmanager
def simulated_index(
    data: Path, dists: Sequence[tuple[Dist, datetime]], environment: Mapping[str, str] | None = None
) -> Iterator[SimulatedIndex]:
    """An index and its upstream, both running."""
    with upstream_world() as upstream:
        for dist, at in dists:
            upstream.add(dist, uploaded_at=at)
        settings = {f"CUSTOMHOUSE_{key.upper()}": json.dumps(value) for key, value in upstream.settings().items()}
        with running(data, environment={**settings, **(environment or {})}) as server:
            server.command("view", "add", "main", "--upstream", "pypi", "--policy", "open")
            yield SimulatedIndex(server, upstream, server.new_token())
