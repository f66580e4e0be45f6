"""Core metadata: what is read, and each refusal with its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from customhouse.formats.metadata import CoreMetadata, parse_metadata, parse_stored_metadata, requirement_key
from customhouse.terms.errors import Rejected

NINES = "9" * 5000
"""More digits than Python converts to a number."""


def text(*lines: str, version: str = "2.4", body: str = "") -> str:
    return "\n".join([f"Metadata-Version: {version}", "Name: demo", "Version: 1.0", *lines, "", body])


def parse(whole: str) -> CoreMetadata:
    return parse_metadata(whole, name="demo", version=Version("1.0"))


def test_everything_is_read() -> None:
    found = parse(
        text(
            "Summary: A demo", "Keywords: one,two words", "Home-page: https://example.org", "License-Expression: MIT",
            "License-File: LICENSE", "Author-email: A <a@example.org>, b@example.org", "Requires-Python: >=3.9",
            "Requires-Dist: idna", "Requires-Dist: attrs >= 20; extra == 'x'", "Provides-Extra: x",
            "Project-URL: Docs, https://example.org/docs", "Dynamic: Classifier", "Classifier: Topic :: Utilities",
            "Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM", body="# Demo\n",
        )
    )  # fmt: skip
    assert (found.name, found.version, found.summary) == ("demo", "1.0", "A demo")
    assert found.keywords == ("one", "two words")
    assert found.requires_dist == ("idna", "attrs >= 20; extra == 'x'")
    assert found.project_urls == (("Docs", "https://example.org/docs"),)
    assert found.description == "# Demo\n"
    assert found.license_files == ("LICENSE",)
    assert found.promises_static
    assert not found.is_final
    assert found.is_dynamic("classifiers")
    assert not found.is_dynamic("requires_dist")
    assert CoreMetadata.from_dict(found.to_dict()) == found


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"])
def test_each_version_of_the_standard_is_read(version: str) -> None:
    found = parse(text(version=version))
    assert found.is_final == (version >= "2.2")


def test_old_setuptools_wrote_licence_files_too_early() -> None:
    assert parse(text("License-File: LICENSE", version="2.1")).license_files == ()


def test_keywords_by_spaces_are_words() -> None:
    assert parse(text("Keywords: one two")).keywords == ("one", "two")


@pytest.mark.parametrize(
    ("whole", "where", "part"),
    [
        ("Name: demo\nVersion: 1.0\n", "Metadata-Version", "missing"),
        ("Metadata-Version: 2.1\nVersion: 1.0\n", "Name", "missing"),
        ("Metadata-Version: 2.1\nName: demo\n", "Version", "missing"),
        (text(version="9.9"), "Metadata-Version", "not supported"),
        (text("Summary: a", "Summary: b"), "Summary", "one value"),
        (text().replace("demo", "other"), "Name", "one name in both"),
        (text().replace("1.0", "1.1"), "Version", "one version in both"),
        (text().replace("1.0", "1.0+local"), "Version", "local part"),
        (text(f"Summary: {'x' * 513}"), "Summary", "513"),
        (text("Description-Content-Type: text/html"), "Description-Content-Type", "text/html"),
        (text("Description-Content-Type: text/markdown; charset=latin-1"), "Description-Content-Type", "latin-1"),
        (text("Description-Content-Type: text/markdown; variant=Pandoc"), "Description-Content-Type", "Pandoc"),
        (text("License: MIT", "License-Expression: MIT"), "License-Expression", "PEP 639"),
        (text("License-Expression: mit or nonsense"), "License-Expression", "SPDX"),
        (text("License-File: ../LICENSE"), "License-File", "LICENSE"),
        (text("License-File: /etc/passwd"), "License-File", "passwd"),
        (text("Author-email: nobody"), "Author-Email", "not an e-mail"),
        (text("Maintainer-email: a@"), "Maintainer-Email", "not an e-mail"),
        (text("Classifier: Private :: Do Not Upload"), "Classifier", "not to be published"),
        (text("Classifier: Topic :: Nonsense"), "Classifier", "not known"),
        (text("Classifier: Natural Language :: Ukranian"), "Classifier", "deprecated"),
        (text("Home-page: javascript:alert(1)"), "Home-Page", "not a web address"),
        (text("Download-URL: http://[bad"), "Download-Url", "not a web address"),
        (text(f"Project-URL: {'x' * 33}, https://example.org"), "Project-Url", "33"),
        (text("Project-URL: Docs, ftp://example.org"), "Project-Url 'Docs'", "not a web address"),
        (text("Requires-Dist: idna @ https://example.org/idna.whl"), "Requires-Dist", "points to an address"),
        (text("Requires-Dist: ???"), "Requires-Dist", "PEP 508"),
        (text("Requires-Python: about 3"), "Requires-Python", "PEP 440"),
        (text(f"Requires-Python: >={NINES}"), "Requires-Python", "PEP 440"),
        (text(f"Requires-Dist: idna>=1,<{NINES}"), "Requires-Dist", "versions of at most 200 characters"),
        (text(f"Requires-Dist: idna=={NINES}.*"), "Requires-Dist", "versions of at most 200 characters"),
        (text("Dynamic: Name"), "Dynamic", "except Name"),
        (text("Import-Name: demo"), "Import-Name", "2.5"),
        (text("Provides-Extra: -bad-"), "Provides-Extra", "core metadata"),
    ],
)
def test_a_fault_is_named_with_its_field(whole: str, where: str, part: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse(whole)
    assert caught.value.where.lower() == where.lower()
    assert part in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Foo.Bar>=1,<2", "foo-bar <2, >=1", True),
        ("foo[B,a]", "foo[a, b]", True),
        ("foo; python_version < '3.9'", 'foo ; python_version<"3.9"', True),
        ("foo>=1", "foo>=2", False),
        ("foo", "foo; python_version < '3.9'", False),
    ],
)
def test_equal_requirements_have_one_key(one: str, other: str, same: bool) -> None:
    assert (requirement_key(one) == requirement_key(other)) is same


HEADER = st.sampled_from(
    ["Summary", "Requires-Dist", "Requires-Python", "Project-URL", "Keywords", "Author-email", "License-Expression",
     "License-File", "Classifier", "Dynamic", "Provides-Extra", "Import-Name", "Description-Content-Type", "X-Own"]
)  # fmt: skip


@given(st.lists(st.tuples(HEADER, st.text(max_size=40)), max_size=6), st.text(max_size=40))
def test_any_header_is_read_or_rejected(headers: list[tuple[str, str]], body: str) -> None:
    whole = text(*(f"{key}: {value}" for key, value in headers), body=body)
    try:
        found = parse(whole)
    except Rejected:
        return
    assert CoreMetadata.from_dict(found.to_dict()) == found
    assert parse_stored_metadata(whole).summary == found.summary
