"""Debian's Chromium, driven by Playwright, that speaks to loopback and to nobody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
    "--no-first-run", "--disable-domain-reliability", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A started browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "chromium is not installed; scripts/bootstrap test installs it"
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


SIGHTS: Mapping[str, tuple[int, int, Literal["light", "dark"]]] = {
    "light": (1200, 900, "light"), "dark on a phone": (360, 740, "dark"),
}  # fmt: skip
DESK, PHONE = {"width": 1100, "height": 800}, {"width": 360, "height": 740}
COLOURS, SCROLLS = ("color-contrast", "link-in-text-block"), ("scrollable-region-focusable",)
_SHADES = """
() => {
  const found = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const spoken = [...node.childNodes].some(one => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!spoken && !['INPUT', 'SELECT', 'TEXTAREA'].includes(node.tagName)) continue;
    const own = getComputedStyle(node), shade = [node.tagName, own.color, own.fontSize, own.fontWeight,
      own.textDecorationLine, own.textShadow, getComputedStyle(node.parentElement).color];
    for (let around = node; around; around = around.parentElement) {
      const style = getComputedStyle(around);
      const what = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.position].join(' ');
      if (what !== 'rgba(0, 0, 0, 0) none 1 none static') shade.push(what);
    }
    found.add(shade.join('|'));
  }
  return [...found];
}
"""
"""How texts and fields are painted, each way once: their own colours, and those of all that is around them."""
_right_in_the_dark: set[str] = set()
"""Ways to paint in which axe has found no fault yet, on any page of this process."""
_WIDE = "document.documentElement.scrollWidth > window.innerWidth"


def faults(page: Page) -> list[str]:
    """What is wrong with the open page, for people and programs that read it; leaves it in the light on a desk.

    Axe looks at all of it once, in the light on a desk. The dark changes only colours, and a phone only what is too
    wide and what scrolls; more is not looked at again, because each look takes a second. So it is with a page that has
    only such colours in the dark as were found right on pages before it.
    """
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK)  # type: ignore[arg-type] # two numbers
    page.evaluate(AXE_SCRIPT)
    found = [f"on a desk it {fault}" for fault in _axe(page)]
    page.emulate_media(color_scheme="dark")
    if new := set(page.evaluate(_SHADES)) - _right_in_the_dark:
        dark = [f"in the dark it {fault}" for fault in _axe(page, COLOURS)]
        found += dark
        if not dark:
            _right_in_the_dark.update(new)
    page.emulate_media(color_scheme="light")
    if page.evaluate(_WIDE):
        found.append("on a desk it is too wide")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type] # two numbers
    if page.evaluate(_WIDE):
        found.append("on a phone it is too wide")
    found += [f"on a phone it {fault}" for fault in _axe(page, SCROLLS)]
    page.set_viewport_size(DESK)  # type: ignore[arg-type] # two numbers
    return found


def _axe(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """What axe says is violated: of these rules, or of all."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    violations = page.evaluate("options => axe.run(options).then(results => results.violations)", options)
    return [
        f"violates {one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes']]}" for one in violations
    ]
