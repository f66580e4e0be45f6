"""What a project is called, and what that can be mistaken for."""

from __future__ import annotations

from customhouse.formats.look_alike import look_alike, popular_names
from customhouse.formats.policy.model import Fact
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.subject import HERE, Answer, Subject
from customhouse.views.model import HOSTED

RESERVED = "a name that is reserved here"
"""What is said of names that strangers may not know of."""


class Name:
    """The names of one project and its files."""

    def __init__(self, subject: Subject, *, internal: bool, ours: str = "") -> None:
        self._subject = subject
        self._internal = internal
        self._ours = ours
        """The name of ours that this one looks like."""

    def name(self, _file: SimpleFile) -> Answer:
        """The project's normalised name."""
        return Fact(self._subject.name, self._subject.speaker)

    def version(self, file: SimpleFile) -> Answer:
        """The release."""
        return Fact(file.version, self._subject.speaker)

    def filename(self, file: SimpleFile) -> Answer:
        """The file's name."""
        return Fact(file.filename, self._subject.speaker)

    def upstream(self, _file: SimpleFile) -> Answer:
        """Where the project comes from."""
        return Fact(self._subject.origin, HERE)

    def similar_to(self, _file: SimpleFile) -> Answer:
        """A popular, critical or internal name that this one can be mistaken for; None if there is none."""
        if self._ours and self._subject.origin != HOSTED:
            return Fact(self._ours, HERE)
        popular = look_alike(self._subject.name, popular_names())
        return Fact(popular or self._ours or None, "popular names" if popular else HERE)

    def internal_name(self, _file: SimpleFile) -> Answer:
        """Whether the name is for us alone, and the project is not ours."""
        return Fact(self._internal and self._subject.origin != HOSTED, HERE)
