"""What a file is: by its name, by what the strict archive reader found in it, and by its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from customhouse.formats.policy.model import Fact
from customhouse.formats.simple import SimpleFile
from customhouse.mirror.model import Inspected
from customhouse.views.facts.subject import HERE, Answer, Subject, Unknown, is_binary, kind_of

NOT_HERE = Unknown("the file was not here yet, so nobody has looked into it")


class Shape:
    """The shapes of one project's files."""

    def __init__(self, subject: Subject, licences: Mapping[str, str] | None = None) -> None:
        self._subject = subject
        self._licences = licences or {}

    def kind(self, file: SimpleFile) -> Answer:
        """Wheel or sdist."""
        return self._subject.fact(kind_of(file.filename))

    def sdist_only(self, file: SimpleFile) -> Answer:
        """Whether the release has no wheel now."""
        here = (one for one in self._subject.of_version.get(file.version, ()) if one.removed_at is None)
        return self._subject.fact(not any(one.kind == "wheel" for one in here) and kind_of(file.filename) == "sdist")

    def binary(self, file: SimpleFile) -> Answer:
        """Whether the wheel is for a platform, by its name."""
        return self._subject.fact(is_binary(file.filename))

    def size(self, file: SimpleFile) -> Answer:
        """Bytes: what was counted here, else what upstream says."""
        inspected = self._inspected(file)
        if inspected is not None and inspected.size_bytes:
            return Fact(inspected.size_bytes, HERE)
        return (
            Unknown("its upstream does not say it") if file.size_bytes is None else self._subject.fact(file.size_bytes)
        )

    def archive(self, file: SimpleFile) -> Answer:
        """The codes of what the strict reader has noticed."""
        if self._subject.mirrored is None:
            return Fact(codes_of(file.signals), HERE)
        inspected = self._inspected(file)
        if inspected is not None:
            return Fact(codes_of(inspected.signals), HERE)
        mirrored = self._subject.files.get(file.filename)
        if mirrored is not None and "signals" in mirrored.signals:
            return self._subject.fact(codes_of(mirrored.signals))
        return NOT_HERE

    def malformed(self, file: SimpleFile) -> Answer:
        """Whether the strict reader refuses it. What we host was read before it was taken in."""
        if self._subject.mirrored is None:
            return Fact(value=False, source=HERE)
        inspected = self._inspected(file)
        return NOT_HERE if inspected is None else Fact(bool(inspected.refusal), HERE)

    def licence(self, file: SimpleFile) -> Answer:
        """``License-Expression`` of its metadata; None if it states none."""
        if self._subject.mirrored is None:
            return Fact(self._licences.get(file.filename) or None, HERE)
        inspected = self._inspected(file)
        return NOT_HERE if inspected is None else Fact(inspected.licence or None, HERE)

    def _inspected(self, file: SimpleFile) -> Inspected | None:
        mirrored = self._subject.files.get(file.filename)
        return None if mirrored is None else mirrored.inspected


def codes_of(signals: Mapping[str, object]) -> frozenset[str]:
    """The codes in what is kept under ``signals``: a list of objects with a ``code`` each, or of words."""
    found = signals.get("signals", ())
    every = found if isinstance(found, Iterable) and not isinstance(found, str | Mapping) else ()
    codes = (one.get("code") if isinstance(one, Mapping) else one for one in every)
    return frozenset(code for code in codes if isinstance(code, str))
