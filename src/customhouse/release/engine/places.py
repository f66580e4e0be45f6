"""Where a run acts: ``places.toml`` and ``--place NAME.SETTING=VALUE``. Addresses and names, never secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from customhouse.formats.pipeline.model import Pipeline, Step
from customhouse.terms.errors import Rejected

_CHANNELS = ("mail", "atom", "webhook", "webhooks")
_HOW = "NAME.SETTING=VALUE, such as --place fork.url=/srv/fork.git"


def read_places(file: Path | None, flags: Iterable[str]) -> dict[str, dict[str, str]]:
    """The places; flags count before the file. ``./`` and ``../`` are made whole. Raises `Rejected`."""
    found = _from_file(file) if file is not None else {}
    for flag in flags:
        where, equals, value = flag.partition("=")
        name, dot, setting = where.partition(".")
        if not (equals and dot and name and setting):
            raise Rejected("bad-place", "--place", f"{flag[:80]!r} says no setting of a place", _HOW)
        found.setdefault(name, {})[setting] = _whole(value, Path.cwd())
    return found


def refuse_unsaid(pipeline: Pipeline, places: Mapping[str, Mapping[str, str]], *, rehearsal: bool = False) -> None:
    """Raise `Rejected` for the first setting that a step will need and no place says.

    Places stand in a run's first line and do not change: what is missing is told before there is one. A rehearsal
    brings a scratch index, a Sigstore and a feed of its own; the remotes are cloned.
    """
    for step, place, setting, sample in _unsaid(pipeline, places, rehearsal=rehearsal):
        raise Rejected(
            "no-place", f"[{place}]", f"nothing says its {setting}, and the step {step.id!r} needs it",
            f'{setting} = "{sample}" under [{place}] in places.toml, or --place {place}.{setting}={sample}',
        )  # fmt: skip


def unsaid(pipeline: Pipeline, places: Mapping[str, Mapping[str, str]], *, rehearsal: bool = False) -> tuple[str, ...]:
    """Each setting, as ``PLACE.SETTING``, that a step will need and no place says: at a room, machines may say it."""
    found = _unsaid(pipeline, places, rehearsal=rehearsal)
    return tuple(dict.fromkeys(f"{place}.{setting}" for _, place, setting, _ in found))


def _unsaid(
    pipeline: Pipeline, places: Mapping[str, Mapping[str, str]], *, rehearsal: bool
) -> Iterator[tuple[Step, str, str, str]]:  # fmt: skip
    for step in pipeline.steps:
        for place, setting, sample in _needs(step, places, rehearsal=rehearsal):
            if not places.get(place, {}).get(setting):
                yield step, place, setting, sample


def _needs(
    step: Step, places: Mapping[str, Mapping[str, str]], *, rehearsal: bool
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    """Place, setting and a sample of it."""
    if step.uses.startswith("git.") and step.uses != "git.commit_and_tag":
        yield step.env, "url", f"../{step.env}.git"
    if rehearsal:
        return
    if step.uses.startswith("index.") and places.get(step.env, {}).get("adapter") != "folder":
        yield step.env, "url", "http://127.0.0.1:8417"
    if step.uses == "sign.all" and "sigstore" in str(step.options.get("how", "sigstore")):
        yield "sigstore", "trust_config", "./trust_config.json"
    if step.uses == "announce" and not any(one in places for one in _CHANNELS):
        yield "atom", "path", "./releases.atom"


def read_params(flags: Iterable[str]) -> dict[str, str]:
    """``--param NAME=VALUE``; raises `Rejected`."""
    found: dict[str, str] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if not equals or not name:
            raise Rejected("bad-parameter", "--param", f"{flag[:80]!r} gives no value", "--param version=1.2.3")
        if name in found:
            raise Rejected("bad-parameter", "--param", f"{name!r} is given twice", "one value for each")
        found[name] = value
    return found


def _from_file(file: Path) -> dict[str, dict[str, str]]:
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Rejected("bad-places", str(file), f"it cannot be read: {error}", "a TOML file") from error
    found: dict[str, dict[str, str]] = {}
    for name, settings in read.items():
        if not isinstance(settings, Mapping):
            raise Rejected("bad-places", f"{file}: {name}", "it is no table", f"[{name}] with settings")
        found[name] = {
            setting: _whole(_text(value, f"{file}: {name}.{setting}"), file.parent)
            for setting, value in settings.items()
        }
    return found


def _whole(value: str, folder: Path) -> str:
    """A path that begins with a dot, from where it was said."""
    return str((folder / value).resolve()) if value.startswith(("./", "../")) else value


def _text(value: object, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise Rejected("bad-places", where, "it is neither a text nor a number nor true or false", "a text")
