"""Which forge a place is: ``adapter = "hook" | "github" | "gitlab"``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from customhouse.release.actions import Problem, StepRun
from customhouse.release.git.forges.api import Api
from customhouse.release.git.forges.forge import Forge
from customhouse.release.git.forges.github import VERSION, GitHub, repository_of
from customhouse.release.git.forges.gitlab import GitLab, project_of
from customhouse.release.git.forges.hook import HookForge
from customhouse.release.git.forges.keys import lock_key
from customhouse.release.git.remotes import Placed, Remote, token_name

ADAPTERS = ("hook", "github", "gitlab")


def forge_of(run: StepRun, remote: Remote) -> Forge:
    """The forge behind a remote, for a step; raises `Problem` if the place names none."""
    found = forge_to_read(
        run, remote, run.repository.with_name(f"{run.repository.name}.scratch"), lambda: lock_key(run, remote.name)
    )
    if found is None:
        raise Problem(
            "no-adapter", "nothing says which forge it is", " or ".join(ADAPTERS), place=remote.name,
            next_step=f"Say so: --place {remote.name}.adapter=hook.",
        )  # fmt: skip
    return found


def forge_to_read(run: Placed, remote: Remote, scratch: Path, key: Callable[[], str]) -> Forge | None:
    """The forge behind a remote, None where the place names none; ``key`` is asked for only by what locks."""
    adapter = remote.place.get("adapter", "")
    if not adapter:
        return None
    if adapter == "hook":
        return HookForge(remote, scratch, key)
    if adapter not in ADAPTERS:
        raise Problem("no-adapter", f"{adapter[:40]!r} is no forge", " or ".join(ADAPTERS), place=remote.name)
    token = run.secrets(remote.place.get("token") or token_name(adapter))
    if adapter == "github":
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }
        api = Api(remote.name, remote.place.get("api") or _github(remote), headers)
        repository = remote.place.get("repository") or repository_of(remote.url)
        return GitHub(api, repository, remote.place.get("bypass", ""), remote.place.get("lock") == "branch")
    api = Api(remote.name, remote.place.get("api") or f"https://{_host(remote)}/api/v4", {"PRIVATE-TOKEN": token})
    return GitLab(api, remote.place.get("repository") or project_of(remote.url), remote.place.get("allow", ""))


def _github(remote: Remote) -> str:
    host = _host(remote)
    return "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"


def _host(remote: Remote) -> str:
    if "://" in remote.url:
        return urlsplit(remote.url).netloc.rpartition("@")[2]
    return remote.url.partition(":")[0].rpartition("@")[2]
