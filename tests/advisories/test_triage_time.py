"""No text makes reading and judging slow: patterns that go back and forth would hold an import up for hours."""

from __future__ import annotations

import time

import pytest

from customhouse.advisories.triage.judge import judge
from customhouse.advisories.triage.known import Known
from customhouse.formats.cve.model import CveRecord, Reference
from customhouse.formats.cve.version_words import spans_of_field, spans_of_sentences

PIECES = (
    "1.0 and ", "1.0, ", "before 1.0, 1.1 or ", "1.", "1.0a", "fixed in ", "a ", "python ", "x-", "/a", "from 1.0 ",
    "upgrade to a b ", "1.0 -", ".py", "NOTE: ", "Python 3 foo ", "_", "in ", "in demo ", "demo-", "1.0 contains a ",
    "Java Java foo ", "a.jar", "org.", "C library ", ", ",
)  # fmt: skip
KNOWN = Known(names=frozenset({"demo", "demo-demo", "python"}))


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_of_one_piece_again_and_again_takes_no_time(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    begin = time.process_time()
    spans_of_field(text)
    spans_of_sentences(text)
    links = (Reference("https://x.test/" + text[:1_900]),)
    judge(CveRecord("CVE-2026-1000", "cve-5", description=text, title=text[:300], references=links), KNOWN)
    assert time.process_time() - begin < 1.5
