"""What every page tells the browser to refuse."""

from __future__ import annotations

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def page_headers() -> dict[str, str]:
    """Headers of an HTML page: nothing from elsewhere, no inline code or style, no scripts at all."""
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        # Not "no-referrer": then browsers send forms with "Origin: null", and no form would look like ours.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
