"""The long description as HTML that is safe to show: rendered by readme_renderer, cleaned by nh3."""

from __future__ import annotations

import io

from customhouse.terms.errors import Rejected

WHERE = "Description"


def render_description(text: str, content_type: str) -> str:
    """Clean HTML of a description in plain text, reStructuredText (the default) or Markdown.

    Raises `Rejected` with the renderer's own words if it does not render.
    """
    if not text.strip():
        return ""
    # Loaded here because docutils takes a while, and most starts never render.
    from readme_renderer import markdown, rst, txt  # noqa: PLC0415 - see above

    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        return txt.render(text) or ""
    if kind == "text/markdown":
        variant = "CommonMark" if "variant=commonmark" in content_type.lower().replace(" ", "") else "GFM"
        html = markdown.render(text, variant=variant)
        if html is None:
            raise Rejected("bad-description", WHERE, "does not render as Markdown", "Markdown (CommonMark or GFM)")
        return html
    warnings = io.StringIO()
    html = rst.render(text, stream=warnings)
    if html is not None:
        return html
    if kind == "":
        # Nobody said that it is reStructuredText; shown as it is.
        return txt.render(text) or ""
    raise Rejected(
        "bad-description", WHERE, f"does not render as reStructuredText: {_first_line(warnings.getvalue())}",
        "reStructuredText without errors, or another Description-Content-Type",
    )  # fmt: skip


def _first_line(warnings: str) -> str:
    return next((line.strip() for line in warnings.splitlines() if line.strip()), "no reason given")[:300]
