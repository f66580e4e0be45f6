"""What every page tells the browser to refuse."""

from __future__ import annotations

from dataclasses import dataclass

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Script:
    """The one script that a page may run, and the one address that it may ask; both in full."""

    address: str
    asks: str


def page_headers(script: Script | None = None) -> dict[str, str]:
    """Headers of an HTML page: nothing from elsewhere, no inline code or style, and no scripts at all.

    Browsers speak to security keys through scripts alone. So the few pages that need one name that very file: 'self'
    would let in whatever people have uploaded, because files are served from the same origin. Trusted Types keep it
    from turning text into code.
    """
    policy = POLICY
    if script is not None:
        policy += f"; script-src {script.address}; connect-src {script.asks}; require-trusted-types-for 'script'"
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        # Not "no-referrer": then browsers send forms with "Origin: null", and no form would look like ours.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
