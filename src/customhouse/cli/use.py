"""``customhouse use VIEW``: pip, uv and Poetry take packages from a view from now on; and taking that back."""

from __future__ import annotations

import difflib
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from customhouse.cli.audit_surroundings import warn, write_whole
from customhouse.cli.exit_codes import FINE, PARTIAL
from customhouse.consume.setup.effect import besides, effects, overriding, past_the_view
from customhouse.consume.setup.places import named, targets_of_project, targets_of_user
from customhouse.consume.setup.plan import Step, to_undo, to_use
from customhouse.consume.setup.record import USER, Use, Uses, read_uses, record_path, written
from customhouse.consume.setup.tokens import forget, keep, services_of
from customhouse.consume.view_address import Place, read_place
from customhouse.formats.plain import plain
from customhouse.terms.clock import SystemClock
from customhouse.terms.errors import Refused, Rejected, Unavailable

COLUMNS = 80
_MOST_TOKEN = 4096
_PASSWORD = re.compile(r"(://[^/@\s:]*:)[^/@\s]*@")
"""Of an address that stood in a file before us: what is shown is pasted into tickets, and logs of builds keep it."""

View = Annotated[str, Parameter(help="The view: its name, or its address. Without one: say what is in effect here.")]
IndexFlag = Annotated[
    str, Parameter(name="--index", show_default=False,
                   help="The address of the Customhouse that has the view, or of any simple repository."),
]  # fmt: skip
User = Annotated[
    bool, Parameter(name="--user", negative="", show_default=False, help="For you, wherever you are (the default).")
]
Project = Annotated[
    Path | None, Parameter(help="For the project in this folder: its uv settings, its Poetry source, its .venv's pip.")
]
Undo = Annotated[
    bool, Parameter(name="--undo", negative="", show_default=False, help="Take back exactly what was changed.")
]
DryRun = Annotated[
    bool,
    Parameter(name="--dry-run", negative="", show_default=False, help="Show what would change."),
]
Token = Annotated[
    str, Parameter(show_default=False, allow_leading_hyphen=True,
                   help="With the sign - a token is read from standard input, and kept in the keyring."),
]  # fmt: skip


def use(
    view: View = "", /, *, index: IndexFlag = "", user: User = False, project: Project = None, undo: Undo = False,
    dry_run: DryRun = False, token: Token = "",
) -> int:  # fmt: skip
    """Have pip, uv and Poetry take packages from a view, for you or for one project; or say what they do now."""
    if user and project is not None:
        raise Rejected("bad-scope", "--user", "it contradicts --project", "one of them")
    if project is not None and not project.is_dir():
        raise Rejected("bad-scope", "--project", f"{plain(project, 200)} is no folder", "a folder that is there")
    scope = str(project.resolve()) if project is not None else USER
    uses = read_uses(os.environ)
    if undo:
        if view or index or token:
            raise Rejected("bad-undo", "--undo", "it takes back what was set up, and needs no view", "--undo alone")
        return _undo(uses, scope, dry=dry_run)
    if not view and not index:
        if token or dry_run:
            raise Rejected("bad-view", "VIEW", "it is not said which", "the name or the address of a view")
        return _tell(uses)
    if token not in ("", "-"):
        raise Rejected("bad-token", "--token", "every list of processes shows it there", "--token - and standard input")
    known = uses.here(Path.cwd())
    place = read_place(view, index or (known.index if known is not None and "://" not in view else ""))
    _refuse_plain_http(place)
    _refuse_unless_there(place)
    return _use(uses, scope, project, place, token=token == "-", dry=dry_run)  # noqa: S105 - a sign


def _use(uses: Uses, scope: str, project: Path | None, place: Place, *, token: bool, dry: bool) -> int:
    before = uses.by_scope.get(scope)
    # A token is the host's: another view of it is opened by it, too.
    had_token = before is not None and before.keyring == services_of(place)
    with_token = token or had_token
    if project is not None:
        targets, notes = targets_of_project(place, project.resolve(), os.environ, token=with_token)
    else:
        targets, notes = targets_of_user(place, os.environ, token=with_token)
    steps = to_use(targets, before)
    tools = {str(one.path): one.tool for one in targets}
    if dry:
        _show(steps)
        return FINE
    keyring = before.keyring if had_token and before is not None else ()
    if token:
        keyring = services_of(place)
        keep(keyring, sys.stdin.read(_MOST_TOKEN).strip(), before.keyring if before is not None else ())
    folders = _missing_folders([*(one.path for one in steps if one.new is not None), record_path(os.environ)])
    edits = tuple(one.edit for one in steps if one.edit is not None)
    kept = tuple(before.folders) if before is not None else ()
    record = Use(
        scope, place.simple, place.view, SystemClock().now().isoformat(timespec="seconds"), edits,
        tuple(dict.fromkeys([*kept, *(str(one) for one in folders)])), keyring,
    )  # fmt: skip
    left = uses.with_use(record)
    _write(steps, left)
    if before is not None:
        _forget(before, left)
    for one in steps:
        done = "changed" if one.changes and one.now is not None else "made" if one.changes else "is so already:"
        print(f"{tools.get(str(one.path), 'other'):<8}{done} {named(one.path)}")
    more = list(besides(project.resolve(), os.environ, place.simple)) if project is not None else []
    for note in [*notes, *past_the_view(project or Path.cwd()), *_overridden(), *more]:
        warn(note)
    if more:
        print(f"NOT ALL packages come from {plain(place.title, 200)}: see above."
              " `customhouse use` without --project takes other indexes out of your own settings.")  # fmt: skip
        return PARTIAL
    print(f"Packages come from {plain(place.title, 200)}. `customhouse use --undo"
          f"{'' if project is None else f' --project {plain(project, 200)}'}` takes it back.")  # fmt: skip
    return FINE


