"""``python -m customhouse``."""

from __future__ import annotations

from customhouse.cli.main import main

if __name__ == "__main__":
    main()
