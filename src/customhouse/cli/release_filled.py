"""The files that `customhouse release new` writes: a template and its places, with what was found filled in."""

from __future__ import annotations

import re

from customhouse.cli.release_found import Found

SAMPLE_KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
"""Of the templates: nobody's."""


def filled(text: str, found: Found) -> str:
    """The template with what was found."""
    project = found.project or "sealed"
    # PEP 625 and the wheel format: files are called by the normalised name, with underscores.
    files = re.sub(r"[-_.]+", "_", project).lower()
    text = text.replace('"sealed-{version}', f'"{files}-{{version}}').replace("sealed", project)
    if found.user:
        text = text.replace("user:rosa", f"user:{found.user}").replace("#rosa", f"#{found.user}")
    if found.key:
        text = text.replace(SAMPLE_KEY, found.key)
    if found.index:
        # Whom the Sigstore of an index knows, as certificates of it name him.
        text = re.sub(
            r"oidc:https://index\.example#([^\"]+)",
            lambda who: f"oidc:{found.index}/sigstore/oidc#{found.index}/user/{who[1]}", text,
        )  # fmt: skip
    if found.branch and found.branch != "main":
        text = text.replace(r"'main|\d+\.\d+'", rf"'main|{re.escape(found.branch)}|\d+\.\d+'")
        text = text.replace('default = "main"', f'default = "{found.branch}"')
    return text.replace('tag = "v{version}"', 'tag = "{version}"') if found.bare_tags else text


def places_text(found: Found, pipeline: str) -> str:
    """``places.toml``: what is known filled in, the rest as comments."""
    fork = "private" if "\nprivate = {" in pipeline else "fork"
    project = found.project or "sealed"
    adapter = _adapter(found.upstream)
    trust = f"{found.index}/sigstore/trust_config.json" if found.index else ""
    lines = [
        "# Where the release acts on this machine. Addresses and names; never secrets, and not for the repository.",
        "# Secrets come from the environment or the keyring: index-token, sigstore-token, github-token.",
        "",
        "[upstream]                      # gets the tag last",
        _setting("url", found.upstream, f"https://github.com/you/{project}.git"),
        *([_setting("adapter", adapter, "hook")] if adapter or "git.freeze" in pipeline else []),
        "",
        f"[{fork}]                          # where the release is made; a bare repository on this disk will do",
        _setting("url", found.fork, f"../{project}-{fork}.git"),
        "",
        *_index(found, project, pipeline),
        "",
        '[sigstore]                      # of your index; a file; or "public"',
        _setting("trust_config", trust, "./trust_config.json"),
    ]
    if '"gpg"' in pipeline:
        lines += ["", "[gpg]", _setting("key", found.key, SAMPLE_KEY), _setting("home", "", "~/.gnupg")]
    if "embargoed = true" in pipeline:
        lines += ["", "[case]                          # the end of its page's address", _setting("id", "", "CASE")]
    if 'uses = "announce"' in pipeline:
        lines += ["", "# [mail], [atom] and [webhook]: who is told; see docs/pipeline.md"]
    return "\n".join(lines) + "\n"


def _index(found: Found, project: str, pipeline: str) -> list[str]:
    """The store: an index for wheels and sdists, the folder of a download server for other files."""
    if "build.python" in pipeline:
        return ["[index]", _setting("url", found.index, "http://127.0.0.1:8417"), _setting("project", project, "")]
    return [
        "[index]                         # the folder that a download server shows, and one beside it",
        _setting("adapter", "folder", ""),
        _setting("path", "", "/srv/downloads/ftp"),
        _setting("stage", "", "/srv/downloads/staged"),
        _setting("url", "", "https://downloads.example/ftp"),
    ]


def _setting(name: str, value: str, sample: str) -> str:
    written = (value or sample).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name} = "{written}"' if value else f'# {name} = "{written}"'


def _adapter(url: str) -> str:
    if re.search(r"[/@]github\.com[/:]", url):
        return "github"
    if re.search(r"[/@]gitlab\.com[/:]", url):
        return "gitlab"
    return "hook" if url.startswith(("/", "./", "../")) else ""