def _undo(uses: Uses, scope: str, *, dry: bool) -> int:
    use = uses.by_scope.get(scope)
    if use is None:
        others = [f"--project {one}" for one in uses.by_scope if one != USER]
        hint = f" There is: {', '.join(others)}." if others else ""
        raise Refused(
            "nothing-to-undo", f"Nothing was set up for {'you' if scope == USER else scope}.{hint}", status=404
        )
    steps = to_undo(use)
    if dry:
        _show(steps)
        return FINE
    left = uses.without(scope)
    _forget(use, left)
    for one in steps:
        _write_one(one)
        print(f"{'removed' if one.new is None else 'restored' if one.changes else 'is so already:'} {named(one.path)}")
    if left.by_scope:
        _write_record(left)
    else:
        record_path(os.environ).unlink(missing_ok=True)
    for folder in reversed(use.folders):
        try:
            Path(folder).rmdir()
        except OSError:
            # Something else lies in it by now, or it is gone.
            continue
    return FINE


def _forget(use: Use, left: Uses) -> None:
    """Take the tokens of a use away that no other needs."""
    needed = {one for other in left.by_scope.values() for one in other.keyring}
    if own := tuple(one for one in use.keyring if one not in needed):
        forget(own)


def _tell(uses: Uses) -> int:
    here = Path.cwd()
    for one in effects(here, os.environ):
        first, *others = one.places
        print(f"{one.tool:<8}{plain(first, 200)}")
        for other in others:
            print(f"{'':<8}and {plain(other, 200)}")
        print(f"{'':<8}as {plain(one.said_by, 200)} says")
    found = uses.here(here)
    if found is None:
        print("`customhouse use VIEW --index URL` has not been used for you or here.")
    else:
        scope = "" if found.scope == USER else f" --project {plain(found.scope, 200)}"
        what = f"the view {found.view} at {found.index}" if found.view else found.index
        sentence = f"Set up on {found.at[:10]}: {plain(what, 300)}. `customhouse use --undo{scope}` takes it back."
        print(textwrap.fill(sentence, COLUMNS, break_long_words=False, break_on_hyphens=False))
    for note in [*past_the_view(here), *_overridden()]:
        warn(note)
    return FINE


def _overridden() -> Iterator[str]:
    if names := overriding(os.environ):
        verb = "is set, and counts" if len(names) == 1 else "are set, and count"
        yield f"{', '.join(names)} {verb} more than any file."


def _refuse_unless_there(place: Place) -> None:
    """A name with a slip of the pen would stop every installation. Who cannot be asked now may be there tomorrow."""
    from customhouse.consume.wire import NOT_FOUND, Wire  # noqa: PLC0415 - who only looks or undoes needs no network

    wire = Wire()
    try:
        found = wire.look(place.simple)
    except Unavailable as error:
        warn(f"{error} It is set up all the same.")
    else:
        if found.status == NOT_FOUND:
            sentence = f"There is nothing at {plain(place.simple, 200)}: it answers 404."
            raise Refused("no-view", sentence, "Ask whoever runs it.", status=404)
    finally:
        wire.close()


def _refuse_plain_http(place: Place) -> None:
    """Whoever stands between could give other packages; pip refuses it, too."""
    if not place.is_safe:
        raise Rejected("bad-view", "--index", f"{plain(place.simple, 200)} has no TLS: anybody on the way could give"
                       " other packages", "https://…")  # fmt: skip


def _show(steps: Sequence[Step]) -> None:
    for one in steps:
        before, after = (one.now or "").splitlines(), (one.new or "").splitlines()
        name = named(one.path)
        lines = difflib.unified_diff(before, after, name, f"{name} ({'would go' if one.new is None else 'then'})",
                                     lineterm="")  # fmt: skip
        bare = (_PASSWORD.sub(r"\1…@", line) for line in lines)
        print("\n".join(plain(line, 300) if line.strip() else line for line in bare) or f"{name}: is so already")


def _write(steps: Sequence[Step], uses: Uses) -> None:
    # First what is to be remembered: whatever breaks off afterwards can be taken back.
    _write_record(uses)
    for one in steps:
        _write_one(one)


def _write_record(uses: Uses) -> None:
    path = record_path(os.environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Lines that were replaced may have held a password of the user's own.
    path.touch(mode=0o600)
    write_whole(path, written(uses))


def _write_one(step: Step) -> None:
    if not step.changes:
        return
    if step.new is None:
        step.path.resolve().unlink(missing_ok=True)
        return
    step.path.resolve().parent.mkdir(parents=True, exist_ok=True)
    write_whole(step.path, step.new)


def _missing_folders(paths: Sequence[Path]) -> list[Path]:
    """The folders that are about to be made, the outermost first."""
    found: dict[Path, None] = {}
    for path in paths:
        above = [one for one in reversed(path.parents) if not one.exists()]
        found.update(dict.fromkeys(above))
    return list(found)
