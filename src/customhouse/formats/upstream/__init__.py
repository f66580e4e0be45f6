"""Reading what other indexes say of their projects: JSON and HTML pages, and PyPI's older JSON API; pure."""
