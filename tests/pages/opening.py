"""Pages as the tests of this folder open and read them, without a browser."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ENTRY = Path(__file__).parents[2] / "pages" / "ui" / "entry.py"


def opened(page: str, lang: str | None = "en", *, locale: str | None = None, **query) -> AppTest:
    """A page by its link. lang: None leaves the language to the browser's locale."""
    app = AppTest.from_file(str(ENTRY), default_timeout=60)
    app.context = {"locale": locale}
    app.run()
    if page != "home":
        app.switch_page(f"../{page}.py")
    for name, value in (query if lang is None else {"lang": lang, **query}).items():
        app.query_params[name] = value
    return app.run()


def shown(app: AppTest) -> list[str]:
    """Its sentences."""
    return [element.value for kind in ("markdown", "caption", "text") for element in app.get(kind)]
