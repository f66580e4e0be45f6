"""What a command ends with."""

from __future__ import annotations

FINE, FINDINGS, USAGE, PARTIAL, SERVICE_FAILED = 0, 1, 2, 3, 4
