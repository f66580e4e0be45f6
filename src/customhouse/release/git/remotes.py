"""The two remotes of a release: ``upstream``, whose branch is frozen and which gets the tag last, and ``fork``.

Which place is which says the pipeline: where it freezes or pushes last is upstream, where it syncs or pushes is the
fork. A token goes to https addresses alone, through a helper that reads it from the environment: it stands in no
argument, no address and no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

from customhouse.formats.pipeline.model import Pipeline
from customhouse.release.actions import Problem
from customhouse.release.children import Children, Ran
from customhouse.release.git.git import Git, one_line
from customhouse.release.git.names import is_nothing, object_id, ref_name

UPSTREAM, FORK = "upstream", "fork"
_OF_UPSTREAM = ("git.freeze", "git.push_last", "git.unfreeze")
_OF_FORK = ("git.push", "git.sync")
_TOKEN = "CUSTOMHOUSE_GIT_TOKEN"  # noqa: S105 - the name of a variable
_USER = "CUSTOMHOUSE_GIT_USER"
# A constant: git gives it to a shell, which finds user and token in its environment.
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${_USER}" "${_TOKEN}"; }}; f'
# Faults that old histories have and that hurt nobody (git-fsck(1)): a place may say that its history has them.
_HARMLESS_FAULTS = (
    "badTimezone", "zeroPaddedFilemode", "missingSpaceBeforeDate", "badDateOverflow", "missingNameBeforeEmail",
    "missingSpaceBeforeEmail", "missingTaggerEntry",
)  # fmt: skip
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SCP = re.compile(r"(?:[A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9._][A-Za-z0-9._-]*:(?!/?/)[^-:][^:]*")
_PLAIN = re.compile(r"[!-~]+")


class Placed(Protocol):
    """What is needed to reach remotes: a `StepRun`, or what the engine has beside its steps."""

    @property
    def pipeline(self) -> Pipeline:
        """With every parameter filled in."""
        ...

    @property
    def places(self) -> Mapping[str, Mapping[str, str]]:
        """By environment."""
        ...

    @property
    def children(self) -> Children:
        """Who runs git."""
        ...

    @property
    def secrets(self) -> Callable[[str], str]:
        """Secrets of this machine by name; raises `Problem`."""
        ...


@dataclass(frozen=True)
class Remote:
    """A repository elsewhere."""

    name: str
    """The environment's id: what events call it."""
    url: str
    git: Git
    place: Mapping[str, str]

    @property
    def local(self) -> Path | None:
        """Its folder, if it is on this machine."""
        return Path(self.url) if self.url.startswith("/") else None

    def refs(self, *patterns: str) -> dict[str, str]:
        """Object ids by ref, of the refs with exactly these names; a tag's commit stands at ``NAME^{}``."""
        names = [one for pattern in patterns for one in (ref_name(pattern), f"{pattern}^{{}}")]
        ran = self._reach(["ls-remote", "--quiet", "--", self.url, *names])
        if not ran.ok:
            raise self.unreachable(ran)
        found = {}
        for line in ran.out.splitlines():
            oid, _, name = line.partition("\t")
            if name in names:
                found[name] = object_id(oid, f"{self.name}: {name}")
        return found

    def head(self) -> str:
        """Some commit of it, "" if it has none."""
        ran = self._reach(["ls-remote", "--quiet", "--", self.url, "HEAD"])
        if not ran.ok:
            raise self.unreachable(ran)
        return object_id(ran.out.split("\t")[0], self.name) if ran.out else ""

    def fetch(self, into: Path, *refspecs: str) -> None:
        """Bring objects into a repository; tags come only where they are named."""
        ran = self._reach(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--",
                           self.url, *refspecs], at=into)  # fmt: skip
        if not ran.ok:
            raise self.unreachable(ran)

    def push(
        self, origin: Path, updates: Sequence[Update], *, settings: Mapping[str, str] | None = None,
    ) -> Ran:  # fmt: skip
        """Push all updates or none, each only if the ref is where it is expected. Returns what git said."""
        leases = [f"--force-with-lease={ref_name(one.ref)}:{one.lease}" for one in updates]
        specs = [f"{one.new}:{one.ref}" for one in updates]
        return self._reach(
            ["push", "--atomic", "--porcelain", "--no-verify", "--no-follow-tags", *leases, "--", self.url, *specs],
            at=origin, settings=settings,
        )  # fmt: skip

    def unreachable(self, ran: Ran) -> Problem:
        """What to say when it does not answer, or not as it should."""
        return Problem(
            "remote-failed", one_line(ran.tail) or f"git ended with {ran.code}", place=f"{self.name} ({self.url})",
            next_step="Look whether it is up and whether this machine may reach it; then try again.",
        )  # fmt: skip

    def _reach(self, arguments: list[str], *, at: Path | None = None, settings: Mapping[str, str] | None = None) -> Ran:
        git = self.git.with_settings(settings or {})
        if self.local is None:
            return git.run(arguments, at=at)
        # Whoever named the folder trusts it, whoever owns it. Git asks only files about that, not our environment.
        with TemporaryDirectory(prefix="customhouse-git-") as folder:
            trusted = Path(folder) / "gitconfig"
            quoted = str(self.local).replace("\\", "\\\\").replace('"', '\\"')
            trusted.write_text(f'[safe]\n\tdirectory = "{quoted}"\n')
            return git.run(arguments, at=at, env={"GIT_CONFIG_GLOBAL": str(trusted)})


