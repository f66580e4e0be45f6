"""What ``customhouse use`` has changed, so that it can be taken back: one file under the user's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from customhouse.consume.setup.places import config_home, read_plain
from customhouse.consume.setup.undo import Edit, from_json, to_json
from customhouse.terms.errors import Rejected

USER = "user"
RECORD = "customhouse/use.json"
"""Under the user's settings."""
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Use:
    """One view that is in use for a user, or for a project."""

    scope: str
    """`USER`, or the absolute path of the project's folder."""
    index: str
    view: str
    at: str
    """When it was set up, RFC 3339."""
    edits: tuple[Edit, ...] = ()
    folders: tuple[str, ...] = ()
    """Folders that were made for the files, the deepest last."""
    keyring: tuple[tuple[str, str], ...] = ()
    """Services and users under which a token was kept."""


@dataclass(frozen=True, slots=True)
class Uses:
    """All of them, by scope."""

    by_scope: Mapping[str, Use] = field(default_factory=dict)

    def with_use(self, use: Use) -> Uses:
        """With another one for its scope."""
        return replace(self, by_scope={**self.by_scope, use.scope: use})

    def without(self, scope: str) -> Uses:
        """Without that of a scope."""
        return replace(self, by_scope={key: one for key, one in self.by_scope.items() if key != scope})

    def here(self, folder: Path) -> Use | None:
        """What counts in a folder: that of its project, else the user's."""
        absolute = folder.absolute()
        for one in (absolute, *absolute.parents):
            if (found := self.by_scope.get(str(one))) is not None:
                return found
        return self.by_scope.get(USER)


def record_path(environment: Mapping[str, str]) -> Path:
    """Where the record lies. It may hold lines of yours that held a password: nobody else may read it."""
    return config_home(environment) / RECORD


def read_uses(environment: Mapping[str, str]) -> Uses:
    """What is recorded; raises `Rejected` if it cannot be read, since nothing could be taken back without it."""
    path = record_path(environment)
    text = read_plain(path)
    if text is None:
        return Uses()
    try:
        whole = json.loads(text)
        if whole["customhouse-use"] != _FORMAT:
            raise ValueError  # noqa: TRY301 - one sentence for all of it
        return Uses({scope: _use(scope, one) for scope, one in whole["uses"].items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Rejected("bad-record", str(path), "it is not what `customhouse use` has written",
                       "the file as it was, or none: then undo by hand") from error  # fmt: skip


def written(uses: Uses) -> str:
    """The record as text."""
    whole = {"customhouse-use": _FORMAT, "uses": {scope: _json(one) for scope, one in sorted(uses.by_scope.items())}}
    return json.dumps(whole, indent=1) + "\n"


def _json(use: Use) -> dict[str, Any]:
    return {
        "index": use.index, "view": use.view, "at": use.at, "edits": [to_json(one) for one in use.edits],
        "folders": list(use.folders), "keyring": [list(one) for one in use.keyring],
    }  # fmt: skip


def _use(scope: str, value: Mapping[str, Any]) -> Use:
    return Use(
        scope, str(value["index"]), str(value["view"]), str(value["at"]),
        tuple(from_json(one) for one in value["edits"]), tuple(str(one) for one in value["folders"]),
        tuple((str(service), str(user)) for service, user in value["keyring"]),
    )  # fmt: skip
