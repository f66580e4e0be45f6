"""What each signal of the strict reader means to somebody who is about to install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from customhouse.web.pages.model import SignalRow

MEANINGS = {
    "pth-file": "Runs code each time Python starts.",
    "sitecustomize": "Runs code each time Python starts.",
    "shadows-stdlib": "Has a module with the name of a standard one, which it can replace.",
    "foreign-top-level": "Installs a top-level package whose name is not the project's.",
    "common-script-name": "Installs a command with the name of a common tool.",
    "bytecode-without-source": "Holds compiled code whose source is not there.",
    "encrypted-code": "Holds code that is encrypted or hidden.",
    "exec-in-setup": "Its setup.py runs code that is made up while it runs.",
    "case-collision": "Holds names that are one file where upper and lower case are the same.",
    "unicode-collision": "Holds names that are one file where Unicode spellings are the same.",
    "bidi-control": "Holds a name that is shown in another order than it is written.",
    "tags-differ": "Its file name and its WHEEL file name different platforms.",
    "look-alike": "Its name looks like that of a popular project.",
    "no-static-metadata": "Its metadata may change when it is built, so installing it runs its build.",
    "new-script": "Installs a command that the older one did not.",
    "new-top-level": "Installs a top-level name that the older one did not.",
    "new-machine-code": "Holds machine code that the older one did not.",
    "new-build-script": "Has a setup.py, which the older one had not: building it runs that.",
    "adds-bidi": "Adds text that is shown in another order than it is written.",
    "adds-long-line": "Adds a line of code that is too long to be read.",
    "adds-exec": "Adds code that runs text as code.",
}


def signal_rows(signals: Sequence[Mapping[str, str]]) -> list[SignalRow]:
    """Signals as rows, one for each code and place."""
    return [
        SignalRow(
            signal["code"],
            MEANINGS.get(signal["code"], "Legal, and worth a look."),
            signal.get("where", ""),
            signal.get("detail", ""),
        )
        for signal in signals
    ]
