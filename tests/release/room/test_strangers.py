"""One server, two builders, three approvers: each another user of the machine, with a home, keys and an identity.

The identities of the builders come from a real OpenID Connect issuer. Nobody can read a file of another, which each of
them tries.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import permutations
from pathlib import Path

import httpx2 as httpx
import pytest

from customhouse.accounts.links import SetPassword, set_password
from customhouse.accounts.users import find_user
from customhouse.catalog.tables import project_role
from customhouse.index.new_project import CreateProject, new_project
from customhouse.infra.db import insert_new
from customhouse.release.codec import read_line
from customhouse.release.events import Approved
from customhouse.release.room.proof import check_proof
from customhouse.release.rules import replay
from customhouse.release.sealing import verify_lines
from issuer import Issuer, running_issuer
from meeting import PIPELINE
from person import PASSWORD, hashed_password
from servers import MORTAL
from world import Server

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users"),
]
TESTS = Path(__file__).parents[2]
FIRST_UID = 61_200
PEOPLE, BUILDERS = ("rosa", "wim", "mia"), ("ci-a", "ci-b")
PYTHON = "/usr/bin/python3.11"
"""Debian's own: the one that runs these tests may lie in a home of root's."""
SECONDS = 300


class User:
    """Somebody of the machine."""

    def __init__(self, name: str, uid: int, homes: Path) -> None:
        self.name = name
        self.uid = uid
        self.home = homes / name
        self.home.mkdir(mode=0o700)
        os.chown(self.home, uid, uid)

    def keep(self, name: str, text: str) -> None:
        """A secret of his, handed to him."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text)
        os.chown(path, self.uid, self.uid)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A program of his."""
        command = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", *arguments]
        environment = {
            "HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join([str(TESTS), *_packages()]),
        }  # fmt: skip
        return subprocess.Popen(
            [*MORTAL, *command], env=environment, cwd=self.home, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def reads(self, path: Path) -> bool:
        """Whether he can."""
        process = self.start("/bin/cat", str(path))
        process.communicate()
        return process.returncode == 0


def _packages() -> list[str]:
    import customhouse  # noqa: PLC0415 - where it lies is all that is wanted

    return [str(Path(customhouse.__file__).parents[1]), str(Path(httpx.__file__).parents[1])]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer("http://localhost/unused") as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, issuer: Issuer) -> Iterator[Server]:
    made = Server(tmp_path / "data")
    forge = {"name": "forge", "title": "Forge", "issuer": issuer.url, "kind": "github"}
    made.url = f"http://localhost:{made.port}"
    made._environment |= {
        "CUSTOMHOUSE_URL": made.url,
        "CUSTOMHOUSE_OIDC_AUDIENCE": "index.test",
        "CUSTOMHOUSE_OIDC_ISSUERS": json.dumps([forge]),
        "CUSTOMHOUSE_PRIVATE_NETWORKS_ALLOWED": json.dumps(["127.0.0.0/8", "::1/128"]),
    }
    made.start()
    yield made
    made.stop()


@pytest.fixture
def homes() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="homes-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def settle(server: Server) -> str:
    """People with passwords, and a project of theirs; returns a token of rosa's."""
    token = server.new_token("rosa")
    for name in PEOPLE[1:]:
        server.new_token(name)
    with server.opened() as app:
        with app.database.read() as sql:
            users = [find_user(sql, name) for name in PEOPLE]
        for user in users:
            app.do(partial(set_password, app.key), SetPassword(hashed_password(), user=user))
        new_project(app.deeds, CreateProject("demo", users[0].actor))
        with app.database.write() as sql:
            project = sql.exec_driver_sql("SELECT id FROM project WHERE normalized = 'demo'").scalar_one()
            for user in users[1:]:
                insert_new(sql, project_role, project_id=project, account_id=user.id, role="maintainer")
    return token


def test_two_builders_and_three_approvers_as_users_of_their_own(server: Server, issuer: Issuer, homes: Path) -> None:
    token = settle(server)
    rosa = {"authorization": f"Bearer {token}"}
    text = PIPELINE.format(issuer=issuer.url, factor="webauthn", quorum=3, number=1)
    rebuilt = 'out = ["dists"]\nrebuild = { by = ["ci-b"], env = "ci-b", agree = 2 }\nchecks = ["rebuilds-agree"]'
    document = {"pipeline": text.replace('out = ["dists"]', rebuilt, 1), "params": {"version": "1.0"}}
    opened = httpx.post(f"{server.url}/api/release/runs", json=document, headers=rosa)
    assert opened.status_code == 201, opened.text
    run = opened.json()["run"]
    users = {name: User(name, FIRST_UID + n, homes) for n, name in enumerate((*PEOPLE, *BUILDERS))}
    audience = httpx.get(f"{server.url}/_/oidc/audience").json()["audience"]
    for name in PEOPLE:
        users[name].keep("password", PASSWORD)
    for name in BUILDERS:
        claims = {"sub": name.replace("ci-", "builder-")}
        users[name].keep("identity", issuer.build_token(claims, audience))
    page = f"{server.url}/release/run/{run}/"
    started = {
        name: users[name].start(
            PYTHON, str(TESTS / "acting.py"), page, name, str(users[name].home / "room"),
            str(users[name].home / "identity"),
        )
        for name in BUILDERS
    } | {
        name: users[name].start(PYTHON, str(TESTS / "deciding.py"), server.url, run, name, str(users[name].home))
        for name in PEOPLE
    }  # fmt: skip
    told = {name: process.communicate(timeout=SECONDS)[0] for name, process in started.items()}
    assert {name: process.returncode for name, process in started.items()} == dict.fromkeys(started, 0), told
    lines = [
        read_line(line)
        for line in httpx.get(f"{server.url}/api/release/runs/{run}/lines", headers=rosa).text.splitlines()
    ]
    chain = verify_lines(lines)
    assert replay(lines).status == "released"
    assert sorted(chain.keys.values()) == ["ci-a", "ci-b"]
    decisions = [check_proof(line.event.proof) for line in lines if isinstance(line.event, Approved)]
    assert {one.account for one in decisions} == set(PEOPLE)
    kept = {name: user.home / ("key.pem" if name in PEOPLE else "room/machine.key") for name, user in users.items()}
    assert all(path.exists() for path in kept.values())
    for one, other in permutations(users, 2):
        assert not users[one].reads(kept[other]), f"{one} reads {kept[other]}"
    assert all(users[name].reads(kept[name]) for name in users)
    assert not any(user.reads(server.data / "server.key") for user in users.values())
