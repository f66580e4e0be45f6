"""A text as TOML, with its lines; whoever asks says how what is no TOML is refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable

from customhouse.formats.toml_text.fault import TextRejected
from customhouse.formats.toml_text.keys import DEEPEST, deep_key_line
from customhouse.formats.toml_text.lines import Lines

_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_AT_END = re.compile(r"\(at end of document\)")


def parse_toml(text: str, fault: Callable[[int, str, str], TextRejected]) -> tuple[dict[str, object], Lines]:
    """The document and where its keys stand; raises ``fault(line, what is wrong, what is accepted)``."""
    if line := deep_key_line(text):
        raise fault(line, f"keys are nested more than {DEEPEST} deep", "fewer parts")
    # TOML allows CRLF; the places of keys are found as `tomllib` reads them, with LF alone.
    text = text.replace("\r\n", "\n")
    try:
        return tomllib.loads(text), Lines(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        why = _AT_END.sub("", _AT_LINE.sub("", str(error))).strip()
        raise fault(line, f"this is no TOML: {why}", "TOML 1.0") from error
    except (RecursionError, ValueError, OverflowError) as error:
        raise fault(1, "this is no TOML that can be read", "fewer levels of nesting, shorter numbers") from error
