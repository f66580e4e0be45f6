"""Draw the pipelines that the documents show, as ``docs/figures/pipeline-NAME.svg``. The same each time."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
DRAWN = ("compiled-library", "cpython")


def figures() -> dict[Path, str]:
    """What the files hold when they are up to date."""
    sys.path[:0] = [str(ROOT / "tests")]
    from customhouse.formats.pipeline.read import read_pipeline  # noqa: PLC0415 - only where it is drawn
    from customhouse.release.picture.draw import draw  # noqa: PLC0415 - as above
    from customhouse.release.template_texts import template_text  # noqa: PLC0415 - as above
    from picture_states import NOW, at_the_gate, template  # noqa: PLC0415 - as above

    found = {FIGURES / f"pipeline-{name}.svg": draw(read_pipeline(template_text(name), where=name)) for name in DRAWN}
    found[FIGURES / "pipeline-tall.svg"] = draw(template("python-library"), shape="tall")
    running = template()
    found[FIGURES / "pipeline-run.svg"] = draw(running, at_the_gate(running), now=NOW)
    return found


if __name__ == "__main__":
    for path, svg in figures().items():
        path.write_text(svg, encoding="utf-8")
        print(path.relative_to(ROOT))
