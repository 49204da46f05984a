"""What a machine must have for the tests: REPLEARN_REQUIRE=browser,data,postgres lets no test skip for want of it, as in CI."""

import os
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

REQUIRED = {name for name in os.environ.get("REPLEARN_REQUIRE", "").split(",") if name}
SIGNS = {  # words of a skip's reason that tell what is missing
    "browser": ("chromium", "playwright"),
    "data": ("replearn_data",),
    "postgres": ("postgres",),
}


def pytest_sessionstart() -> None:
    unknown = REQUIRED - set(SIGNS)
    if unknown:
        pytest.exit(f"REPLEARN_REQUIRE names {', '.join(sorted(unknown))}; known: {', '.join(SIGNS)}", 4)
    if "browser" in REQUIRED and not (which("chromium") and find_spec("playwright")):
        pytest.exit("REPLEARN_REQUIRE asks for a browser, and there is no chromium or no playwright", 1)
    if "postgres" in REQUIRED and not (
        (which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin"))) and find_spec("psycopg")
    ):
        pytest.exit("REPLEARN_REQUIRE asks for PostgreSQL, and there is no initdb or no psycopg", 1)
    folder = os.environ.get("REPLEARN_DATA", "")
    if "data" in REQUIRED and not (folder and Path(folder, "fashion_mnist").is_dir()):
        pytest.exit("REPLEARN_REQUIRE asks for real data, and REPLEARN_DATA names no folder with fashion_mnist in it", 1)


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if "browser" in item.path.parts[:-1]:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).lower()
    if report.skipped and not hasattr(report, "wasxfail") and any(sign in reason for name in REQUIRED for sign in SIGNS[name]):
        report.outcome, report.longrepr = "failed", f"REPLEARN_REQUIRE allows no skip here: {reason}"
    return report
