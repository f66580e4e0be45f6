"""The git program, called so that nothing which a repository or a user's settings say is run.

No hooks of ours, no file system monitor, no filters, no pager, no editor, no helpers but our own, no protocol but
the one that was named, no settings of the system or of the user, no replaced objects. Arguments, never a shell.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from customhouse.release.actions import Problem
from customhouse.release.children import Children, Ran

SECONDS = 600.0
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "core.pager": "cat",
    "core.editor": "false",
    "core.askPass": "",
    "core.sshCommand": "ssh -o BatchMode=yes",
    "core.logAllRefUpdates": "false",
    "core.autocrlf": "false",
    "core.quotePath": "false",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "gc.auto": "0",
    "gpg.program": "gpg",
    "http.followRedirects": "false",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "push.followTags": "false",
    "push.recurseSubmodules": "no",
    "fetch.recurseSubmodules": "no",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "true",
}
# What programs that git calls for us (ssh, gpg, TLS) need of this process's environment.
_KEPT = (
    "PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy",
    "NO_PROXY", "no_proxy",
)  # fmt: skip


@dataclass(frozen=True)
class Git:
    """Calls of git. ``settings`` come on top of ours, by the environment, so that no list of processes shows them."""

    children: Children
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, arguments: Sequence[str], *, at: Path | None = None, stdin: bytes = b"", timeout: float = SECONDS,
        env: Mapping[str, str] | None = None,
    ) -> Ran:  # fmt: skip
        """Run it to its end, whatever that is; raises `Problem` only if there is no git, or it took too long."""
        folder = ["-C", str(at)] if at is not None else []
        everything = {**self._environment(at), **(env or {})}
        try:
            ran = self.children.run(["git", *folder, *arguments], env=everything, stdin=stdin, timeout=timeout)
        except FileNotFoundError as error:
            raise Problem("no-git", "there is no program git", "git 2.36 or newer", next_step="Install git.") from error
        if ran.timed_out or ran.stopped:
            why = f"it took more than {timeout:.0f} s" if ran.timed_out else "it was stopped"
            raise Problem("git-ended", f"git {arguments[0]}: {why}", place=str(at or ""))
        return ran

    def ask(
        self, *arguments: str, at: Path | None = None, stdin: bytes = b"", env: Mapping[str, str] | None = None,
        timeout: float = SECONDS,
    ) -> str:  # fmt: skip
        """What it prints, without the last line's end; raises `Problem` if it fails."""
        ran = self.run(arguments, at=at, stdin=stdin, env=env, timeout=timeout)
        if not ran.ok:
            raise Problem("git-failed", f"git {arguments[0]}: {one_line(ran.tail)}", place=str(at or ""))
        return ran.out.removesuffix("\n")

    def with_settings(self, settings: Mapping[str, str], environment: Mapping[str, str] | None = None) -> Git:
        """The same, with more settings."""
        return Git(self.children, {**self.settings, **settings}, {**self.environment, **(environment or {})})

    def _environment(self, at: Path | None) -> dict[str, str]:
        settings = {**_SETTINGS, **self.settings}
        counted = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (name, value) in enumerate(settings.items()):
            counted[f"GIT_CONFIG_KEY_{number}"] = name
            counted[f"GIT_CONFIG_VALUE_{number}"] = value
        ceiling = {"GIT_CEILING_DIRECTORIES": str(at.absolute().parent)} if at is not None else {}
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "LC_ALL": "C",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": "none",
            **ceiling,
            **counted,
            **self.environment,
        }


def one_line(text: str, most: int = 300) -> str:
    """Words of another program as one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most]
