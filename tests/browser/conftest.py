"""A browser that reaches the built site and nothing else, and that forgets no request and no error."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import chromium
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

SITE = Path(os.environ.get("PIXELEDU_SITE") or Path(__file__).parents[2] / "_build" / "html")
# The root that redirects, and the pages for what is missing: they load nothing of the theme.
STAND_ALONE = {"index.html", "404.html", "offline.html"}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


# Milliseconds until what is expected is shown; to load a page may take five times as long. On a free
# machine both are a matter of a second.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `page_name` runs for every page of the site, but those that stand alone."""
    if "page_name" in metafunc.fixturenames:
        if not (SITE / "index.html").exists():
            raise pytest.UsageError(f"There is no built site in {SITE}: run `make book` first.")
        pages = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")}
        # The theme leaves two pieces of its templates in _static.
        pages = {page for page in pages if not page.startswith("_static/")} - STAND_ALONE
        metafunc.parametrize("page_name", [_as_parameter(page) for page in sorted(pages)])


def _as_parameter(page: str):
    """The pages of exercises are made by one program: three stand for all; `make thorough` has each."""
    number = re.search(r"exercises/pages/(\d+)_", page)
    one_of_many = number and number[1] not in ("01", "08", "15")
    return pytest.param(page, marks=[pytest.mark.thorough] if one_of_many else [])


@dataclass
class Visit:
    """A page in the browser and what happened on it."""

    page: Page
    elsewhere: list[str] = field(default_factory=list)  # requests to other hosts
    errors: list[str] = field(default_factory=list)  # console errors and warnings, exceptions


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site."""
    return SITE


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The built site, served on 127.0.0.1."""
    with serve(SITE) as url:
        yield url


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1 while the `with` block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium that cannot resolve any name."""
    with launch(*ARGUMENTS) as browser:
        yield browser


@contextmanager
def launch(*arguments: str) -> Iterator[Browser]:
    """Headless Chromium while the `with` block runs."""
    program = chromium.find()
    if program is None:
        pytest.fail(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        browser.on("context", lambda context: context.set_default_timeout(5 * PATIENCE))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, site_url: str) -> Iterator[Callable[..., Visit]]:
    """`visit("book/index.html", theme="dark", width=390)` opens a page of the site, or any address.

    When the test ends, no page may have asked another host for anything, and none may have
    written an error or a warning to the console.
    """
    visits: list[Visit] = []
    contexts: list[BrowserContext] = []

    def open_page(address: str, theme: str = "light", width: int = 1280, **options) -> Visit:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            service_workers="block",
            **options,
        )
        contexts.append(context)
        seen = Visit(context.new_page())
        visits.append(seen)
        context.on("request", lambda request: _note_host(request.url, seen))
        context.on("console", lambda message: _note_message(message, seen))
        context.on("weberror", lambda error: seen.errors.append(str(error.error)))
        seen.page.goto(address if "://" in address else site_url + address)
        return seen

    yield open_page

    for context in contexts:
        context.close()
    assert [url for seen in visits for url in seen.elsewhere] == []
    assert [error for seen in visits for error in seen.errors] == []


def _note_host(url: str, seen: Visit) -> None:
    parts = urlsplit(url)
    local = parts.scheme in ("file", "data", "blob", "about") or parts.hostname == "127.0.0.1"
    if not local:
        seen.elsewhere.append(url)


def _note_message(message, seen: Visit) -> None:
    if message.type in ("error", "warning"):
        seen.errors.append(f"{message.text} ({message.location.get('url')})")
