"""The colours of a picture: golden people, blue artifacts, red risks, grey boundaries; by day and by night.

Text has a contrast of at least 4.5 : 1 on what it stands on (WCAG 2.2, 1.4.3): tested in tests/release/picture.
"""

from __future__ import annotations

from typing import Literal

Theme = Literal["auto", "light", "dark"]

LIGHT = {
    "paper": "#fbf8f1", "ink": "#1f1d1a", "soft": "#5d574e", "lane": "#edeae2", "lane-line": "#b3ada0",
    "card": "#ffffff", "card-line": "#a59e90", "edge": "#4d483f",
    "gold": "#fbdc7b", "gold-line": "#b98a00", "on-gold": "#3d2e00",
    "blue": "#d5e6fb", "blue-line": "#2c6cb5", "on-blue": "#123f73",
    "red": "#fbe3df", "red-line": "#b3261e", "on-red": "#8a1a13",
    "green": "#24603a", "teal": "#0b6678", "grey": "#6f695f", "purple": "#6b3f8f",
    "bold-red": "#b3261e", "on-bold": "#ffffff",
}  # fmt: skip
DARK = {
    "paper": "#16140f", "ink": "#ece5d8", "soft": "#b0a695", "lane": "#25221c", "lane-line": "#5a5346",
    "card": "#1b1914", "card-line": "#6e6656", "edge": "#b8ae9c",
    "gold": "#5b4708", "gold-line": "#d9ab2b", "on-gold": "#ffe9a8",
    "blue": "#17304d", "blue-line": "#6ea8e6", "on-blue": "#c4defb",
    "red": "#451b17", "red-line": "#f0857b", "on-red": "#ffc9c3",
    "green": "#8fd0a5", "teal": "#7fd0e0", "grey": "#a39a89", "purple": "#d3aef0",
    "bold-red": "#f0857b", "on-bold": "#16140f",
}  # fmt: skip
_RULES = """\
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink)}
.paper{fill:var(--paper)}
.lane{fill:var(--lane);stroke:var(--lane-line);stroke-dasharray:5 4}
.t-lane{font-size:13px;font-weight:600}
.t-soft{font-size:11px;fill:var(--soft)}
.t-head{font-size:21px;font-weight:600}
.t-step{font-size:12.5px;font-weight:600}
.t-who{font-size:11px}
.t-chip{font-size:10.5px}
.t-n{font-size:11px;font-weight:700;text-anchor:middle}
.t-edge{font-size:10.5px;fill:var(--on-blue);text-anchor:middle;paint-order:stroke;stroke:var(--lane);stroke-width:4px;stroke-linejoin:round}
.t-mid{text-anchor:middle}
.t-b{font-weight:600}
.card{fill:var(--card);stroke:var(--card-line)}
.ghost .card{stroke-dasharray:4 3}
.bad .card{stroke:var(--bold-red);stroke-width:2.5}
.edge{fill:none;stroke:var(--edge);stroke-width:1.6}
.within{stroke-width:1.2;stroke:var(--grey)}
.compare{stroke-dasharray:2 3;stroke:var(--blue-line)}
.head{fill:var(--edge)}
.dot{fill:var(--edge)}
.ring{fill:var(--paper);stroke:var(--edge);stroke-width:2}
.seal{fill:var(--blue);stroke:var(--blue-line)}
.gold{fill:var(--gold);stroke:var(--gold-line)}
.t-gold{fill:var(--on-gold)}
.person{fill:var(--gold-line)}
.absent{fill:none;stroke:var(--gold-line)}
.gear{fill:none;stroke:var(--soft);stroke-width:1.5}
.blue{fill:var(--blue);stroke:var(--blue-line)}
.t-blue{fill:var(--on-blue)}
.red{fill:var(--red);stroke:var(--red-line)}
.t-red{fill:var(--on-red)}
.open{fill:var(--bold-red);stroke:var(--bold-red)}
.t-open{fill:var(--on-bold)}
.n{fill:var(--card);stroke:var(--ink);stroke-width:1.5}
.done .n{fill:var(--green);stroke:var(--green)}
.done .t-n,.running .t-n,.failed .t-n,.stopped .t-n,.undone .t-n{fill:var(--on-bold)}
.running .n{fill:var(--teal);stroke:var(--teal)}
.running .card{stroke:var(--teal);stroke-width:2.5}
.asked .n{fill:var(--gold);stroke:var(--gold-line)}
.asked .t-n{fill:var(--on-gold)}
.asked .card{stroke:var(--gold-line);stroke-width:2.5}
.failed .n,.stopped .n{fill:var(--bold-red);stroke:var(--bold-red)}
.failed .card,.stopped .card{stroke:var(--bold-red);stroke-width:2.5}
.undone .n{fill:var(--purple);stroke:var(--purple)}
.skipped .n,.skipped .card{stroke-dasharray:3 3}
.s-done{fill:var(--green)}
.s-running,.s-ready{fill:var(--teal)}
.s-failed,.s-stopped{fill:var(--bold-red)}
.s-asked{fill:var(--ink)}
.s-undone{fill:var(--purple)}
.s-waiting,.s-skipped,.s-planned{fill:var(--soft)}
.status{font-size:11px;font-weight:600}
.rule{stroke:var(--lane-line)}
"""


def style(theme: Theme) -> str:
    """The style sheet of one picture; ``auto`` follows whoever looks at it."""
    light = ":root{color-scheme:light dark;" + _set(LIGHT) + "}" if theme == "auto" else f":root{{{_set(_OF[theme])}}}"
    dark = f"@media (prefers-color-scheme:dark){{:root{{{_set(DARK)}}}}}" if theme == "auto" else ""
    return f"{light}{dark}{_RULES}"


def _set(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_OF = {"light": LIGHT, "dark": DARK}
