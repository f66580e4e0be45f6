"""Make the pictures of the documents again: of the demo, of a release, of the journeys that the tests walk, of a town.

With ``trust`` as the argument only those of the town with a history are made; with ``release-run`` those of the
release, and the sample in `docs/verify-a-release.md`; with part of a journey's name, like ``admin_views``, those of
that journey alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "web")]

import httpx2 as httpx
from browser import chromium
from demo import Released, builders, demo

import trust_town
from customhouse.app import open_app, prepare
from customhouse.infra.settings import Settings
from demonstration import PATIENCE_SECONDS, Demonstration, demonstration, settings_for_builders
from world import Server

FIGURES = ROOT / "docs" / "figures"
GUIDE = ROOT / "docs" / "verify-a-release.md"
SHOTS = {
    "project-light.png": ("/project/rich/", 1100, 900, "light"),
    "project-dark.png": ("/project/rich/", 1100, 900, "dark"),
    "phone.png": ("/project/rich/", 390, 844, "light"),
}


RUN_SHOTS: dict[str, tuple[str, int, int, str]] = {
    "release-run.png": ("", 1200, 1500, "light"),
    "release-run-dark.png": ("", 1200, 1500, "dark"),
    "release-run-phone.png": ("", 390, 1400, "light"),
}
TRUST_SHOTS = {
    "trust.png": ("/trust/?range=all", 1100, 1160, "light"),
    "trust-dark.png": ("/trust/?range=all", 1100, 1160, "dark"),
    "trust-phone.png": ("/trust/?range=1y", 390, 1080, "light"),
}


def photograph(_server: subprocess.Popen[bytes], url: str, _released: Released) -> None:
    """One picture of each sight of the demo."""
    take(url, SHOTS)


def show_a_release() -> None:
    """The page of a release that is out, and what a stranger sees who verifies it."""
    with tempfile.TemporaryDirectory(prefix="customhouse-shots-") as name, builders() as builds:
        folder = Path(name)
        server = Server(folder / "data", environment=settings_for_builders(builds), named=True)
        server.start()
        try:
            with demonstration(server, folder / "release", builds) as shown:
                shown.release()
                wait_for_bundle(shown)
                page = shown.page.removeprefix(server.url)
                take(server.url, {file: (page + shot[0], *shot[1:]) for file, shot in RUN_SHOTS.items()})
                write_sample(stranger_sees(shown, folder / "stranger"))
        finally:
            server.stop()


def wait_for_bundle(shown: Demonstration) -> None:
    """The server makes it once the release is out."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while httpx.get(f"{shown.page}bundle").status_code != httpx.codes.OK:
        if time.monotonic() > deadline:
            raise SystemExit(f"the server has made no bundle in {PATIENCE_SECONDS:.0f} s")
        time.sleep(1)


VERIFY = (
    "release verify sealed-{version}.release.tar", "--trust-root trusted_root.json --pipeline release.toml",
    "--artifact sealed-{version}.tar.gz --repo sealed",
)  # fmt: skip


def stranger_sees(shown: Demonstration, folder: Path) -> str:
    """What he types, and the whole answer."""
    folder.mkdir()
    url = shown.host.url
    customhouse(folder, "release", "bundle", shown.page, "--allow-http")
    (folder / "trusted_root.json").write_bytes(get(f"{url}/sigstore/trusted_root.json").content)
    (folder / "release.toml").write_text(shown.pipeline())
    sdist = f"sealed-{shown.version}.tar.gz"
    files = get(f"{url}/simple/sealed/", accept="application/vnd.pypi.simple.v1+json").json()["files"]
    address = next(one["url"] for one in files if one["filename"] == sdist)
    (folder / sdist).write_bytes(get(urljoin(f"{url}/simple/sealed/", address)).content)
    subprocess.run(["git", "clone", "-q", str(shown.upstream), "sealed"], cwd=folder, check=True)
    parts = [part.format(version=shown.version) for part in VERIFY]
    said = customhouse(folder, *" ".join(parts).split())
    typed = " \\\n    ".join(parts)
    return f"$ customhouse {typed}\n{said}"


def get(url: str, accept: str = "*/*") -> httpx.Response:
    """What stands there."""
    return httpx.get(url, headers={"accept": accept}, timeout=60).raise_for_status()


def customhouse(folder: Path, *arguments: str) -> str:
    """What the command says; it has to end with 0."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CUSTOMHOUSE_")}
    done = subprocess.run(
        [sys.executable, "-m", "customhouse", *arguments], cwd=folder, env=kept, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"customhouse {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def write_sample(sample: str) -> None:
    """The first example of the document is what was said just now."""
    text = GUIDE.read_text()
    before, begin, rest = text.partition("```console\n")
    GUIDE.write_text(f"{before}{begin}{sample}```{rest.partition('```')[2]}")
    print(GUIDE.relative_to(ROOT))


def take(url: str, shots: dict[str, tuple[str, int, int, str]]) -> None:
    """One picture of each sight."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, (address, width, height, scheme) in shots.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            page.goto(url + address)
            page.screenshot(path=FIGURES / name)
            context.close()
            print(f"docs/figures/{name}")


def walk_the_journeys(part: str = "") -> None:
    """The tests take pictures on the way; of all journeys, or of those whose name has this part."""
    journeys = sorted((ROOT / "tests").glob(f"*/test_journey*{part}*.py"))
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "not postgresql", *map(str, journeys)],
        check=True, cwd=ROOT, env=os.environ | {"CUSTOMHOUSE_PICTURES": str(FIGURES)},
    )  # fmt: skip


def keep_what_is_shown() -> None:
    """The journeys take more pictures than the documents show."""
    texts = "".join(path.read_text() for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    for picture in [*FIGURES.glob("*.png"), *FIGURES.glob("*.svg")]:
        if picture.name not in texts and not picture.name.startswith("pipeline-"):  # of `draw_pipelines.py`
            picture.unlink()


def visit_the_town() -> None:
    """The dashboard of an index that has grown for more than a year."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"data": Path(folder) / "data"})
        prepare(settings)
        with open_app(settings) as app:
            trust_town.found(app)
        server = Server(settings.data)
        try:
            server.start()
            take(server.url, TRUST_SHOTS)
        finally:
            server.stop()


if __name__ == "__main__":
    part = "".join(sys.argv[1:])
    if part not in ("trust", "release-run"):
        walk_the_journeys(part)
    if not part:
        with builders() as service:
            demo(photograph, service)
    if part in ("", "release-run"):
        show_a_release()
    if part in ("", "trust"):
        visit_the_town()
    keep_what_is_shown()
