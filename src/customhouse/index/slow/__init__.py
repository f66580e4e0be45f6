"""Slow motion: dangerous changes are announced, wait, and can be stopped before they take effect."""
