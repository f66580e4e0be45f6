"""What somebody remembers from one verification to the next: a small JSON file of his own, one entry for each project.

Trust root, pipeline and log are compared with those of the last time, so that none of them can be put back or replaced
quietly. It is written after a verification that found no fault, and only if that is asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from customhouse.formats.strict_json import read_json
from customhouse.release.evidence.points.case import Case, Remembered
from customhouse.release.evidence.points.followed import known_pipelines
from customhouse.release.evidence.points.journal import checkpoints_of, grown
from customhouse.terms.errors import Rejected
from customhouse.trust.private_sigstore.note import read_checkpoint

LONGEST = 4 * 2**20
_ACCEPTED = "a file that customhouse release verify has written, or a log's checkpoint (a signed note)"


def read_remembered(path: Path, project: str) -> Remembered | None:
    """What the file says of a project; None if there is no file yet, or nothing of it. Raises `Rejected`.

    A checkpoint alone will do: as a log, a witness or ``customhouse sigstore monitor`` gives it.
    """
    try:
        text = path.read_bytes()[: LONGEST + 1].decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("bad-checkpoint", str(path), f"cannot be read: {error}", _ACCEPTED) from error
    if not text.lstrip().startswith("{"):
        note = read_checkpoint(text, str(path))
        return Remembered(checkpoints={note.checkpoint.origin: text})
    value = _value(text, path)
    one = value.get("projects", {}).get(project)
    logs = {str(origin): str(note) for origin, note in value.get("logs", {}).items()}
    proofs = tuple(each for each in value.get("proofs", ()) if isinstance(each, dict))
    if one is None:
        return Remembered(checkpoints=logs, proofs=proofs)
    return Remembered(
        int(one["pipeline_version"]), str(one["pipeline_sha256"]), str(one["trust_root_sha256"]), logs, proofs
    )


def remember(path: Path, case: Case, trust_root_sha256: str) -> None:
    """Write what this verification has compared, beside what the file says of other projects. Whole or not at all.

    What was the bundle's own word is not written: next time it would stand there as ours. So root and pipeline are
    those that somebody has brought or remembers, and a log's checkpoint is the first one, or one that has been shown
    to continue the last.
    """
    value: dict[str, Any] = {"projects": {}, "logs": {}}
    if path.exists():
        text = path.read_bytes().decode()
        if not text.lstrip().startswith("{"):
            return  # somebody else's checkpoint is not ours to change
        value |= _value(text, path)
    state = case.state
    if not _knows_root(case):
        return
    if state.pipeline_sha256 in known_pipelines(case):
        value["projects"] = {
            **value["projects"],
            state.pipeline.project: {
                "pipeline_version": state.pipeline.version,
                "pipeline_sha256": state.pipeline_sha256,
                "trust_root_sha256": trust_root_sha256,
            },
        }
    shown = {
        origin: note
        for origin, note in checkpoints_of(case).items()
        if origin not in value["logs"] or grown(case, origin, value["logs"][origin])
    }
    value["logs"] = _newer(value["logs"], shown)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    temporary.replace(path)


def _knows_root(case: Case) -> bool:
    brought = case.brought
    remembered = brought.remembered
    return bool(
        brought.trust_root or brought.trust_root_sha256 or (remembered is not None and remembered.trust_root_sha256)
    )


def _newer(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    found = dict(old)
    for origin, note in new.items():
        before = found.get(origin)
        if before is None or read_checkpoint(before).checkpoint.size <= read_checkpoint(note).checkpoint.size:
            found[origin] = note
    return found


def _value(text: str, path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = read_json(text)
        dict(value["logs"])
        for one in value["projects"].values():
            int(one["pipeline_version"]), str(one["pipeline_sha256"]), str(one["trust_root_sha256"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("bad-checkpoint", str(path), f"cannot be read: {str(error)[:100]}", _ACCEPTED) from error
    return value
