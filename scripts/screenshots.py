"""Make the README's pictures again: start the demo's index and photograph it."""

from __future__ import annotations

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


if __name__ == "__main__":
    demo(photograph)
