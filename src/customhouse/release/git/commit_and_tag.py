"""The release's one commit, of exactly the declared paths, and its tag.

Author, committer and their time come from the run, so the same work tree gives the same commit whoever tries again. A
signature differs each time: a tag that is there already, on that commit and well signed, is the tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from customhouse.release.actions import Outcome, Problem, StepRun, Tampered
from customhouse.release.git.git import one_line
from customhouse.release.git.names import short
from customhouse.release.git.released import COMMIT, branch, frozen, outputs, repository, tag
from customhouse.release.git.repository import Change, Repository
from customhouse.release.git.signer import Signer, is_signed, signer_of
from customhouse.release.git.worktree import settle, written

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name commit and tag are made."""

    name: str
    email: str

    def environment(self, seconds: int) -> dict[str, str]:
        """As git reads it."""
        return {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", self.name), ("EMAIL", self.email), ("DATE", f"@{seconds} +0000"))
        }


class CommitAndTag:
    """`git.commit_and_tag`."""

    def do(self, run: StepRun) -> Outcome:
        """Commit what the steps before have changed, if all of it is declared; tag it, and verify the tag."""
        clone, author = repository(run), author_of(run)
        signer = signer_of(run, author.email)
        settle(run)
        commit = self._commit(run, clone, author)
        self._tag(run, clone, author, signer, commit)
        found = self._found(run, clone, signer, commit)
        clone.put_down(commit, branch(run))
        return found

    def probe(self, run: StepRun) -> Outcome | None:
        """Whether the tag is there, well signed, on the very commit that this work tree gives."""
        clone, author = repository(run), author_of(run)
        if not clone.there or not (tagged := clone.ref(tag(run))):
            return None
        commit = clone.ask("rev-parse", "--verify", f"{tagged}^{{commit}}")
        if clone.parents(commit) != (frozen(run),) or clone.ref(branch(run)) != commit or clone.changed(commit):
            return None
        if clone.commit_tree(clone.tree_of(commit), frozen(run), _message(run), _who(run, clone, author)) != commit:
            return None
        return self._found(run, clone, signer_of(run, author.email), commit)

    def undo(self, run: StepRun) -> str:
        """Forget the tag of this clone, and go back to the frozen commit."""
        clone = repository(run)
        if not clone.there or not clone.ref(tag(run)):
            return "nothing to undo"
        clone.drop_ref(tag(run))
        clone.put_down(frozen(run), branch(run))
        return "undone"

    @staticmethod
    def _commit(run: StepRun, clone: Repository, author: Author) -> str:
        parent = frozen(run)
        changes = clone.changed(parent)
        refuse_undeclared(run, changes)
        if not changes:
            raise Problem(
                "nothing-changed", "the work tree is the frozen commit", "a change of the declared paths",
                place=str(clone.path), next_step="Is there a step that writes the changelog or the version?",
            )  # fmt: skip
        tree = clone.tree_with(parent, [change.path for change in changes])
        return clone.commit_tree(tree, parent, _message(run), _who(run, clone, author))

    @staticmethod
    def _tag(run: StepRun, clone: Repository, author: Author, signer: Signer, commit: str) -> None:
        ref = tag(run)
        clone.drop_ref(ref)
        git = clone.git.with_settings(signer.settings(), {**signer.environment(), **_who(run, clone, author)})
        how = ["--annotate", "--no-sign"] if signer.kind == "none" else ["--sign"]
        ran = git.run(["tag", *how, "--cleanup=verbatim", "--file=-", "--", short(ref), commit], at=clone.path,
                      stdin=f"{run.pipeline.project} {run.params['version']}\n".encode())  # fmt: skip
        if not ran.ok:
            raise Problem(
                "not-signed", one_line(ran.tail), f"a tag signed by {signer.kind}:{signer.key}", place=short(ref),
                next_step="Is the key there, not expired, and may it be used without a question?",
            )  # fmt: skip

    @staticmethod
    def _found(run: StepRun, clone: Repository, signer: Signer, commit: str) -> Outcome:
        ref = tag(run)
        tagged = clone.ref(ref)
        text = clone.ask("cat-file", "tag", tagged)
        head = text.partition("\n\n")[0].split("\n")
        if head[:3] != [f"object {commit}", "type commit", f"tag {short(ref)}"]:
            raise Tampered("other-tag", one_line(" ".join(head[:3])), f"{short(ref)} on {commit}", place=ref)
        by = "nobody" if signer.kind == "none" and not is_signed(text) else signer.verify(clone, tagged)
        made = outputs(run, git_commit=(short(branch(run)), commit), git_tag=(short(ref), tagged))
        facts = {"commit": commit, "tag": tagged, "tree": clone.tree_of(commit), "parent": frozen(run), "signed_by": by}
        return Outcome(made, {**facts, **signer.public_facts(run.children, by)})


def refuse_undeclared(run: StepRun, changes: Iterable[Change]) -> None:
    """Raises `Tampered` for a change of a path that the step does not declare (xz-utils 5.6.0: one more file)."""
    declared = declared_paths(run)
    others = [f"{change.how} {change.path}" for change in changes if not matches(change.path, declared)]
    if others:
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        raise Tampered(
            "undeclared-path", ", ".join(others[:_MOST_NAMED]) + more, f"changes of {', '.join(declared)} alone",
            place=str(run.repository), next_step="Find out who wrote it; declare it in paths only if it belongs there.",
        )  # fmt: skip


def declared_paths(run: StepRun) -> tuple[str, ...]:
    """What the release's commit may touch: ``with = { paths = [ … ] }`` of the step that commits.

    Without that, exactly the paths that the steps for changelog and version have written. Raises `Problem` if there are
    none: what a program of a step ``exec`` writes has to be declared.
    """
    step = next((one for one in (run.step, *run.pipeline.steps) if one.uses == COMMIT), run.step)
    named = step.options.get("paths", ())
    patterns = (named,) if isinstance(named, str) else named
    if not isinstance(patterns, tuple) or not patterns:
        patterns = written(run)
    if not patterns:
        raise Problem(
            "no-paths", "nothing says which paths the release's commit may touch", 'with = { paths = ["CHANGES.rst"] }',
            place=step.id,
        )  # fmt: skip
    return patterns


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path is one of these, or below one of these. ``*`` stays in its folder, ``**`` does not."""
    return any(_pattern(pattern).fullmatch(path) for pattern in patterns)


def author_of(run: StepRun) -> Author:
    """The place ``git`` (name, email), or the step's actor by his title, at an address that no one has (RFC 2606)."""
    place = run.places.get("git", {})
    name = place.get("name") or run.pipeline.actor(run.step.actor).title or run.step.actor
    email = place.get("email") or f"{run.step.actor}@{run.pipeline.project}.invalid"
    if not _plain(name) or not _plain(email):
        raise Problem("bad-author", f"{name!r} <{email!r}>", "words without '<', '>' and line ends", place="git")
    return Author(name, email)


def _plain(text: str) -> bool:
    return text.isprintable() and not set("<>") & set(text) and bool(text.strip())


def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern.rstrip("/"))
    body = "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.compile(f"{body}(/.*)?")


def _message(run: StepRun) -> str:
    given = str(run.step.options.get("message") or f"Release {run.pipeline.project} {run.params['version']}")
    return given.rstrip() + "\n"


def _who(run: StepRun, clone: Repository, author: Author) -> dict[str, str]:
    """The time is the run's beginning, or that of the frozen commit if that says to be younger."""
    return author.environment(max(int(run.state.created_at.timestamp()), clone.committed_at(frozen(run))))
