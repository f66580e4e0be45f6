"""Make the pictures of the documents again: of the demo, of the journeys that the tests walk, of a town with a history.

With ``trust`` as the argument only the last ones are made; with part of a journey's name, like ``admin_views``, those
of that journey alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(ROOT / "tests" / "web")]

from browser import chromium
from demo import Released, builders, demo

import trust_town
from customhouse.app import open_app, prepare
from customhouse.infra.settings import Settings
from world import Server

FIGURES = ROOT / "docs" / "figures"
SHOTS = {
    "project-light.png": ("/project/rich/", 1100, 900, "light"),
    "project-dark.png": ("/project/rich/", 1100, 900, "dark"),
    "phone.png": ("/project/rich/", 390, 844, "light"),
}


RUN_SHOTS = {
    "release-run.png": ("", 1200, 1500, "light"),
    "release-run-dark.png": ("", 1200, 1500, "dark"),
    "release-run-phone.png": ("", 390, 1400, "light"),
}
TRUST_SHOTS = {
    "trust.png": ("/trust/?range=all", 1100, 1160, "light"),
    "trust-dark.png": ("/trust/?range=all", 1100, 1160, "dark"),
    "trust-phone.png": ("/trust/?range=1y", 390, 1080, "light"),
}


def photograph(_server: subprocess.Popen[bytes], url: str, released: Released) -> None:
    """One picture of each sight of the demo."""
    run = released.page.removeprefix(url)
    take(url, SHOTS | {name: (run + part, *rest) for name, (part, *rest) in RUN_SHOTS.items()})


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
        if picture.name not in texts:
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
    if part != "trust":
        walk_the_journeys(part)
    if not part:
        with builders() as service:
            demo(photograph, service)
    if part in ("", "trust"):
        visit_the_town()
    keep_what_is_shown()
