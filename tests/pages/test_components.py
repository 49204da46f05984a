"""Our browser components as the server sees them: drawing one imports nothing heavy, so that a first visit is quick."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRAWN = {
    "film": "from pages.ui.components.film import FilmRun, TEXT_KEYS, film\n"
    "film([FilmRun('0' * 32, 'one')], texts=dict.fromkeys(TEXT_KEYS, ''), view='all', key='k', live=False)",
    "latent": "from pages.ui.components.latent import MapSpec, TEXT_KEYS, latent\n"
    "latent([MapSpec('map', 'one')], points_task='points', texts=dict.fromkeys(TEXT_KEYS, ''), key='k')",
    "lines": "from pages.ui.components.lines import Layout, TEXT_KEYS, lines\n"
    "layout = Layout(((30, 0.5),), ((0.1, 0.9),))\n"
    "lines(layout, texts=dict.fromkeys(TEXT_KEYS, ''), colours=['#ffffff'] * 7, key='k', on_change=print)",
    "strip": "from pages.ui.components.strip import strip\n"
    "assert strip(['data:,', 'data:,'], ['one', 'two'], 'both', key='k') == 0",
}
RUN = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_string({script!r}).run(timeout=120)
assert not page.exception, page.exception
print(' '.join({{name.split('.')[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize("name", DRAWN)
def test_drawing_a_component_for_the_first_time_imports_no_data_frames(name):
    ran = subprocess.run(
        [sys.executable, "-c", RUN.format(script=DRAWN[name])], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.split())
    assert "streamlit" in loaded and "pandas" not in loaded


SOURCES = {path.name: path.read_text("utf-8") for path in (ROOT / "pages" / "ui" / "components").rglob("*.js")}


def test_no_component_sets_a_handler_that_browsers_know_by_listener_only():
    """`element.onfocusout = …` is silent: these events have no such property."""
    silent = re.compile(r"\.on(focusin|focusout|compositionstart|compositionend|DOMContentLoaded|touchleave)\s*=[^=]")
    assert len(SOURCES) > 30
    assert [name for name, source in SOURCES.items() if silent.search(source)] == []


def test_no_component_writes_html():
    assert [name for name, source in SOURCES.items() if re.search(r"innerHTML|outerHTML|insertAdjacentHTML", source)] == []
