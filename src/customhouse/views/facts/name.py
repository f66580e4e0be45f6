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
        self._speaker = subject.speaker
        # The same for every file, so each is made once.
        self._name = Fact(subject.name, subject.speaker)
        self._upstream = Fact(subject.origin, HERE)
        self._internal = Fact(internal and subject.origin != HOSTED, HERE)
        self._similar = Fact(None, HERE) if resembled is None else Fact(resembled.name, resembled.source)

    def name(self, _file: SimpleFile) -> Answer:
        """The project's normalised name."""
        return self._name

    def version(self, file: SimpleFile) -> Answer:
        """The release."""
        return Fact(file.version, self._speaker)

    def filename(self, file: SimpleFile) -> Answer:
        """The file's name."""
        return Fact(file.filename, self._speaker)

    def upstream(self, _file: SimpleFile) -> Answer:
        """Where the project comes from."""
        return self._upstream

    def similar_to(self, _file: SimpleFile) -> Answer:
        """A popular, critical or internal name that this one can be mistaken for; None if there is none."""
        return self._similar

    def internal_name(self, _file: SimpleFile) -> Answer:
        """Whether the name is for us alone, and the project is not ours."""
        return self._internal
