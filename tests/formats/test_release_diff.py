"""The difference of two distribution files: what a triager sees first, and what a hostile archive cannot do to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customhouse.formats.contents import read_members
from customhouse.formats.filenames import parse_filename
from customhouse.formats.inspection import Limits, Member
from customhouse.formats.member_changes import Aligned, Change, choose_texts, compare_members, reading_order, same
from customhouse.formats.release_diff import TEXT_BYTES, WHOLE, ReleaseDiff, compare
from customhouse.terms.errors import Rejected
from formats.archives import metadata, sdist_bytes, tar_file, tar_gz, tar_link
from packages import Dist, wheel

MODULE = "demo/__init__.py"


def diff(folder: Path, old: Dist, new: Dist, *, only: str = "") -> ReleaseDiff:
    paths = []
    for side, dist in (("old", old), ("new", new)):
        path = folder / side
        path.write_bytes(dist.body)
        paths.append(path)
    return compare(paths[0], old.filename, paths[1], new.filename, only=only)


def release(version: str, files: Mapping[str, bytes] | None = None, headers: Mapping[str, str] | None = None) -> Dist:
    return wheel(version=version, files=files or {MODULE: b"answer = 42\n"}, headers=headers)


def source(version: str, files: Mapping[str, bytes], *more: bytes) -> Dist:
    whole = {"PKG-INFO": metadata(version=version), **files}
    return Dist(f"demo-{version}.tar.gz", sdist_bytes(whole, *more, top=f"demo-{version}"), "", "sdist")


def changes(found: ReleaseDiff) -> dict[str, Change]:
    return {change.name: change for change in found.changes}


def what(found: ReleaseDiff) -> dict[str, str]:
    """Name and kind of each change that is not there in every release."""
    return {one.name: one.what for one in found.changes if not one.noise and "dist-info" not in one.name}


def signals(found: ReleaseDiff) -> list[tuple[str, str]]:
    return [(signal.code, signal.where) for signal in found.signals]


def lines(change: Change) -> list[str]:
    return [f"{row.sign}{row.text}" for hunk in change.hunks for row in hunk]


def test_members_that_came_went_changed_and_moved_are_told_apart(tmp_path: Path) -> None:
    old = {MODULE: b"1\n", "demo/a.py": b"a\n", "demo/b.py": b"b\n", "demo/moved.py": b"m\n", "demo/e.py": b""}
    new = {MODULE: b"1\n", "demo/a.py": b"A\n", "demo/c.py": b"c\n", "demo/x/moved.py": b"m\n", "demo/f.py": b""}
    found = diff(tmp_path, release("1.0", old), release("2.0", new))
    assert what(found) == {
        "demo/a.py": "changed", "demo/b.py": "removed", "demo/c.py": "added", "demo/x/moved.py": "renamed",
        "demo/e.py": "removed", "demo/f.py": "added",
    }  # fmt: skip
    assert changes(found)["demo/x/moved.py"].was == "demo/moved.py"
    assert changes(found)["demo/x/moved.py"].shown == "same"
    assert found.counts == {"added": 2, "removed": 2, "changed": 2, "renamed": 1, "unchanged": 2}


def test_the_folders_named_for_the_version_are_no_change(tmp_path: Path) -> None:
    data = b"#!python\nprint()\n"
    old = release("1.0", {MODULE: b"", "demo-1.0.data/scripts/demo": data, "demo-1.0.dist-info/licenses/L": b"MIT\n"})
    new = release("2.0", {MODULE: b"", "demo-2.0.data/scripts/demo": data, "demo-2.0.dist-info/licenses/L": b"MIT\n"})
    found = diff(tmp_path, old, new)
    assert list(changes(found)) == ["demo.dist-info/METADATA", "demo.dist-info/RECORD"]
    found = diff(tmp_path, source("1.0", {"demo.py": b"x\n"}), source("2.0", {"demo.py": b"x\n"}))
    assert list(changes(found)) == ["PKG-INFO"]


def test_record_comes_last_and_counts_nowhere(tmp_path: Path) -> None:
    found = diff(tmp_path, release("1.0"), release("2.0", {MODULE: b"answer = 43\n", "zzz.txt": b"z\n"}))
    last = found.changes[-1]
    assert (last.name, last.noise, last.shown) == ("demo.dist-info/RECORD", True, "text")
    assert last.added > 0
    assert found.added == sum(one.added for one in found.changes[:-1])
    assert sum(found.counts[kind] for kind in ("added", "removed", "changed", "renamed")) == len(found.changes) - 1


def test_what_installs_or_hides_something_new_comes_first(tmp_path: Path) -> None:
    new = {
        MODULE: b"answer = 42\n",
        "demo.pth": b"import demo\n",
        "requests/__init__.py": b"",
        "json.py": b"",
        "demo/_fast.cpython-312-x86_64-linux-gnu.so": b"\x7fELF\0",
        "demo-2.0.data/scripts/git": b"#!python\n",
        "demo/run.py": b"x = 1\nexec(x)\n",
        "demo/trojan.py": "a = '\u202e'\n".encode(),
        "demo/packed.py": b"x = '" + b"A" * 5000 + b"'\n",
    }
    found = diff(tmp_path, release("1.0"), release("2.0", new))
    assert set(signals(found)) == {
        ("pth-file", "demo.pth"), ("foreign-top-level", "requests"), ("foreign-top-level", "json"),
        ("shadows-stdlib", "json"), ("common-script-name", "git"), ("new-script", "git"),
        ("new-top-level", "demo.pth"), ("new-top-level", "requests"), ("new-top-level", "json.py"),
        ("new-machine-code", "demo/_fast.cpython-312-x86_64-linux-gnu.so"),
        ("adds-exec", "demo/run.py"), ("adds-bidi", "demo/trojan.py"), ("adds-long-line", "demo/packed.py"),
    }  # fmt: skip
    details = {signal.code: signal.detail for signal in found.signals}
    assert details["adds-exec"] == "line 2"
    assert found.signals_gone == ()
    assert next(iter(changes(found))) in ("demo.dist-info/METADATA", "demo.pth")


def test_what_stands_in_many_lines_or_across_two_is_one_signal(tmp_path: Path) -> None:
    new = {
        MODULE: b"answer = 42\n",
        "demo/a.py": b"eval(1)\n" * 30,
        "demo/b.py": b"x = 1\n(exec\n  ('x'))\n",
        "demo/c.txt": b"exec(1)\n",
    }
    found = diff(tmp_path, release("1.0"), release("2.0", new))
    assert [(one.where, one.detail) for one in found.signals if one.code == "adds-exec"] == [
        ("demo/a.py", "line 1 and 29 further"), ("demo/b.py", "line 1"),
    ]  # fmt: skip


def test_what_was_notable_before_is_not_new_and_what_went_is_told(tmp_path: Path) -> None:
    both = {MODULE: b"exec('1')\n", "demo.pth": b"import demo\n"}
    found = diff(tmp_path, release("1.0", both), release("2.0", both))
    assert (found.signals, found.signals_gone) == ((), ())
    found = diff(tmp_path, release("1.0", both), release("2.0"))
    assert [(signal.code, signal.where) for signal in found.signals_gone] == [("pth-file", "demo.pth")]


def test_a_signal_whose_place_is_named_for_the_version_is_not_new(tmp_path: Path) -> None:
    old, new = (source(version, {"setup.py": b"exec(x)\n"}) for version in ("1.0", "2.0"))
    assert diff(tmp_path, old, new).signals == ()
    found = diff(tmp_path, source("1.0", {"demo.py": b""}), new)
    assert signals(found) == [
        ("exec-in-setup", "setup.py"), ("new-build-script", "setup.py"), ("adds-exec", "setup.py"),
    ]  # fmt: skip


def test_metadata_is_compared_field_by_field(tmp_path: Path) -> None:
    old = release("1.0", {MODULE: b"", "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n"},
                  {"Requires-Python": ">=3.8", "Requires-Dist": "requests>=2", "Summary": "One"})  # fmt: skip
    new = release("2.0", {MODULE: b"", "demo-2.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo:run\n"},
                  {"Requires-Python": ">=3.11", "Requires-Dist": "requests >= 2 ; python_version < '4'"})  # fmt: skip
    fields = {one.field: (one.gone, one.come) for one in diff(tmp_path, old, new).fields}
    assert fields == {
        "requires_python": ((">=3.8",), (">=3.11",)),
        "requires_dist": (("requests>=2",), ('requests>=2; python_version < "4"',)),
        "entry_points": (("console_scripts: demo = demo:main",), ("console_scripts: demo = demo:run",)),
        "summary": (("One",), ("The demo package",)),
    }
    spaced = release("2.0", headers={"Requires-Dist": "requests  >=2"})
    assert diff(tmp_path, release("1.0", headers={"Requires-Dist": "requests>=2"}), spaced).fields == ()


def test_texts_are_shown_by_line_and_everything_else_by_size_and_digest(tmp_path: Path) -> None:
    old = {MODULE: b"a\nb\n", "demo/x.bin": b"\xff\x00", "demo/big.txt": b"x\n" * TEXT_BYTES, "demo/nul.py": b"a\n"}
    new = {MODULE: b"a\nc\n", "demo/x.bin": b"\xfe\x00", "demo/big.txt": b"y\n" * TEXT_BYTES, "demo/nul.py": b"a\0\n"}
    found = changes(diff(tmp_path, release("1.0", old), release("2.0", new)))
    assert (found[MODULE].shown, lines(found[MODULE])) == ("text", [" a", "-b", "+c"])
    assert {name: found[name].shown for name in old if name != MODULE} == {
        "demo/x.bin": "binary", "demo/big.txt": "too-large", "demo/nul.py": "binary",
    }  # fmt: skip
    change = found["demo/x.bin"]
    assert change.old is not None
    assert change.new is not None
    assert (change.old.size_bytes, change.old.sha256 != change.new.sha256) == (2, True)


def test_a_link_is_compared_by_where_it_leads(tmp_path: Path) -> None:
    old = source("1.0", {"a.py": b"", "b.py": b""}, tar_link(b"demo-1.0/link", b"a.py"))
    new = source("2.0", {"a.py": b"", "b.py": b""}, tar_link(b"demo-2.0/link", b"b.py"))
    change = changes(diff(tmp_path, old, new))["link"]
    assert change.old is not None
    assert change.new is not None
    assert (change.what, change.shown, change.old.target, change.new.target) == ("changed", "link", "a.py", "b.py")


def test_a_page_shows_only_so_much_and_one_member_alone_shows_more(tmp_path: Path) -> None:
    long = b"".join(b"x = %d\n" % n for n in range(3000))
    files = {MODULE: b"answer = 42\n", **{f"demo/m{n:02}.py": long for n in range(15)}}
    found = diff(tmp_path, release("1.0"), release("2.0", files))
    shown = changes(found)
    assert (len(lines(shown["demo/m00.py"])), shown["demo/m00.py"].rows_left) == (WHOLE.rows_per_file, 2600)
    assert shown["demo/m00.py"].added == 3000
    assert (shown["demo/m14.py"].shown, shown["demo/m14.py"].added) == ("no-room", 3000)
    assert sum(len(lines(change)) for change in found.changes) <= WHOLE.rows
    assert found.added >= 45_000
    alone = diff(tmp_path, release("1.0"), release("2.0", files), only="demo/m14.py")
    assert list(changes(alone)) == ["demo/m14.py"]
    assert (len(lines(alone.changes[0])), alone.changes[0].rows_left) == (3000, 0)
    assert alone.counts == found.counts


def test_more_changes_than_a_page_lists_are_counted(tmp_path: Path) -> None:
    many = {MODULE: b"answer = 42\n", **{f"demo/d/{n}.txt": b"%d\n" % n for n in range(WHOLE.changes + 50)}}
    found = diff(tmp_path, release("1.0"), release("2.0", many))
    assert len(found.changes) == WHOLE.changes
    assert found.changes_left == len(many) + 1 - WHOLE.changes
    assert found.counts["added"] == WHOLE.changes + 50


def test_what_runs_is_read_before_pictures_however_many(tmp_path: Path) -> None:
    pictures = {f"demo/{n:04}.png": b"not really\n" * 20 for n in range(1000)}
    found = diff(tmp_path, release("1.0"), release("2.0", {MODULE: b"evil = 1\n", **pictures}))
    assert list(changes(found))[1] == MODULE
    assert changes(found)[MODULE].shown == "text"
    assert any(change.shown == "no-room" for change in found.changes)


@pytest.mark.parametrize("folder", ["purelib", "data/Lib/site-packages"])
def test_a_signal_moves_its_member_to_the_front(tmp_path: Path, folder: str) -> None:
    new = {MODULE: b"answer = 42\n", "demo/aaa.py": b"\n", f"demo-2.0.data/{folder}/zzz.pth": b"import demo\n"}
    found = diff(tmp_path, release("1.0"), release("2.0", new))
    assert set(list(changes(found))[:2]) == {"demo.dist-info/METADATA", f"demo.data/{folder}/zzz.pth"}


@pytest.mark.parametrize("side", [0, 1])
def test_a_hostile_archive_is_refused_in_the_readers_own_words(tmp_path: Path, side: int) -> None:
    dists = [release("1.0"), release("2.0")]
    whole = dists[side]
    dists[side] = Dist(whole.filename, whole.body + b"hidden", "", "bdist_wheel")
    with pytest.raises(Rejected) as fault:
        diff(tmp_path, *dists)
    assert fault.value.where.startswith(f"{whole.filename}, ")
    assert fault.value.code.startswith("zip-")
    assert fault.value.offset is not None


def test_a_wheel_and_an_sdist_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="of another kind"):
        diff(tmp_path, release("1.0"), source("2.0", {}))


def test_an_archive_that_changes_between_two_looks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "demo.tar.gz"
    path.write_bytes(tar_gz(tar_file(b"demo-1.0/a", b"two")))
    with pytest.raises(Rejected, match="has changed while it was read"):
        read_members(path, "demo-1.0.tar.gz", {"demo-1.0/a": "0" * 64}, Limits())


def test_the_result_crosses_a_process_border_unchanged(tmp_path: Path) -> None:
    new = {MODULE: b"answer = 43", "demo.pth": b"import demo\n", "demo/x.bin": b"\0"}
    found = diff(tmp_path, release("1.0", headers={"Requires-Dist": "a"}), release("2.0", new))
    assert ReleaseDiff.from_dict(json.loads(json.dumps(found.to_dict()))) == found


# --- the rules on names alone

contents = st.dictionaries(
    st.sampled_from([f"{folder}{base}" for folder in ("", "p/", "q/") for base in ("a", "b", "c")]),
    st.sampled_from(["", "x", "y"]),
)


def members(files: Mapping[str, str]) -> dict[str, Member]:
    return {name: Member(name, "file", len(text), f"sha of {text}") for name, text in files.items()}


@given(contents, contents)
def test_the_changes_account_for_every_member_exactly_once(
    old_files: dict[str, str], new_files: dict[str, str]
) -> None:
    old, new = members(old_files), members(new_files)
    found = compare_members(old, new)
    assert sorted(one.name for one in found if one.new is not None) == sorted(
        name for name in new if name not in old or not same(old[name], new[name])
    )
    left = [one.was or one.name for one in found if one.old is not None]
    assert sorted(left) == sorted(name for name in old if name not in new or not same(old[name], new[name]))
    for one in found:
        if one.what == "renamed":
            assert (old_files[one.was], one.was in new, one.name in old) == (new_files[one.name], False, False)
            assert new_files[one.name]
    kept_empty = {one.name for one in found if one.what == "renamed" and not new_files[one.name]}
    assert not kept_empty


def test_of_two_files_with_one_content_the_one_that_kept_its_base_name_moved() -> None:
    old = members({"p/a": "x", "p/b": "x"})
    new = members({"q/b": "x", "q/c": "x"})
    assert {one.name: one.was for one in compare_members(old, new)} == {"q/b": "p/b", "q/c": "p/a"}


def test_two_folders_that_would_be_called_the_same_hide_no_member() -> None:
    aligned = Aligned(parse_filename("demo-1.0-py3-none-any.whl"))
    names = ["demo-1.0.data/data/x", "Demo-1.0.data/data/x", "demo.data/data/x", "demo-1.0.0.data/data/x"]
    found = aligned.members([Member(name, "file", 1, name) for name in names])
    assert sorted(member.name for member in found.values()) == sorted(names)


def test_the_folder_of_another_release_keeps_its_name() -> None:
    wheel_names = Aligned(parse_filename("my_demo-1.0-py3-none-any.whl"))
    assert wheel_names.name("my_demo-1.0.dist-info/METADATA") == "my_demo.dist-info/METADATA"
    assert wheel_names.name("other-1.0.dist-info/METADATA") == "other-1.0.dist-info/METADATA"
    assert wheel_names.name("my_demo-1.0.dist-info") == "my_demo-1.0.dist-info"
    sdist_names = Aligned(parse_filename("my_demo-1.0.tar.gz"))
    assert sdist_names.name("my_demo-1.0/my_demo-1.0/x") == "my_demo-1.0/x"
    assert sdist_names.name("my_demo-2.0/x") == "my_demo-2.0/x"


def test_texts_are_chosen_in_order_while_there_is_room() -> None:
    old = members({})
    new = {name: Member(name, "file", size, name) for name, size in (("a", 60), ("b", 50), ("c", 30), ("d", 200))}
    order = reading_order(compare_members(old, new), ())
    assert choose_texts(order, most=10, total_bytes=100, each_bytes=100) == {"a", "c"}
    assert choose_texts(order, most=1, total_bytes=100, each_bytes=100) == {"a"}
