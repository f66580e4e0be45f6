"""Which link of a project is what (PEP 753, well-known labels)."""

from __future__ import annotations

import string
from collections.abc import Sequence

_REMOVED = str.maketrans("", "", string.punctuation + string.whitespace)
_WELL_KNOWN = {
    "homepage": "Home page",
    "source": "Source code",
    "repository": "Source code",
    "sourcecode": "Source code",
    "github": "Source code",
    "download": "Download",
    "changelog": "Changes",
    "changes": "Changes",
    "whatsnew": "Changes",
    "history": "Changes",
    "releasenotes": "Release notes",
    "documentation": "Documentation",
    "docs": "Documentation",
    "issues": "Issues",
    "bugs": "Issues",
    "issue": "Issues",
    "tracker": "Issues",
    "issuetracker": "Issues",
    "bugtracker": "Issues",
    "funding": "Funding",
    "sponsor": "Funding",
    "donate": "Funding",
    "donation": "Funding",
}


def labelled_urls(urls: Sequence[tuple[str, str]], home_page: str, download_url: str) -> list[tuple[str, str]]:
    """Links with the label to show; Project-URL wins over the old Home-page and Download-URL fields."""
    shown = {
        _WELL_KNOWN.get(label.translate(_REMOVED).lower(), label): url
        for label, url in [("homepage", home_page), ("download", download_url), *urls]
        if url and url != "UNKNOWN"
    }
    return list(shown.items())
