"""``customhouse release lint``: what is wrong with a pipeline, and what to do about it."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from customhouse.cli.exit_codes import FINDINGS, FINE
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.formats.pipeline.finding import Finding
    from customhouse.formats.pipeline.model import Pipeline

PIPELINE = Path("release.toml")
File = Annotated[Path, Parameter(help="The pipeline (default release.toml).")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Say it as JSON.")]
COLUMNS = 80
_LEVEL, _CODE = 8, 22


def lint(file: File = PIPELINE, /, *, json: Json = False) -> int:
    """Say what is wrong with a pipeline: ways in that are left open, and what would never work.

    Exit code 0: no error (perhaps warnings); 1: errors; 2: the file is no pipeline, with the line.
    """
    from customhouse.formats.pipeline.lint import lint as findings_of  # noqa: PLC0415 - only this command needs it

    pipeline = read_file(file)
    found = findings_of(pipeline)
    errors = sum(one.level == "error" for one in found)
    if json:
        print(json_text.dumps(_as_json(file, pipeline, found), indent=2, ensure_ascii=False))
        return FINDINGS if errors else FINE
    for one in found:
        print("\n".join(_lines(one)))
    print(summary(file, pipeline, found))
    return FINDINGS if errors else FINE


def read_file(path: Path) -> Pipeline:
    """The pipeline of a file; raises `Rejected` with its name and the line."""
    from customhouse.formats.pipeline.read import read_pipeline  # noqa: PLC0415 - as above

    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise Rejected("no-file", str(path), why, "a pipeline; customhouse release new writes one") from error
    except UnicodeDecodeError as error:
        raise Rejected("bad-pipeline", str(path), "it is not UTF-8", "a text in UTF-8", offset=error.start) from error
    return read_pipeline(text, where=plain(path, 200))


def summary(file: Path, pipeline: Pipeline, found: list[Finding]) -> str:
    """One line for all."""
    errors = sum(one.level == "error" for one in found)
    return (
        f"{file}: {many(len(pipeline.steps), 'step')}, {many(errors, 'error')}, {many(len(found) - errors, 'warning')}"
    )


def many(number: int, what: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(one: Finding) -> list[str]:
    indent = " " * _LEVEL
    head = f"{one.level:<{_LEVEL}}{one.code:<{_CODE}} {plain(one.place, 60)}"
    told = [
        line
        for text in (one.sentence, one.next_step)
        for line in wrap(plain(text, 600), COLUMNS, initial_indent=indent, subsequent_indent=indent)
    ]
    return [head[:COLUMNS].rstrip(), *told, ""]


def _as_json(file: Path, pipeline: Pipeline, found: list[Finding]) -> dict[str, object]:
    return {
        "file": str(file), "project": pipeline.project, "version": pipeline.version, "steps": len(pipeline.steps),
        "findings": [
            {
                "level": one.level, "code": one.code, "place": one.place, "sentence": one.sentence,
                "next_step": one.next_step, "risk": one.risk or None,
            }
            for one in found
        ],
    }  # fmt: skip
