"""Advisories in a git repository: the files of its HEAD, and later only what has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from customhouse.advisories.sources.model import Mark, Reading, Source
from customhouse.formats.osv.documents import MAX_BYTES, Damaged, records_among
from customhouse.infra.git_tree import Blob, GitTree
from customhouse.terms.errors import Unavailable


@contextmanager
def open_repository(source: Source, *, again: bool) -> Iterator[Reading | None]:
    """The files of the newest commit that differ from the last one read, and those that could not be read then.

    Whoever keeps the clone fetches it; nothing is fetched here.
    """
    path = Path(source.place)
    if not path.exists():
        raise Unavailable(source.place, "there is nothing there", retry_after_seconds=3600)
    tree = GitTree(path)
    commit = tree.commit()
    before = "" if again else source.mark.revision
    if before == commit and not source.problems:
        yield None
        return
    blobs = {one.path: one for one in tree.files(commit)}
    names = records_among(list(blobs))
    changed = tree.changed(before, commit) if before else None
    if changed is not None:
        odd = {place.partition("[")[0] for place in source.problems}
        names = [name for name in names if name in changed or name in odd]
        gone = frozenset((changed | odd) - blobs.keys())
    else:
        gone = frozenset()
    files = _contents(tree, [blobs[name] for name in names])
    yield Reading(files, Mark(revision=commit), len(names), whole=changed is None, gone=gone)


def _contents(tree: GitTree, blobs: Sequence[Blob]) -> Iterator[tuple[str, bytes] | Damaged]:
    for blob, content in tree.contents(blobs, MAX_BYTES):
        if content is None:
            yield Damaged(
                blob.path, f"{blob.path}: it is missing in the repository, or has more than {MAX_BYTES} bytes"
            )
        else:
            yield blob.path, content
