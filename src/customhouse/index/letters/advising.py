"""Letters on advisories: to owners whose newest release is affected, to operators whose source fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Fact, Site, Write, draft, manage_page, plain, project_page, quoted


def newest_affected(values: Mapping[str, Any], site: Site) -> Draft:
    """Whoever installs the project today gets what is affected."""
    fact = Fact.of(values)
    ids = [plain(str(one), 128) for one in fact.body.get("advisories") or ()]
    fixed = [plain(str(one), 60) for one in fact.body.get("fixed") or ()]
    what = f"{fact.project} {fact.text('version')}"
    count = "a known vulnerability" if len(ids) == 1 else f"{len(ids)} known vulnerabilities"
    return draft(
        site, fact, f"{what} is affected by {ids[0] if len(ids) == 1 else count}",
        f"Since {fact.when.removeprefix('on ')} it is known here that the newest release of {fact.project} is affected "
        f"by {count}, the worst of level {fact.text('level')}. This was noted {fact.when}.",
        fact.words("summary"),
        "\n".join(f"{site.url}/advisory/{one}/" for one in ids),
        f"The records name as mended: {', '.join(fixed)}." if fixed else "",
        "Whoever looks at the project, or audits with this index, sees it. Release a version that mends it; if your "
        f"releases are not affected, say so with a VEX statement; if one should not be used, yank it:\n"
        f"{manage_page(site, fact)}",
        f"The project's page:\n{project_page(site, fact)}",
    )  # fmt: skip


def source_failed(values: Mapping[str, Any], site: Site) -> Draft:
    """A source of advisories begins to fail."""
    fact = Fact.of(values)
    name = fact.text("source")
    return draft(
        site, fact, f"Advisories of {name} cannot all be read",
        f"This was noticed {fact.when}. What was read before stays, and the source is asked again every hour; until it "
        "is mended, what is new there may be missing here, so that an audit may find less than there is.",
        quoted(fact.text("reason")),
        f"What is wrong, place by place, is told on the server by: customhouse advisory source problems {name}",
    )  # fmt: skip


LETTERS: Mapping[str, Write] = {"newest-affected": newest_affected, "advisory-source-failed": source_failed}
