"""The files of one release do not contradict each other (PEP 643, PEP 794)."""

from __future__ import annotations

import pytest

from customhouse.formats.agreement import check_agreement
from customhouse.formats.metadata import parse_stored_metadata
from customhouse.terms.errors import Rejected


def text(*lines: str, version: str = "2.4") -> str:
    return "\n".join([f"Metadata-Version: {version}", "Name: demo", "Version: 1.0", *lines, ""])


def compare(sdist: str, wheel: str) -> None:
    """Both orders of arrival."""
    check_agreement("demo.whl", "bdist_wheel", parse_stored_metadata(wheel), [("demo.tar.gz", "sdist", sdist)])
    check_agreement("demo.tar.gz", "sdist", parse_stored_metadata(sdist), [("demo.whl", "bdist_wheel", wheel)])


@pytest.mark.parametrize(
    ("sdist", "wheel"),
    [
        (text("Requires-Dist: Foo.Bar >=1"), text("Requires-Dist: foo-bar>=1")),
        (text("Dynamic: Requires-Dist"), text("Requires-Dist: idna")),
        (text(version="2.1"), text("Requires-Dist: idna")),
        (text("Requires-Python: >=3.8,<4"), text("Requires-Python: <4, >=3.8")),
        (text("Summary: one"), text("Summary: other")),
        (text("Import-Name: demo", version="2.5"), text("Import-Name: demo", version="2.5")),
    ],
)
def test_files_that_agree(sdist: str, wheel: str) -> None:
    compare(sdist, wheel)


@pytest.mark.parametrize(
    ("sdist", "wheel", "where"),
    [
        (text(), text("Requires-Dist: evil"), "Requires-Dist"),
        (text("Requires-Dist: idna"), text(), "Requires-Dist"),
        (text("Requires-Python: >=3.8"), text("Requires-Python: >=3.9"), "Requires-Python"),
        (text(version="2.5"), text("Import-Name: demo", version="2.5"), "Import-Names"),
    ],
)
def test_a_contradiction_names_the_field_and_both_files(sdist: str, wheel: str, where: str) -> None:
    with pytest.raises(Rejected) as caught:
        compare(sdist, wheel)
    assert caught.value.where == where
    assert "demo.whl" in str(caught.value)
    assert "demo.tar.gz" in str(caught.value)


def test_two_wheels_may_need_different_things_but_import_the_same() -> None:
    windows, linux = parse_stored_metadata(text("Requires-Dist: colorama")), text()
    check_agreement("win.whl", "bdist_wheel", windows, [("linux.whl", "bdist_wheel", linux)])
    named = parse_stored_metadata(text("Import-Name: other", version="2.5"))
    with pytest.raises(Rejected, match="Import-Names"):
        check_agreement("win.whl", "bdist_wheel", named, [("linux.whl", "bdist_wheel", linux)])
