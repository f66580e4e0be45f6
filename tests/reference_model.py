"""An index in memory, as simple as its promises: what everybody must see after each deed. Knows nothing of our code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

OPEN_FOR = timedelta(days=14)
ADDRESSES_ANSWER = timedelta(days=90)


@dataclass
class ModelFile:
    name: str
    body: bytes
    uploaded_at: datetime
    yanked: str | None = None
    deleted_at: datetime | None = None


@dataclass
class ModelRelease:
    created_at: datetime
    yanked: str | None = None
    deleted_at: datetime | None = None
    quarantined: bool = False
    reopened_at: datetime | None = None
    files: dict[str, ModelFile] = field(default_factory=dict)

    def is_open(self, now: datetime) -> bool:
        return now <= max(self.created_at, self.reopened_at or self.created_at) + OPEN_FOR


@dataclass
class ModelProject:
    owner: str
    status: str = "active"
    status_before: str = "active"
    private: bool = False
    deleted_at: datetime | None = None
    maintainers: set[str] = field(default_factory=set)
    releases: dict[str, ModelRelease] = field(default_factory=dict)

    @property
    def people(self) -> set[str]:
        return {self.owner, *self.maintainers}


@dataclass
class ModelIndex:
    """Every deed says whether it must succeed; the machine compares."""

    projects: dict[str, ModelProject] = field(default_factory=dict)
    used: dict[str, bytes] = field(default_factory=dict)
    """Every file name ever used, with its only bytes."""

    def upload(self, who: str, project: str, version: str, name: str, body: bytes, now: datetime) -> bool:
        found = self.projects.get(project)
        if found is None:
            found = self.projects[project] = ModelProject(who)
            found.releases[version] = ModelRelease(now, files={name: ModelFile(name, body, now)})
            self.used[name] = body
            return True
        if who not in found.people or found.deleted_at or found.status in ("archived", "quarantined"):
            return False
        release = found.releases.get(version)
        if name in self.used:
            there = release is not None and name in release.files and release.deleted_at is None
            return bool(
                self.used[name] == body and there and release is not None and not release.quarantined
                and release.files[name].deleted_at is None
            )  # fmt: skip
        if release is None:
            release = found.releases[version] = ModelRelease(now)
        elif release.deleted_at or release.quarantined or not release.is_open(now):
            return False
        release.files[name] = ModelFile(name, body, now)
        self.used[name] = body
        return True

    def yank(self, who: str, project: str, version: str, name: str, reason: str | None) -> bool:
        found = self.projects[project]
        if who not in found.people or found.deleted_at:
            return False
        release = found.releases[version]
        if name:
            release.files[name].yanked = reason
        else:
            release.yanked = reason
        return True

    def delete(self, who: str, project: str, version: str, name: str, now: datetime) -> bool:
        found = self.projects[project]
        if who != found.owner:
            return False
        going = self._live(found, version, name)
        if not going and (version or found.deleted_at):
            return False
        if found.status == "quarantined" or any(found.releases[number].quarantined for number, _ in going):
            return False
        if name:
            found.releases[version].files[name].deleted_at = now
        elif version:
            found.releases[version].deleted_at = now
        else:
            found.deleted_at = now
        return True

    @staticmethod
    def _live(found: ModelProject, version: str, name: str) -> list[tuple[str, ModelFile]]:
        return [
            (number, one)
            for number, release in found.releases.items()
            if version in ("", number) and release.deleted_at is None
            for one in release.files.values()
            if one.deleted_at is None and name in ("", one.name)
        ]

    def restore(self, who: str, project: str, version: str, name: str) -> bool:
        found = self.projects[project]
        if who != found.owner or found.status == "quarantined":
            return False
        thing = found.releases[version].files[name] if name else found.releases[version] if version else found
        if thing.deleted_at is None:
            return False
        thing.deleted_at = None
        return True

    def quarantine(self, project: str, version: str, *, lift: bool) -> bool:
        found = self.projects[project]
        if version:
            release = found.releases[version]
            done = release.quarantined if lift else True
            release.quarantined = not lift
            return done
        if lift:
            if found.status != "quarantined":
                return False
            found.status = found.status_before
        elif found.status != "quarantined":
            found.status_before, found.status = found.status, "quarantined"
        return True

    def set_status(self, who: str, project: str, status: str) -> bool:
        found = self.projects[project]
        if who != found.owner or found.status == "quarantined" or found.deleted_at:
            return False
        found.status = status
        return True

    def reopen(self, who: str, project: str, version: str, now: datetime) -> bool:
        found = self.projects[project]
        if who != found.owner:
            return False
        found.releases[version].reopened_at = now
        return True

    def transfer(self, project: str, to: str) -> None:
        """Handed over and accepted: only the new holder has rights."""
        found = self.projects[project]
        found.owner, found.maintainers = to, set()

    # What a stranger sees.

    def names(self) -> set[str]:
        return {name for name, one in self.projects.items() if one.deleted_at is None and not one.private}

    def page(self, project: str) -> dict[str, str | bool] | None:
        """File name to its yank (a reason, True or False), or None if there is no such project for a stranger."""
        found = self.projects.get(project)
        if found is None or found.deleted_at or found.private:
            return None
        if found.status == "quarantined":
            return {}
        return {
            one.name: _yank(one.yanked if one.yanked is not None else release.yanked)
            for release in found.releases.values()
            if release.deleted_at is None and not release.quarantined
            for one in release.files.values()
            if one.deleted_at is None
        }

    def versions(self, project: str) -> set[str]:
        return {
            version
            for version, release in self.projects[project].releases.items()
            if release.deleted_at is None and any(one.deleted_at is None for one in release.files.values())
        }

    def address(self, project: str, version: str, name: str, now: datetime) -> int:
        """The status of a file's exact address."""
        found = self.projects[project]
        release = found.releases[version]
        one = release.files[name]
        if found.private:
            return 404
        if found.status == "quarantined" or release.quarantined:
            return 403
        deleted = [moment for moment in (found.deleted_at, _first(one.deleted_at, release.deleted_at)) if moment]
        if deleted and now >= min(deleted) + ADDRESSES_ANSWER:
            return 410
        return 200


def _first(own: datetime | None, above: datetime | None) -> datetime | None:
    """What is said of a file itself counts before what is said of its release."""
    return own if own is not None else above


def _yank(reason: str | None) -> str | bool:
    return False if reason is None else reason or True
