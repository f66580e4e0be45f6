"""``customhouse release new``: write a pipeline from a template, with what this folder says about itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.release_filled import SAMPLE_KEY, filled, places_text
from customhouse.cli.release_found import NAME, Found, build_requirement, knows_towncrier, look, origin_of
from customhouse.cli.release_lint import many
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

if TYPE_CHECKING:
    from customhouse.formats.pipeline.model import Pipeline

Template = Annotated[
    Literal["python-library", "compiled-library", "cpython", "security-release"],
    Parameter(name="--template", help="Which one to begin with."),
]
Folder = Annotated[Path, Parameter(help="The project's folder (default: this one).")]
Index = Annotated[str, Parameter(name="--index", show_default=False, help="Your index (default: the one in use).")]
User = Annotated[
    str, Parameter(name="--user", show_default=False, help="Your account there (default: your name here).")
]
PIPELINE, PLACES = "release.toml", "places.toml"
ALONE = "python-library"
"""The template for releases on one machine, where a key file is what proves a person."""
_LOCK = "requirements/build.txt"


def new(
    folder: Folder = Path(), /, *, template: Template = "python-library", index: Index = "", user: User = ""
) -> None:
    """Write release.toml and places.toml from a template: project, remotes and user are filled in.

    Nothing is overwritten. The pipeline goes into the repository; the places are of this machine, and do not. For a
    release on one machine you approve with a key file of yours; it is made if there is none.
    """
    from customhouse.formats.pipeline.lint import lint  # noqa: PLC0415 - only these commands need it
    from customhouse.formats.pipeline.read import read_pipeline  # noqa: PLC0415 - as above
    from customhouse.release.template_texts import (  # noqa: PLC0415 - as above
        PROGRAMS,
        program_text,
        template_text,
        with_digest,
    )

    if not folder.is_dir():
        raise Rejected("no-folder", str(folder), "it is no folder", "the project's folder")
    program = PROGRAMS.get(template)
    for name in filter(None, (PIPELINE, PLACES, program)):
        if (folder / name).exists():
            raise Rejected("exists", str(folder / name), "it is there already", "another folder, or take it away first")
    found = look(folder)
    found = replace(found, index=_index(index) or found.index, user=_account(user) or found.user)
    text = filled(template_text(template), found)
    if program is not None:
        text = with_digest(text, program_text(template))
    key_file, text = _with_key(text) if template == ALONE else (None, text)
    pipeline = read_pipeline(text, where=PIPELINE)
    sizes = f"{many(len(pipeline.steps), 'step')}, {many(len(lint(pipeline)), 'finding')}"
    (folder / PIPELINE).write_text(text, encoding="utf-8")
    print(f"{folder / PIPELINE}: {template}, {sizes}")
    if program is not None:
        (folder / program).write_text(program_text(template), encoding="utf-8")
        print(f"{folder / program}: what it runs; read it, and commit it too")
    (folder / PLACES).write_text(places_text(found, text), encoding="utf-8")
    print(f"{folder / PLACES}: where it acts on this machine; keep it out of the repository")
    if key_file is not None:
        print(f"Your key, by which you approve, stands in {PIPELINE}. It lies here:\n  {key_file}")
    for remark in (*_remarks(found, text), *_lock_remarks(folder, text), *_changelog_remarks(folder, text)):
        print(f"  {remark}")
    _say_what_is_next(folder, pipeline)


def _say_what_is_next(folder: Path, pipeline: Pipeline) -> None:
    where = "" if folder == Path() else f"cd {folder}; "
    others = "".join(
        f" --param {one.name}=…" for one in pipeline.params if one.name != "version" and one.default is None
    )
    print("Next:")
    print(f"  {where}customhouse release lint")
    print("  customhouse release draw -o release.svg")
    print(f"  customhouse release run --param version=1.2.3{others} --rehearse")


def _index(address: str) -> str:
    if address and not address.startswith(("https://", "http://")):
        raise Rejected("bad-index", "--index", f"{plain(address, 80)!r} is no address", "such as https://index.example")
    return origin_of(address)


def _account(user: str) -> str:
    if user and NAME.fullmatch(user) is None:
        raise Rejected("bad-user", "--user", f"{plain(user, 80)!r} is no account's name", "such as rosa")
    return user


def _with_key(text: str) -> tuple[Path, str]:
    """The person's own key file, and the pipeline with it among his identities: the first actor's."""
    from customhouse.release.engine.person import own_key_file  # noqa: PLC0415 - the engine is loaded where it is used
    from customhouse.release.machine_key import open_key  # noqa: PLC0415 - as above

    path = own_key_file()
    mine = f'"key:{open_key(path).public}"'
    return path, re.sub(r"(?m)^(identities = \[.*)\]$", lambda line: f"{line[1]}, {mine}]", text, count=1)


def _remarks(found: Found, text: str) -> list[str]:
    """What could not be found and must be said by a person."""
    said = []
    if not found.project and 'project = "sealed"' in text:
        said.append("No project's name in pyproject.toml: it is called sealed for now.")
    if not found.upstream:
        said.append(f"No git remote here: say in {PLACES} where upstream is.")
    if not found.fork:
        said.append(f"No fork among the git remotes: git init --bare ../{found.project or 'sealed'}-fork.git will do.")
    if SAMPLE_KEY in text:
        said.append(f"No signing key in git's settings: replace {SAMPLE_KEY[:8]}… in {PIPELINE}.")
    if "https://index.example" in text:
        said.append("No index in use here: --index URL, or replace https://index.example.")
    return said


def _lock_remarks(folder: Path, text: str) -> list[str]:
    """How to lock what the build needs, where nobody has yet."""
    if _LOCK not in text or (folder / _LOCK).exists():
        return []
    return [
        f"No {_LOCK}: lock what the build needs, with hashes. Perhaps so:",
        f"echo {build_requirement(folder)} | uv pip compile --generate-hashes -o {_LOCK} -",
    ]


def _changelog_remarks(folder: Path, text: str) -> list[str]:
    """That towncrier has to be told its way, where nobody has done so yet."""
    if "changelog.towncrier" not in text or knows_towncrier(folder):
        return []
    return [f"No [tool.towncrier] here: begin one, or take the step changelog out of {PIPELINE}."]
