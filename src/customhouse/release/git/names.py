"""Names of refs and object ids, checked before git sees them: a name is never an option, a command or a pattern.

The rules are git's own (git-check-ref-format(1)), and one of ours: no part of a name begins with a hyphen.
"""

from __future__ import annotations

import re

from customhouse.release.actions import Problem

LONGEST_REF = 200
ZERO = "0"
_SHA256_DIGITS = 64
_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NEVER = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
_BAD_PART = re.compile(r"^[.-]|\.lock$|^$")


def ref_name(text: str, where: str = "ref") -> str:
    """A full name such as ``refs/heads/main``, as it is; raises `Problem`."""
    parts = text.split("/")
    fine = (
        text.startswith("refs/")
        and len(parts) > 2  # noqa: PLR2004 - refs, a kind, a name
        and len(text) <= LONGEST_REF
        and not _NEVER.search(text)
        and not text.endswith(".")
        and not any(_BAD_PART.search(part) for part in parts)
    )
    if not fine:
        raise Problem(
            "bad-ref", f"{text[:80]!r} is no name that git takes", "a name as git-check-ref-format describes it",
            place=where, next_step="Choose a branch or a tag of letters, digits, '.', '-', '_' and '/'.",
        )  # fmt: skip
    return text


def branch_ref(branch: str) -> str:
    """The ref of a branch; raises `Problem`."""
    return ref_name(f"refs/heads/{branch}", "branch")


def tag_ref(tag: str) -> str:
    """The ref of a tag; raises `Problem`."""
    return ref_name(f"refs/tags/{tag}", "tag")


def object_id(text: str, where: str = "object") -> str:
    """A whole id of SHA-1 or SHA-256, lower case; raises `Problem` for a short one, a name, and anything else."""
    if not _OBJECT_ID.fullmatch(text):
        raise Problem("bad-object", f"{text[:80]!r} is no whole object id", "40 or 64 hexadecimal digits", place=where)
    return text


def object_format(like: str) -> str:
    """How git calls the kind of ids that are as long as this one."""
    return "sha256" if len(like) == _SHA256_DIGITS else "sha1"


def is_nothing(oid: str) -> bool:
    """Whether this is how git writes that there is no object."""
    return not oid.strip(ZERO)


def short(ref: str) -> str:
    """``main`` of ``refs/heads/main``, for people."""
    return ref.split("/", 2)[2] if ref.startswith(("refs/heads/", "refs/tags/")) else ref
