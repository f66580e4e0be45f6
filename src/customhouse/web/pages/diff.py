"""The diff of two releases, file by file: for everybody who may read the project, and for those who triage reports."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from packaging.version import Version
from starlette.responses import RedirectResponse, Response

from customhouse.app import App
from customhouse.catalog.model import File, Project
from customhouse.formats.inspection import Signal
from customhouse.formats.line_diff import Row
from customhouse.formats.member_changes import Change, Side
from customhouse.formats.metadata_diff import FieldChange
from customhouse.formats.release_diff import TEXT_BYTES, ReleaseDiff
from customhouse.formats.visible import visible_parts
from customhouse.index.diff import Comparable, comparable
from customhouse.terms.errors import Refused
from customhouse.terms.versions import version_of
from customhouse.web.doors import Door, door
from customhouse.web.pages.diff_model import DiffView, FieldRow, FileDiff, Hidden, LineRow, Notable, PairRow
from customhouse.web.pages.signals import MEANINGS
from customhouse.web.permissions import Permission
from customhouse.web.render import readable_size
from customhouse.web.visit import Visit

OPEN_ROWS = 400
"""A comparison with at most so many lines is shown unfolded."""
_KINDS = {"+": "plus", "-": "minus", " ": "same"}
_EMPTY = ReleaseDiff((), (), (), (), 0, {"added": 0, "removed": 0, "changed": 0, "renamed": 0, "unchanged": 0}, 0, 0)


def diff_doors() -> list[Door]:
    """The doors of the comparison; they stand before those of a project's versions, of which none is called diff."""
    return [
        door("GET", "/project/{name}/diff/", choose, Permission.PROJECT_READ),
        door("GET", "/project/{name}/diff/{old}/{new}/", show, Permission.PROJECT_READ),
    ]


def choose(visit: Visit) -> Response:
    """The form's answer: on to the page of the two versions that were chosen."""
    old, new = (_version(visit.query.get(side, "")) for side in ("old", "new"))
    return RedirectResponse(_address(visit.this_project, old, new), 303)


def show(visit: Visit) -> Response:
    """The comparison, to the public."""
    project = visit.this_project
    old, new = _version(visit.path["old"]), _version(visit.path["new"])
    address = _address(project, old, new)
    if visit.path["name"] != project.normalized or (visit.path["old"], visit.path["new"]) != (old, new):
        return RedirectResponse(address, 301)
    view = diff_view(
        visit.app, project, old, new, allow_hidden=False, address=address,
        chooser=f"/project/{project.normalized}/diff/",
        filename=visit.query.get("file", ""), member=visit.query.get("member", ""),
    )  # fmt: skip
    return visit.page("diff.html", kept=project.public, view=view)


def diff_view(
    app: App,
    project: Project,
    old: str,
    new: str,
    *,
    allow_hidden: bool,
    address: str = "",
    chooser: str = "",
    filename: str = "",
    member: str = "",
) -> DiffView:
    """What a page shows of the difference of two versions (in any spelling); ``diff_parts.html`` prints it.

    ``address`` is the page's own, for its links; ``chooser`` takes the form that chooses other versions, if any.
    ``filename`` chooses among several files of the new version, ``member`` shows one member alone. Raises `Refused` for
    what is not there, `Rejected` in the strict reader's words, `Unavailable` when too many ask.
    """
    old, new = _version(old), _version(new)
    address = address or _address(project, old, new)
    with app.database.read() as sql:
        found = comparable(sql, project, old, new, allow_hidden=allow_hidden)
    return view_of(app, project, found, old, new, address=address, chooser=chooser, filename=filename, member=member)


def view_of(
    app: App,
    project: Project,
    found: Comparable,
    old: str,
    new: str,
    *,
    address: str,
    chooser: str = "",
    filename: str = "",
    member: str = "",
) -> DiffView:
    """The same of files that have been found, wherever they lie."""
    pair = found.pair_of(filename)
    diff, same_bytes = _EMPTY, False
    if pair is not None:
        before, after = found.files_of(pair)
        same_bytes = before.digest == after.digest
        diff = _EMPTY if same_bytes else app.comparisons.compare(before, after)
        if member:
            # Asked of the answer that is remembered: made-up names must not have the archives read again.
            if not diff.changes_left and all(change.name != member for change in diff.changes):
                raise _unknown_member(member)
            diff = app.comparisons.compare(before, after, only=member)
    if member and not diff.changes:
        raise _unknown_member(member)
    unfolded = bool(member) or sum(len(hunk) for change in diff.changes for hunk in change.hunks) <= OPEN_ROWS
    chosen = pair.new.filename if pair is not None else ""
    files = [
        (change.noise, _file(change, number, f"{address}?{urlencode({'file': chosen, 'member': change.name})}",
                             unfolded=unfolded and (bool(member) or not change.noise)))
        for number, change in enumerate(diff.changes, 1)
    ]  # fmt: skip
    lines = max(1, diff.added + diff.removed)
    return DiffView(
        display=project.display,
        normalized=project.normalized,
        old=old,
        new=new,
        versions=sorted(found.versions, key=Version, reverse=True),
        chooser=chooser,
        address=address,
        pairs=[
            PairRow(one.old.filename, one.new.filename, f"{address}?{urlencode({'file': one.new.filename})}",
                    one is pair) for one in found.pairs
        ],
        alone=sorted({file.filename for file in found.new} - {one.new.filename for one in found.pairs}),
        hidden=_hidden(project, found),
        member=member,
        same_bytes=same_bytes,
        signals=[_notable(signal) for signal in diff.signals],
        signals_gone=[_notable(signal) for signal in diff.signals_gone],
        fields=[_field(change) for change in diff.fields],
        counts=list(diff.counts.items()),
        added=diff.added,
        removed=diff.removed,
        bar=(round(100 * diff.added / lines, 2), round(100 * diff.removed / lines, 2)),
        files=[one for noise, one in files if not noise],
        noise=[one for noise, one in files if noise],
        changes_left=diff.changes_left,
    )  # fmt: skip


