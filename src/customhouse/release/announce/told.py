"""What people are told: what is new, which files there are with their digests, and how to verify them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.state import State
from customhouse.release.things import Thing

_LONGEST_NEWS = 20_000


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement, the same for every channel."""

    project: str
    version: str
    run: str
    key: str
    """The idempotency key: whoever hears of it twice can tell."""
    at: datetime
    """When it was published."""
    address: str
    """Where it is."""
    tag: str
    commit: str
    files: Sequence[Thing]
    news: str = ""

    @property
    def subject(self) -> str:
        """One line."""
        return f"{self.project} {self.version} is released"

    @property
    def text(self) -> str:
        """Paragraphs of a letter; a line is one of them."""
        parts = [f"{self.project} {self.version} is released."]
        if self.address:
            parts.append(self.address)
        if self.news:
            parts += ["What is new", "", self.news.strip()[:_LONGEST_NEWS]]
        parts += ["", "Files and their SHA-256", ""]
        for thing in self.files:
            parts += [thing.name, f"  {thing.digest}"]
        parts += ["", "How to verify", "", f"  pip download --no-deps {self.project}=={self.version}",
                  f"  sha256sum {self.files[0].name}" if self.files else "",
                  "The bundle of this release proves offline who built, tested, approved and signed it:",
                  f"  customhouse release verify {self.project}-{self.version}.release.tar"]  # fmt: skip
        if self.commit:
            parts += ["", f"Source: tag {self.tag}, commit {self.commit}."]
        return "\n".join(parts) + "\n"

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "type": "release.published",
            "timestamp": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": {
                "project": self.project,
                "version": self.version,
                "run": self.run,
                "address": self.address,
                "tag": self.tag,
                "commit": self.commit,
                "files": [{"name": one.name, "sha256": one.digest, "size": one.size_bytes} for one in self.files],
                "news": self.news[:_LONGEST_NEWS],
            },
        }


def files_of(pipeline: Pipeline, state: State) -> list[Thing]:
    """Every file of the release, by name; what is handed over inside only (no files) is none."""
    things = {thing for artifact in pipeline.artifacts if artifact.type == "files"
              for thing in state.artifacts.get(artifact.id, ()) if thing.algorithm == "sha256"}  # fmt: skip
    return sorted(things)


def news_of(text: str, version: str) -> str:
    """The section of a changelog that is about this version: from the heading that names it to the next of its kind.

    Headings are lines of Markdown (``## 1.2``) and of reStructuredText (underlined). "" if there is none.
    """
    lines = text.splitlines()
    heads = [(number, depth) for number in range(len(lines)) if (depth := _depth(lines, number))]
    for position, (number, depth) in enumerate(heads):
        if version in lines[number].split() or f"v{version}" in lines[number].split():
            ends = [later for later, other in heads[position + 1 :] if _above(other, depth)]
            return "\n".join(lines[number : ends[0] if ends else len(lines)]).strip()
    return ""


def _depth(lines: Sequence[str], number: int) -> str:
    line = lines[number]
    if line.startswith("#"):
        marks = len(line) - len(line.lstrip("#"))
        return "#" * marks if line[marks : marks + 1] == " " else ""
    under = lines[number + 1].strip() if number + 1 < len(lines) else ""
    marked = len(under) >= max(3, len(line.strip())) and len(set(under)) == 1 and not under[0].isalnum()
    return under[0] if line.strip() and not line.startswith((" ", "\t")) and marked and under[0] != "#" else ""


def _above(other: str, depth: str) -> bool:
    """Whether a heading ends a section of this depth: of the same kind, or (Markdown) a higher one."""
    return len(other) <= len(depth) if depth.startswith("#") and other.startswith("#") else other == depth
