"""What a project is called, and what that can be mistaken for."""

from __future__ import annotations

from customhouse.formats.policy.model import Fact
from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.known_names import Resembled
from customhouse.views.facts.subject import HERE, Answer, Subject
from customhouse.views.model import HOSTED


class Name:
    """The names of one project and its files."""

    def __init__(self, subject: Subject, *, internal: bool, resembled: Resembled | None) -> None:
        self._subject = subject
        self._internal = internal
        self._resembled = resembled

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
        found = self._resembled
        return Fact(None, HERE) if found is None else Fact(found.name, found.source)

    def internal_name(self, _file: SimpleFile) -> Answer:
        """Whether the name is for us alone, and the project is not ours."""
        return Fact(self._internal and self._subject.origin != HOSTED, HERE)
