"""Make the pictures of the documents again: from the demo's index, and from the journeys that the tests walk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "web")]

from browser import chromium
from demo import demo

FIGURES = ROOT / "docs" / "figures"
SHOTS = {
    "home.png": ("/", 1100, 760, "light"),
    "project-light.png": ("/project/rich/", 1100, 900, "light"),
    "project-dark.png": ("/project/rich/", 1100, 900, "dark"),
    "phone.png": ("/project/rich/", 390, 844, "light"),
}


def photograph(_server: subprocess.Popen[bytes], url: str) -> None:
    """One picture of each sight."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, (address, width, height, scheme) in SHOTS.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
            )
            page = context.new_page()
            page.goto(url + address)
            page.screenshot(path=FIGURES / name)
            context.close()
            print(f"docs/figures/{name}")


def walk_the_journeys() -> None:
    """The tests take pictures on the way."""
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(ROOT / "tests" / "web" / "test_journeys.py")],
        check=True, cwd=ROOT, env=os.environ | {"CUSTOMHOUSE_PICTURES": str(FIGURES)},
    )  # fmt: skip


if __name__ == "__main__":
    walk_the_journeys()
    demo(photograph)
