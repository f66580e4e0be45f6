"""An unmodified bandersnatch mirrors a running index completely, and converges after each change (P14)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx2 as httpx
import pytest
from venvs import clean_environment, client, run

from packages import Dist, sdist, wheel
from world import Server, upload

pytestmark = pytest.mark.slow
JSON = {"accept": "application/vnd.pypi.simple.v1+json"}

Files = set[tuple[str, str]]


class Mirror:
    """A mirror of one index in a folder."""

    def __init__(self, index_url: str, folder: Path) -> None:
        self.folder = folder
        self._home = folder.parent / "home"
        self._settings = folder.parent / "bandersnatch.conf"
        self._settings.write_text(
            f"[mirror]\ndirectory = {folder}\nmaster = {index_url}\nallow-non-https = true\njson = true\nworkers = 3\n"
        )

    def follow(self) -> str:
        """One run; what it said."""
        program = str(client("bandersnatch") / "bin" / "bandersnatch")
        done = run(
            [program, "-c", str(self._settings), "mirror"],
            cwd=self.folder.parent,
            environment=clean_environment(self._home),
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-3000:]
        assert "Error" not in said, said[-3000:]
        return said

    @property
    def serial(self) -> int:
        """How far it has come."""
        return int((self.folder / "status").read_text())

    def listed(self) -> Files:
        """Name and digest of each file on its pages, whose bytes it must have."""
        found: Files = set()
        for page in (self.folder / "web" / "simple").glob("*/index.v1_json"):
            for file in json.loads(page.read_text())["files"]:
                path = self.folder / "web" / file["url"].removeprefix("../../")
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                assert digest == file["hashes"]["sha256"], path
                found.add((file["filename"], digest))
        return found

    def yanked(self) -> set[str]:
        """The files that its pages call yanked."""
        pages = [json.loads(page.read_text()) for page in (self.folder / "web" / "simple").glob("*/index.v1_json")]
        return {file["filename"] for page in pages for file in page["files"] if file["yanked"]}


def index_files(server: Server) -> Files:
    """Name and digest of each file that the index lists."""
    with httpx.Client(base_url=server.url, headers=JSON) as http:
        names = [project["name"] for project in http.get("/simple/").json()["projects"]]
        pages = [http.get(f"/simple/{name}/", follow_redirects=True).json() for name in names]
    return {(file["filename"], file["hashes"]["sha256"]) for page in pages for file in page["files"]}


def publish(server: Server, token: str, *dists: tuple[Dist, str, str]) -> None:
    """Upload some files."""
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for dist, name, version in dists:
            answer = upload(http, token, dist, name=name, version=version)
            assert answer.status == httpx.codes.OK, answer.text


@pytest.mark.parametrize("database", ["running_index", pytest.param("postgres_index", marks=pytest.mark.prove)])
def test_p14_bandersnatch_mirrors_everything_and_converges(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> None:
    server: Server = request.getfixturevalue(database)
    token = server.new_token("mirrored")
    publish(
        server, token,
        (wheel("mirrored", "1.0"), "mirrored", "1.0"),
        (sdist("mirrored", "1.0"), "mirrored", "1.0"),
        (wheel("Mirrored.Second", "1!2.0rc1"), "Mirrored.Second", "1!2.0rc1"),
    )  # fmt: skip
    mirror = Mirror(server.url, tmp_path / "mirror")
    mirror.follow()
    assert mirror.listed() == index_files(server)
    assert len(mirror.listed()) >= 3
    first = mirror.serial

    publish(
        server, token,
        (wheel("mirrored", "2.0", tag="cp311-cp311-any"), "mirrored", "2.0"),
        (wheel("mirrored-third", "0.1"), "mirrored-third", "0.1"),
    )  # fmt: skip
    said = mirror.follow()
    assert "Syncing based on changelog." in said
    assert "2 packages to sync." in said
    assert mirror.listed() == index_files(server)
    assert mirror.serial > first

    assert "0 packages to sync." in mirror.follow()
    assert (tmp_path / "mirror" / "web" / "packages" / "mirrored" / "mirrored-1.0.tar.gz").exists()
    everything = mirror.listed()

    for command in (
        ("yank", "mirrored", "1.0", "--reason", "A worse bug than the next"),
        ("delete", "mirrored", "--file", "mirrored-1.0.tar.gz", "--typed", "mirrored-1.0.tar.gz"),
        ("delete", "mirrored", "2.0", "--typed", "mirrored 2.0"),
        ("quarantine", "mirrored-second", "--reason", "It is being looked at"),
    ):
        server.command("project", *command)
    mirror.follow()
    assert mirror.listed() == index_files(server) < everything
    assert mirror.yanked() >= {"mirrored-1.0-py3-none-any.whl"}
    gone = {name for name, _ in everything - mirror.listed()}
    assert {
        "mirrored-1.0.tar.gz",
        "mirrored-2.0-cp311-cp311-any.whl",
        "mirrored_second-1!2.0rc1-py3-none-any.whl",
    } == gone

    server.command("project", "restore", "mirrored", "2.0")
    server.command("project", "lift", "mirrored-second", "--reason", "It was harmless")
    server.command("project", "yank", "mirrored", "1.0", "--undo")
    mirror.follow()
    assert mirror.listed() == index_files(server)
    assert {name for name, _ in everything - mirror.listed()} == {"mirrored-1.0.tar.gz"}
    assert "mirrored-1.0-py3-none-any.whl" not in mirror.yanked()
