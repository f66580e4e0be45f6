"""Pictures of what a command prints, for the documents: SVG without fonts or scripts of others."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

# Rich's own picture has its font fetched from elsewhere.
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
PAPER = TerminalTheme(
    (250, 250, 247), (40, 40, 40),
    [(40, 40, 40), (180, 40, 40), (40, 120, 60), (150, 110, 0), (40, 80, 160), (130, 60, 140), (0, 110, 120),
     (120, 120, 120)],
)  # fmt: skip


def terminal_picture(name: str, command: str, printed: str, *, width: int = 80) -> None:
    """Keep one as ``NAME.svg`` in the folder that CUSTOMHOUSE_PICTURES names; nothing if it names none."""
    folder = os.environ.get("CUSTOMHOUSE_PICTURES")
    if not folder:
        return
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(printed.rstrip("\n")))
    from rich._export_format import CONSOLE_SVG_FORMAT  # noqa: PLC0415 - there is no public name

    svg = console.export_svg(
        title="", theme=PAPER, code_format=_FONTS.sub("", CONSOLE_SVG_FORMAT), unique_id=name.replace("-", "")
    )
    (Path(folder) / f"{name}.svg").write_text(svg)
