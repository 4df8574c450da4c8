from __future__ import annotations

import os

import pytest

from tests.tasks.reporting.browser import find_browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Its absence fails a CI run, and skips the test elsewhere."""
    program = find_browser()
    if program is None:
        reason = "no Chromium on this machine: install Debian's chromium and fonts-noto-cjk"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program
