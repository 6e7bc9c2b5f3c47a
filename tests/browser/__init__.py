"""Tests in a browser: a package, so that one Chromium can serve them all (conftest.py)."""
