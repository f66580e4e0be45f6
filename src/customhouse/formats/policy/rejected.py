"""A policy that cannot be used."""

from __future__ import annotations

from customhouse.formats.toml_text.fault import TextRejected


class BadPolicy(TextRejected):
    """The policy is refused as a whole; the view goes on with the one it has."""

    def __init__(self, line: int, key: str, why: str, accepted: str = "", *, file: str = "") -> None:
        """As `TextRejected` has it."""
        super().__init__("bad-policy", line, key, why, accepted, file=file)
