"""``customhouse release new``: write a pipeline from a template, with what this folder says about itself."""

from __future__ import annotations

import getpass
import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from customhouse.cli.release_lint import many
from customhouse.formats.plain import plain
from customhouse.terms.errors import Rejected

Template = Annotated[
    Literal["python-library", "compiled-library", "cpython", "security-release"],
    Parameter(name="--template", help="Which one to begin with."),
]
Folder = Annotated[Path, Parameter(help="The project's folder (default: this one).")]
Index = Annotated[str, Parameter(name="--index", show_default=False, help="Your index (default: the one in use).")]
User = Annotated[
    str, Parameter(name="--user", show_default=False, help="Your account there (default: your name here).")
]
PIPELINE, PLACES = "release.toml", "places.toml"
ALONE = "python-library"
"""The template for releases on one machine, where a key file is what proves a person."""
_SAMPLE_KEY = "0123456789ABCDEF0123456789ABCDEF01234567"
_USER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_LOCK = "requirements/build.txt"
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder says about itself; empty where it says nothing."""

    project: str
    user: str
    key: str
    branch: str
    upstream: str
    fork: str
    index: str
    bare_tags: bool
    """Whether its tags are versions without a ``v``."""


def new(
    folder: Folder = Path(), /, *, template: Template = "python-library", index: Index = "", user: User = ""
) -> None:
    """Write release.toml and places.toml from a template: project, remotes and user are filled in.

    Nothing is overwritten. The pipeline goes into the repository; the places are of this machine, and do not. For a
    release on one machine you approve with a key file of yours; it is made if there is none.
    """
    from customhouse.formats.pipeline.lint import lint  # noqa: PLC0415 - only these commands need it
    from customhouse.formats.pipeline.read import read_pipeline  # noqa: PLC0415 - as above
    from customhouse.release.template_texts import (  # noqa: PLC0415 - as above
        PROGRAMS,
        program_text,
        template_text,
        with_digest,
    )

    if not folder.is_dir():
        raise Rejected("no-folder", str(folder), "it is no folder", "the project's folder")
    targets = [folder / PIPELINE, folder / PLACES]
    program = folder / PROGRAMS[template] if template in PROGRAMS else None
    for path in (*targets, *([program] if program is not None else [])):
        if path.exists():
            raise Rejected("exists", str(path), "it is there already", "another folder, or take it away first")
    found = look(folder)
    found = replace(found, index=_origin(_checked(index)) or found.index, user=_account(user) or found.user)
    text = filled(template_text(template), found)
    key_file = None
    if template == ALONE:
        key_file, text = _with_key(text)
    if program is not None:
        text = with_digest(text, program_text(template))
    pipeline = read_pipeline(text, where=PIPELINE)
    findings = lint(pipeline)
    targets[0].write_text(text, encoding="utf-8")
    targets[1].write_text(places_text(found, text), encoding="utf-8")
    print(f"{targets[0]}: {template}, {many(len(pipeline.steps), 'step')}, {many(len(findings), 'finding')}")
    if program is not None:
        program.write_text(program_text(template), encoding="utf-8")
        print(f"{program}: what it runs; read it, and commit it too")
    print(f"{targets[1]}: where it acts on this machine; keep it out of the repository")
    if key_file is not None:
        print(f"Your key, by which you approve, stands in {PIPELINE}. It lies here:\n  {key_file}")
    for remark in (*_remarks(found, text), *_lock_remarks(folder, text)):
        print(f"  {remark}")
    where = "" if folder == Path() else f"cd {folder}; "
    others = "".join(
        f" --param {one.name}=…" for one in pipeline.params if one.name != "version" and one.default is None
    )
    print("Next:")
    print(f"  {where}customhouse release lint")
    print("  customhouse release draw -o release.svg")
    print(f"  customhouse release run --param version=1.2.3{others} --rehearse")


def _checked(index: str) -> str:
    if index and not index.startswith(("https://", "http://")):
        raise Rejected("bad-index", "--index", f"{plain(index, 80)!r} is no address", "such as https://index.example")
    return index


def _account(user: str) -> str:
    if user and _USER.fullmatch(user) is None:
        raise Rejected("bad-user", "--user", f"{plain(user, 80)!r} is no account's name", "such as rosa")
    return user


def _with_key(text: str) -> tuple[Path, str]:
    """The person's own key file, and the pipeline with it among his identities: the first actor's."""
    from customhouse.release.engine.person import own_key_file  # noqa: PLC0415 - the engine is loaded where it is used
    from customhouse.release.machine_key import open_key  # noqa: PLC0415 - as above

    path = own_key_file()
    mine = f'"key:{open_key(path).public}"'
    return path, re.sub(r"(?m)^(identities = \[.*)\]$", lambda line: f"{line[1]}, {mine}]", text, count=1)


def look(folder: Path) -> Found:
    """What pyproject.toml, git and this machine say."""
    from customhouse.cli.place import in_use  # noqa: PLC0415 - only this command needs it

    remotes = {
        name: _without_secrets(url)
        for line in _git(folder, "remote", "-v").splitlines()
        if (parts := line.split()) and len(parts) == 3 and parts[2] == "(push)"  # noqa: PLR2004 - NAME URL (push)
        for name, url in [(parts[0], parts[1])]
    }
    upstream = remotes.get("upstream") or remotes.get("origin") or next(iter(remotes.values()), "")
    project = _project(folder)
    fork = remotes.get("fork") or (remotes.get("origin", "") if "upstream" in remotes else "")
    beside = f"../{project or 'sealed'}-fork.git"
    if not fork and (folder / beside / "HEAD").is_file():
        fork = beside
    key = _git(folder, "config", "user.signingkey").strip().removeprefix("0x").upper()
    tags = _git(folder, "tag", "--list").split()
    return Found(
        project=project,
        user=_user(),
        key=key if re.fullmatch(r"[0-9A-F]{40}", key) else "",
        branch=_branch(_git(folder, "symbolic-ref", "--short", "HEAD").strip()),
        upstream=upstream,
        fork=fork if fork != upstream else "",
        index=_origin(in_use()),
        bare_tags=bool(tags) and sum(one[:1].isdigit() for one in tags) > len(tags) / 2,
    )


def filled(text: str, found: Found) -> str:
    """The template with what was found."""
    project = found.project or "sealed"
    # PEP 625 and the wheel format: files are called by the normalised name, with underscores.
    files = re.sub(r"[-_.]+", "_", project).lower()
    text = text.replace('"sealed-{version}', f'"{files}-{{version}}').replace("sealed", project)
    if found.user:
        text = text.replace("user:rosa", f"user:{found.user}").replace("#rosa", f"#{found.user}")
    if found.key:
        text = text.replace(_SAMPLE_KEY, found.key)
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
        lines += ["", "[gpg]", _setting("key", found.key, _SAMPLE_KEY), _setting("home", "", "~/.gnupg")]
    if "embargoed = true" in pipeline:
        lines += ["", "[case]                          # customhouse case", _setting("id", "", "CASE")]
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


def _remarks(found: Found, text: str) -> list[str]:
    """What could not be found and must be said by a person."""
    said = []
    if not found.project and 'project = "sealed"' in text:
        said.append("No project's name in pyproject.toml: it is called sealed for now.")
    if not found.upstream:
        said.append(f"No git remote here: say in {PLACES} where upstream is.")
    if not found.fork:
        said.append(f"No fork among the git remotes: git init --bare ../{found.project or 'sealed'}-fork.git will do.")
    if _SAMPLE_KEY in text:
        said.append(f"No signing key in git's settings: replace {_SAMPLE_KEY[:8]}… in {PIPELINE}.")
    if "https://index.example" in text:
        said.append("No index in use here: --index URL, or replace https://index.example.")
    return said


def _lock_remarks(folder: Path, text: str) -> list[str]:
    """How to lock what the build needs, where nobody has yet."""
    if _LOCK not in text or (folder / _LOCK).exists():
        return []
    return [
        f"No {_LOCK}: lock what the build needs, with hashes. Perhaps so:",
        f"echo {_backend(folder)} | uv pip compile --generate-hashes -o {_LOCK} -",
    ]


def _backend(folder: Path) -> str:
    with suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError):
        system = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("build-system")
        needed = system.get("requires") if isinstance(system, dict) else None
        if isinstance(needed, list) and needed and all(isinstance(one, str) for one in needed):
            plain_names = [one for one in needed if re.fullmatch(r"[A-Za-z0-9._-]+", one)]
            return " ".join(plain_names[:1]) or "setuptools"
    return "setuptools"


def _project(folder: Path) -> str:
    with suppress(OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ValueError):
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project")
        name = project.get("name") if isinstance(project, dict) else None
        if isinstance(name, str) and _PROJECT.fullmatch(name):
            return name
    return ""


def _user() -> str:
    with suppress(OSError, KeyError):
        name = getpass.getuser()
        return name if _USER.fullmatch(name) else ""
    return ""


def _branch(name: str) -> str:
    """The branch, if a parameter can be it."""
    return name if re.fullmatch(r"[a-z0-9][a-z0-9._/-]{0,60}", name) and ".." not in name else ""


def _git(folder: Path, *arguments: str) -> str:
    """What git says here; nothing where there is no git or no repository."""
    from customhouse.release.children import Children  # noqa: PLC0415 - only this command runs programs

    with suppress(OSError):
        done = Children().run(["git", "-C", str(folder), *arguments], timeout=_SECONDS)
        return done.out if done.ok else ""
    return ""


def _without_secrets(url: str) -> str:
    """An address without a name and a password before its host."""
    clean = re.sub(r"^(https?://)[^/@]*@", r"\1", url)
    return clean if plain(clean, 300) == clean else ""


def _origin(address: str) -> str:
    found = re.match(r"https?://[A-Za-z0-9.:\[\]-]+", address)
    return found[0] if found else ""


def _adapter(url: str) -> str:
    if re.search(r"[/@]github\.com[/:]", url):
        return "github"
    if re.search(r"[/@]gitlab\.com[/:]", url):
        return "gitlab"
    return "hook" if url.startswith(("/", "./", "../")) else ""
