"""Names of refs, object ids and addresses: what git or ssh could take for something else is refused."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customhouse.release.actions import Problem
from customhouse.release.git.names import branch_ref, is_nothing, object_id, ref_name, short
from customhouse.release.git.remotes import checked_url


@pytest.mark.parametrize("name", ["main", "3.12", "feature/x-1", "release_1.0", "ünïcode", "a$b", "$(id)"])
def test_a_name_that_git_takes_is_taken_as_it_is(name: str) -> None:
    assert branch_ref(name) == f"refs/heads/{name}"
    assert short(branch_ref(name)) == name


@pytest.mark.parametrize("name", [
    "", "-x", "a/-x", "--upload-pack=x", "a..b", "a b", "a\tb", "a\nb", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a", "a/",
    "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a.", "a@{b", "x" * 300, "a\x7f",
])  # fmt: skip
def test_a_name_that_git_or_we_refuse_is_refused(name: str) -> None:
    with pytest.raises(Problem):
        branch_ref(name)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
def test_whatever_we_take_git_takes(name: str) -> None:
    try:
        ref = ref_name(f"refs/heads/{name}")
    except Problem:
        return
    assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0


@pytest.mark.parametrize("text", ["HEAD", "abc123", "A" * 40, "a" * 39, "a" * 41, "--all"])
def test_only_a_whole_object_id_is_one(text: str) -> None:
    with pytest.raises(Problem):
        object_id(text)
    assert object_id("a" * 40)
    assert object_id("b" * 64)
    assert is_nothing("0" * 40)


@pytest.mark.parametrize("url", [
    "/srv/upstream.git", "/srv/with blank.git", "https://github.com/o/sealed.git", "ssh://git@host/x.git", "git@host:o/x.git",
    "http://127.0.0.1:3000/o/x.git",
])  # fmt: skip
def test_an_address_of_a_repository_is_taken(url: str) -> None:
    assert checked_url(url, "fork") == url


@pytest.mark.parametrize("url", [
    "", "relative/path", "-x", "--upload-pack=id", "ext::sh -c id", "fd::17", "ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x",
    "git://host/x.git", "http://host/x.git", "https://user:secret@host/x.git", "https://token@host/x.git", "file:///srv/x.git",
    "https://host", "git@host:-x", "https://host/x\n.git",
])  # fmt: skip
def test_an_address_that_could_be_an_option_or_a_command_or_holds_a_secret_is_refused(url: str) -> None:
    with pytest.raises(Problem):
        checked_url(url, "fork")