def visible(text: str) -> Markup:
    """A package's text for a page: escaped, and with a mark for each character that would not be seen."""
    return Markup("").join(
        Markup('<span class="odd">{}</span>').format(part.text) if part.odd else escape(part.text)
        for part in visible_parts(text)
    )


def _version(text: str) -> str:
    found = version_of(text)
    if found is None:
        raise Refused("unknown-version", f"{text[:100]!r} is no version.", "Choose two versions.", status=404)
    return str(found)


def _unknown_member(name: str) -> Refused:
    return Refused("unknown-member", f"{name[:200]!r} is not among the files that changed.", status=404)


def _address(project: Project, old: str, new: str) -> str:
    return f"/project/{project.normalized}/diff/{quote(old)}/{quote(new)}/"


def _hidden(project: Project, found: Comparable) -> list[Hidden]:
    rows = [(file.filename, _why_hidden(project, file)) for file in (*found.old, *found.new)]
    return [Hidden(filename, why) for filename, why in dict(rows).items() if why]


def _why_hidden(project: Project, file: File) -> str:
    if project.deleted_at is not None or file.deleted_at is not None:
        return "deleted"
    return "quarantined" if project.status == "quarantined" or file.quarantined_at is not None else ""


def _notable(signal: Signal) -> Notable:
    meaning = MEANINGS.get(signal.code, "Legal, and worth a look.")
    return Notable(signal.code, meaning, visible(signal.where), visible(signal.detail))


def _field(change: FieldChange) -> FieldRow:
    label = "Entry points" if change.field == "entry_points" else change.field.replace("_", "-").title()
    return FieldRow(
        label, [visible(text) for text in change.gone], [visible(text) for text in change.come], change.left
    )


def _file(change: Change, number: int, alone: str, *, unfolded: bool) -> FileDiff:
    cut = change.rows_left > 0 or change.shown == "no-room" or any(row.left for hunk in change.hunks for row in hunk)
    return FileDiff(
        name=visible(change.name),
        what=change.what,
        anchor=f"file-{number}",
        sizes=_sizes(change),
        added=change.added,
        removed=change.removed,
        compared=change.shown in ("text", "whole-text") or bool(change.rows_left),
        notes=list(_notes(change)),
        digests=_digests(change),
        hunks=[[_line(row) for row in hunk] for hunk in change.hunks],
        alone=alone if cut else "",
        open=unfolded and bool(change.hunks),
    )


def _sizes(change: Change) -> str:
    old, new = (readable_size(side.size_bytes) if side is not None else "" for side in (change.old, change.new))
    if old and new and old != new:
        return f"{old} → {new}"
    return new or old


def _digests(change: Change) -> list[tuple[str, str]]:
    """Digests where there is no text to compare; the reader may know them from elsewhere."""
    if change.shown in ("text", "whole-text", "link"):
        return []
    sides = [("before", change.old), ("after", change.new)] if change.what == "changed" else [
        ("", change.new or change.old)
    ]  # fmt: skip
    return [(label, side.sha256) for label, side in sides if side is not None]


def _notes(change: Change) -> Sequence[Markup]:
    notes = {
        "binary": "This is not text in UTF-8.",
        "too-large": f"Larger than {readable_size(TEXT_BYTES)}: not compared line by line.",
        "no-room": "Left out, because this page shows only so much.",
        "whole-text": "The two texts are too different to be compared line by line: first all old lines, then all new.",
    }
    found = [escape(notes[change.shown])] if change.shown in notes else []
    if change.shown == "same":
        found.append(Markup("Was <code>{}</code>; its content is the same.").format(visible(change.was)))
    if change.shown == "link":
        found += _link_notes(change.old, change.new)
    if change.shown == "text" and not change.hunks:
        found.append(Markup("The file is empty."))
    if change.rows_left and change.shown != "no-room":
        found.append(Markup("{} further lines of this comparison are not shown here.").format(f"{change.rows_left:,}"))
    return found


def _link_notes(old: Side | None, new: Side | None) -> list[Markup]:
    sentences = []
    for side, as_link, as_file in ((old, "Led to", "Was a file"), (new, "Leads to", "Is a file")):
        if side is not None:
            link = Markup("{} <code>{}</code>.").format(as_link, visible(side.target))
            sentences.append(link if not side.sha256 else Markup("{}.").format(as_file))
    return sentences


def _line(row: Row) -> LineRow:
    notes = [] if row.ended else ["no line end"]
    if row.left:
        notes.append(f"{row.left:,} further characters")
    return LineRow(row.sign, _KINDS[row.sign], row.old, row.new, visible(row.text), ", ".join(notes))
