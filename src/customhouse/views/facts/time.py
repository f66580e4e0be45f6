"""How old something is: moments of upload as upstream says them, never of our own fetching."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from customhouse.formats.simple import SimpleFile
from customhouse.views.facts.subject import Answer, Subject, Unknown, uploaded

ADDED_AFTER = timedelta(days=14)
"""A file that comes so long after the first one of its release was added to it (PyPI closes releases after as long)."""
WAKING = timedelta(days=30)
"""So long after a quiet a release still belongs to its end: a thief who releases twice has not shortened it."""
NO_TIMES = Unknown("its upstream publishes no upload times")
SOME_TIMES = Unknown("its upstream does not say when all releases were uploaded")


class Time:
    """The ages of one project's files."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._quiet: dict[datetime, timedelta | None] = {}

    def age(self, file: SimpleFile) -> Answer:
        """When the file was uploaded."""
        moment = uploaded(file, self._subject)
        return NO_TIMES if moment is None else self._subject.fact(moment)

    def project_age(self, _file: SimpleFile) -> Answer:
        """When the first file was uploaded of which we know that: the project is as old at least."""
        return self._project_age

    def last_release_age(self, _file: SimpleFile) -> Answer:
        """When the newest release began. Unknown if any release may be newer, for none of its files has a time."""
        return self._last_release_age

    def quiet_before(self, file: SimpleFile) -> Answer:
        """The days in which nothing was released before this file's release, or before one shortly before it.

        The longest that ended within `WAKING`; None if it is the first release.
        """
        began = self._subject.began
        mine = began.get(file.version)
        if mine is None:
            return NO_TIMES
        if len(began) < len(self._subject.of_version):
            return SOME_TIMES
        if mine not in self._quiet:
            self._quiet[mine] = self._longest_quiet(mine)
        longest = self._quiet[mine]
        return self._subject.fact(None if longest is None else longest / timedelta(days=1))

    def added_file_age(self, file: SimpleFile) -> Answer:
        """When the file was added to a release that was two weeks old by then; None if it came with the others."""
        mine = uploaded(file, self._subject)
        first = self._subject.began.get(file.version)
        if mine is None or first is None:
            return NO_TIMES
        if mine - first >= ADDED_AFTER:
            return self._subject.fact(mine)
        if any(one.uploaded_at is None for one in self._subject.of_version[file.version]):
            # One of them may have been the first, long ago.
            return Unknown("its upstream does not say when all files of the release were uploaded")
        return self._subject.fact(None)

    def _longest_quiet(self, mine: datetime) -> timedelta | None:
        at, since = bisect_left(self._in_order, mine), bisect_left(self._in_order, mine - WAKING)
        some = self._in_order[max(since - 1, 0) : at + 1]
        return max((after - before for before, after in pairwise(some)), default=None)

    @cached_property
    def _project_age(self) -> Answer:
        moments = self._subject.began.values()
        return self._subject.fact(min(moments)) if moments else NO_TIMES

    @cached_property
    def _last_release_age(self) -> Answer:
        began = self._subject.began
        if not began:
            return NO_TIMES
        if len(began) < len(self._subject.of_version):
            return SOME_TIMES
        return self._subject.fact(max(began.values()))

    @cached_property
    def _in_order(self) -> list[datetime]:
        return sorted(self._subject.began.values())
