"""``customhouse triage`` from the import to the undone verdict."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import customhouse
from triaging import cve_document


def test_records_are_imported_listed_shown_decided_and_undone(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "cves"
    folder.mkdir()
    certain = cve_document("CVE-2026-2000", links=["https://pypi.org/project/demo/"])
    for document in (cve_document(), certain):
        (folder / f"{document['cveMetadata']['cveId']}.json").write_text(json.dumps(document))
    (folder / "CVE-2026-9999.json").write_text("{")

    def triage(*words: str) -> tuple[int, str]:
        done = customhouse("triage", *words, "--data", str(data))
        return done.returncode, done.stdout + done.stderr

    code, said = triage("import", str(folder))
    assert code == 3
    assert "2 new" in said
    assert "1 became advisories, 1 wait for you" in said
    assert "CVE-2026-9999.json" in said
    (folder / "CVE-2026-9999.json").unlink()
    code, said = triage("import", str(folder))
    assert (code, "2 as before" in said) == (0, True)
    assert "CVE-2026-1000" in triage("list")[1]
    shown = triage("show", "CVE-2026-1000")[1]
    assert "The text says that it is" in shown
    assert "all before 1.4" in shown
    assert triage("reject", "CVE-2026-1000", "--reason", "It is in Go.")[0] == 0
    assert triage("accept", "CVE-2026-1000")[0] == 2
    assert "waiting again" in triage("undo", "CVE-2026-1000")[1]
    code, said = triage("accept", "CVE-2026-1000", "demo")
    assert (code, said) == (0, "CVE-2026-1000 is x_CUSTOMHOUSE-2026-2, of demo.\n")
    assert triage("show", "CVE-2026-7777")[0] == 2
