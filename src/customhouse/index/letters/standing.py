"""The letter about a registered list: what is news of its packages, and the smallest fix of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from customhouse.index.letters.letter import Draft, Site, Write, compose, plain

MOST = 40


def findings(values: Mapping[str, Any], site: Site) -> Draft:
    """What has changed in what is known of a list."""
    title = plain(str(values["title"]), 120)
    news = list(values["news"])
    there = [one for one in news if one["change"] != "gone"]
    gone = [one for one in news if one["change"] == "gone"]
    more = int(values.get("more") or 0) + max(0, len(there) - MOST)
    paragraphs = [
        f"What is known of the packages in {title} has changed." if there else
        f"Something that was told of the packages in {title} is so no more.",
        _undelivered(values),
        "\n\n".join(_line(one, site) for one in there[:MOST]),
        f"And {more} more." if more else "",
        "No more:\n" + "\n".join(f"  {_what(one)}" for one in gone[:MOST]) if gone else "",
        f"All of it, and how to end this:\n{site.url}/account/standing/{values['standing']}/",
    ]  # fmt: skip
    worst = next((one["level"] for one in there if one["level"] in ("critical", "high")), "")
    subject = f"{len(there)} findings in {title}" if len(there) != 1 else f"{there[0]['vulnerability']} in {title}"
    if not there:
        subject = f"{len(gone)} findings fewer in {title}"
    if worst:
        subject = f"{subject} ({worst})"
    ending = "You get this letter because you have registered that list here. Nothing is told twice."
    return compose(site, plain(str(values["reader"]), 80), subject, paragraphs, ending)


def _undelivered(values: Mapping[str, Any]) -> str:
    if "undelivered" not in values:
        return ""
    origin, why = plain(str(values["undelivered"]), 200), plain(str(values.get("why", "")), 200)
    return f"It was to be sent to {origin}, where nothing arrived for a day: {why}"


def _what(one: Mapping[str, Any]) -> str:
    return plain(f"{one['package']} {one['version']}: {one['vulnerability']}", 200)


def _line(one: Mapping[str, Any], site: Site) -> str:
    words = ["changed"] if one["change"] == "changed" else []
    words += [one["level"]] if one["level"] != "unknown" else ["not scored"]
    words += ["exploited"] if one["exploited"] else []
    fix = f"The smallest fix: {plain(str(one['fix']), 80)}" if one["fix"] else "There is no fix yet."
    lines = [f"  {_what(one)} ({', '.join(words)})"]
    if one["summary"]:
        lines.append(f"  > {plain(str(one['summary']), 200)}")
    lines += [f"  {fix}", f"  {site.url}/advisory/{plain(str(one['vulnerability']), 128)}/"]
    return "\n".join(lines)


LETTERS: Mapping[str, Write] = {"standing-findings": findings}
