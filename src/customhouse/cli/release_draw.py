"""``customhouse release draw``: a pipeline, or a run of it, as an SVG picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.release_lint import PIPELINE, read_file
from customhouse.terms.clock import SystemClock

What = Annotated[str, Parameter(help="A pipeline's file (default release.toml), or a run's name.")]
Out = Annotated[Path | None, Parameter(name=["--output", "-o"], help="Where to write it (default: standard output).")]
Theme = Annotated[Literal["auto", "light", "dark"], Parameter(help="auto follows whoever looks at it.")]
Tall = Annotated[bool, Parameter(name="--tall", negative="", help="One column, for phones.")]
Runs = Annotated[Path | None, Parameter(name="--runs", help="Where runs lie (default ./.customhouse/release).")]


def draw(
    what: What = "", /, *, output: Out = None, theme: Theme = "auto", tall: Tall = False, runs: Runs = None
) -> None:
    """Draw a pipeline: golden people, blue artifacts, red risks, grey boundaries. Of a run also how far it is."""
    from customhouse.release.picture.draw import draw as picture_of  # noqa: PLC0415 - only this command draws

    shape: Literal["wide", "tall"] = "tall" if tall else "wide"
    file = Path(what) if what else PIPELINE
    if what and not file.is_file() and file.suffix != ".toml":
        from customhouse.release.engine.folder import RUNS, find_run  # noqa: PLC0415 - only runs need the engine

        state = find_run((runs or RUNS).resolve(), what).state()
        svg = picture_of(state.pipeline, state, now=SystemClock().now(), theme=theme, shape=shape)
    else:
        svg = picture_of(read_file(file), theme=theme, shape=shape)
    if output is None:
        sys.stdout.write(svg)
        return
    output.write_text(svg, encoding="utf-8")
    print(f"{output}: {len(svg):,} bytes")