@dataclass(frozen=True, slots=True)
class Update:
    """One ref of a push. ``new`` "" deletes it; ``lease`` is where it must be, "" if it must not be there."""

    ref: str
    new: str
    lease: str = ""


def upstream(run: Placed) -> Remote:
    """Whose branch is frozen; raises `Problem` if nothing says where it is."""
    return remote(run, environment_of(run.pipeline, _OF_UPSTREAM, UPSTREAM))


def fork(run: Placed) -> Remote:
    """Where the release is made; raises `Problem` if nothing says where it is."""
    return remote(run, environment_of(run.pipeline, _OF_FORK, FORK))


def both(run: Placed) -> list[Remote]:
    """Every remote that a place is named for, upstream first."""
    names = dict.fromkeys(
        (environment_of(run.pipeline, _OF_UPSTREAM, UPSTREAM), environment_of(run.pipeline, _OF_FORK, FORK))
    )
    return [remote(run, name) for name in names if run.places.get(name, {}).get("url")]


def environment_of(pipeline: Pipeline, uses: Sequence[str], otherwise: str) -> str:
    """The environment of the first step that uses one of these actions."""
    return next((step.env for step in pipeline.steps if step.uses in uses), otherwise)


def remote(run: Placed, name: str) -> Remote:
    """The remote of an environment; raises `Problem`."""
    place = run.places.get(name, {})
    url = checked_url(place.get("url", ""), name)
    scheme = _scheme(url)
    environment = {"GIT_ALLOW_PROTOCOL": scheme}
    settings = {f"protocol.{scheme}.allow": "always"}
    for fault in place.get("fsck_ignore", "").replace(",", " ").split():
        if fault not in _HARMLESS_FAULTS:
            raise Problem("bad-place", f"fsck_ignore = {fault!r}", " or ".join(_HARMLESS_FAULTS), place=name)
        settings[f"fetch.fsck.{fault}"] = "ignore"
    token = _token(run, place) if scheme in ("https", "http") else ""
    if token:
        parts = urlsplit(url)
        # Only this host is shown the token, whatever a server answers.
        settings[f"credential.{parts.scheme}://{parts.netloc}.helper"] = _HELPER
        environment[_TOKEN] = token
        environment[_USER] = place.get("user") or ("oauth2" if place.get("adapter") == "gitlab" else "x-access-token")
    return Remote(name, url, Git(run.children).with_settings(settings, environment), place)


def _token(run: Placed, place: Mapping[str, str]) -> str:
    """The token that the place names; or the forge's usual one if this machine has it: who only reads may need none."""
    if named := place.get("token"):
        return run.secrets(named)
    if usual := token_name(place.get("adapter", "")):
        with suppress(Problem):
            return run.secrets(usual)
    return ""


def token_name(adapter: str) -> str:
    """Under which name a forge's token is kept, unless the place says otherwise."""
    return f"{adapter}-token" if adapter in ("github", "gitlab") else ""


def checked_url(url: str, name: str) -> str:
    """An absolute folder, or an address of https, ssh, or http on this machine; raises `Problem`."""
    problem = Problem(
        "bad-remote", f"{url[:80]!r} is no address of a git repository" if url else "no address is named",
        "an absolute folder, https://HOST/PATH, ssh://HOST/PATH or user@host:path", place=name,
        next_step=f"Say where it is: --place {name}.url=ADDRESS.",
    )  # fmt: skip
    plain = url.isprintable() if url.startswith("/") else _PLAIN.fullmatch(url)
    if not plain or url.startswith("-") or "::" in url:
        raise problem
    if url.startswith("/"):
        return url.rstrip("/") or "/"
    if "://" not in url:
        if _SCP.fullmatch(url):
            return url
        raise problem
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.password or not host or host.startswith("-") or parts.path in ("", "/"):
        raise problem
    if parts.scheme not in ("https", "ssh") and not (parts.scheme == "http" and host in _LOOPBACK):
        raise problem
    if parts.scheme != "ssh" and parts.username:
        raise problem
    return url


def _scheme(url: str) -> str:
    if url.startswith("/"):
        return "file"
    return urlsplit(url).scheme if "://" in url else "ssh"


def where(refs: Mapping[str, str], ref: str) -> tuple[str, str]:
    """The object and the commit that a ref names in an answer of `Remote.refs`; empty where there is none."""
    oid = refs.get(ref, "")
    return ("", "") if not oid or is_nothing(oid) else (oid, refs.get(f"{ref}^{{}}", oid))
