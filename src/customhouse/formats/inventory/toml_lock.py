"""Lock files in TOML, read quickly: nine tenths of their bytes are addresses of files, of which only the hashes count.

`tomllib` is plain Python and needs a second for a lock of 1,300 packages. The lists of files that uv, poetry and pip
write have one shape, one table a line; each is replaced by its hashes before the rest is parsed. A list of
any other shape stays what it is.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from customhouse.formats.toml_text.keys import deep_key_line
from customhouse.terms.errors import Rejected

CODE = "bad-lock"
MOST_PACKAGES = 100_000
_LIST = re.compile(r"^(wheels|files) = \[(?:\n((?: {1,8}\{[^\n]*\},?\n)+)|(\{[^\n]*\}))\]$", re.MULTILINE)
_SDIST = re.compile(r"^sdist = (\{[^\n]*\})$", re.MULTILINE)
_PLAIN_HASH = re.compile(r"sha256:[0-9a-f]{64}\b")
_HASH = re.compile(r"""\b(sha256|sha384|sha512)(?::|["']?\s*=\s*["'])([0-9a-f]{64,128})\b""")


def read_lock_toml(text: str, where: str, *, whole: bool = False) -> dict[str, Any]:
    """The values of a lock file; raises `Rejected` with the place of the first fault.

    Unless it is read ``whole``, a text ``sha256:… sha256:…`` may stand where a package lists files: ask `hashes_of`.
    """
    if line := deep_key_line(text):
        raise Rejected(CODE, where, f"in line {line} keys are nested too deeply", "a lock file as its tool writes it")
    plain = text.replace("\r\n", "\n")
    # Within a text of several lines a list is none, and to shorten it could move the text's end.
    whole = whole or '"""' in plain or "'''" in plain
    try:
        return tomllib.loads(plain if whole else _SDIST.sub(_one_hash, _LIST.sub(_hashes, plain)))
    except tomllib.TOMLDecodeError as error:
        # The line of the error is that of the shortened text; the plain text tells the true one.
        raise Rejected(
            CODE, where, f"it is no TOML: {_first_fault(text, error)}", "a lock file that is whole"
        ) from None
    except RecursionError:
        raise Rejected(CODE, where, "it is nested too deeply", "a lock file as its tool writes it") from None
    except ValueError as error:
        raise Rejected(CODE, where, f"it is no TOML: {str(error)[:200]}", "a lock file that is whole") from None


def _first_fault(text: str, error: tomllib.TOMLDecodeError) -> str:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as own:
        return str(own)[:200]
    except (RecursionError, ValueError):
        pass
    return str(error)[:200]


def _hashes(match: re.Match[str]) -> str:
    return f"{match[1]} = {_list(match[2] or match[3])}"


def _one_hash(match: re.Match[str]) -> str:
    return f"sdist = {_list(match[1])}"


def _list(body: str) -> str:
    """One text with all the hashes: the quickest thing to parse."""
    plain = _PLAIN_HASH.findall(body)
    found = plain or [f"{kind}:{digest}" for kind, digest in _HASH.findall(body)]
    return f"'{' '.join(found)}'"


def hashes_of(*values: object) -> frozenset[str]:
    """Hashes of files: written ``"sha256:…"``, ``hash = "sha256:…"`` or ``hashes = { sha256 = "…" }``."""
    return frozenset(one for value in values for one in _each_hash(value))


def _each_hash(value: object) -> Iterator[str]:
    match value:
        case str():
            yield from value.lower().split()
        case list():
            for one in value:
                yield from _each_hash(one) if not isinstance(one, list) else ()
        case {"hash": str(text)}:
            yield text[:140].lower()
        case {"hashes": dict(pairs)}:
            for kind, digest in pairs.items():
                if isinstance(digest, str):
                    yield f"{kind[:10]}:{digest[:130]}".lower()
        case _:
            pass


def tables(values: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """A list of tables; raises `Rejected` if something else stands there."""
    found = values.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Rejected(CODE, f"{where}: {key}", "it is no list of tables", f"[[{key}]]")
    if len(found) > MOST_PACKAGES:
        raise Rejected(CODE, f"{where}: {key}", f"{len(found)} packages", f"at most {MOST_PACKAGES}")
    return found


def some_tables(value: object) -> Iterator[dict[str, Any]]:
    """What of a list is a table."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, dict))


def texts(value: object) -> Iterator[str]:
    """What of a list is text; of a text, itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))


def text(value: object) -> str:
    """A text, or nothing."""
    return value if isinstance(value, str) else ""


def table(value: object) -> dict[str, Any]:
    """A table, or an empty one."""
    return value if isinstance(value, dict) else {}


def lines_of(lock: str, header: str) -> list[int]:
    """The number of the line at which each table of a list begins, for people."""
    return [number for number, line in enumerate(_lines(lock), 1) if line == header]


def _lines(lock: str) -> Iterable[str]:
    return (line.rstrip() for line in lock.splitlines())
