"""The published book without a network: pages that were read once, and the whole book once it was asked for."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ARGUMENTS, SITE

# The published book has a name and https; http://book.localhost is as good to a browser. Playwright runs in a process of
# its own, because one process has one of it, and the other tests' is in use.
BEFORE = """
import sys
from conftest import launch

address, *arguments = sys.argv[1:]
FRONT = address + "book/index.html"
GLOSSARY = address + "book/reference/glossary.html"

# Whether the page is kept, and there is a worker that answers with it.
KEPT = '''async (url) => {
    const worker = await navigator.serviceWorker.getRegistration();
    return Boolean(worker?.active && (await caches.match(url)));
}'''

def until(page, question, *argument):
    # Not wait_for_function: it takes the promise of an async function for true.
    for _ in range(6000):
        if page.evaluate(question, *argument):
            return
        page.wait_for_timeout(50)
    sys.exit(f"never true: {question}")

def next_state(says):
    print(says, flush=True)
    input()  # the server has changed now

with launch(*arguments) as browser:
    context = browser.new_context()
    page = context.new_page()
    page.goto(FRONT)
    until(page, KEPT, FRONT)
"""
# Each reads online, says so, and reads again after the network has changed.
READ_ONE_PAGE = """
    page.close()
    next_state("read")
    page = context.new_page()
    page.goto(FRONT + "?from=home#the-chapters")
    assert page.locator("h1").last.inner_text().startswith("Pixel by pixel")
    font = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "sans-serif" in font or "system-ui" in font, "read without its style sheet"
    page.locator("pixeledu-widget > div").first.wait_for(timeout=600_000)
    engine = address + "_static/pixeledu-engine.js"
    assert page.evaluate("async url => Boolean(await caches.match(url))", engine)
    page.goto(GLOSSARY)
    assert page.locator("h1").inner_text() == "This page is not on your device"
    page.get_by_role("link", name="To the front page").click()
    page.wait_for_url(FRONT)
    print("read offline", flush=True)
"""
KEEP_THE_BOOK = """
    button = page.get_by_role("button", name="Keep this book on this device (")
    assert "MB)" in button.inner_text()
    button.click()
    page.get_by_text("This book is kept on this device").wait_for(timeout=600_000)
    next_state("kept")
    import json
    from pathlib import Path
    names = json.loads(sys.stdin.readline())
    for name in names:
        page.goto(address + name)
        assert page.locator("h1").last.inner_text() != "This page is not on your device", name
        missing = page.evaluate(
            "[...document.images].filter(i => i.loading !== 'lazy' && !i.naturalWidth).length"
        )
        assert missing == 0, name
    page.goto(address + "search.html?q=raster")
    page.locator("#search-results a").first.wait_for()
    print("read offline", flush=True)
"""
REMOVE_THE_BOOK = """
    page.get_by_role("button", name="Keep this book on this device (").click()
    page.get_by_role("button", name="Remove it").click(timeout=600_000)
    page.get_by_role("button", name="Keep this book on this device (").wait_for()
    assert page.evaluate("caches.keys()") == []
    print("removed", flush=True)
"""
OLD_FILES = """
    old = [FRONT.replace("index", "gone"), FRONT + "?v=1"]
    page.evaluate('''async (urls) => {
        const cache = await caches.open("pixel-by-pixel");
        for (const url of urls) await cache.put(url, new Response("old"));
    }''', old)
    page.goto(GLOSSARY)
    until(page, KEPT, GLOSSARY)
    until(page, '''async (urls) => {
        const cache = await caches.open("pixel-by-pixel");
        const keys = (await cache.keys()).map(key => key.url);
        return !urls.some(url => keys.includes(url));
    }''', old)
    print("tidy", flush=True)
"""


class Server:
    """The site at http://127.0.0.1, which can fall silent: it takes requests and answers none.

    Args:
        lost: the ending of the files that it has lost, if any.
    """

    def __init__(self, lost: str | None = None):
        self.silent, self.freed = threading.Event(), threading.Event()
        outer = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                if outer.silent.is_set():
                    outer.freed.wait()
                    return
                if lost and self.path.split("?")[0].endswith(lost):
                    return self.send_error(404)
                super().do_GET()

            def log_message(self, *args):
                pass

        handler = partial(Handler, directory=str(SITE))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.freed.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def serving(lost: str | None = None):
    server = Server(lost)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def reader(request):
    """A browser to which the site is http://book.localhost: a name, and a secure context."""

    def start(port: int, script: str) -> subprocess.Popen:
        address = f"http://book.localhost:{port}/"
        arguments = [part for part in ARGUMENTS if "resolver" not in part]
        arguments += [
            "--host-resolver-rules=MAP book.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        ]
        process = subprocess.Popen(
            [sys.executable, "-c", BEFORE + script, address, *arguments],
            cwd=request.path.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        request.addfinalizer(process.kill)
        return process

    return start


def finish(process: subprocess.Popen, text: str, expected: str) -> None:
    rest, _ = process.communicate(text, timeout=1500)
    assert rest == expected
    assert process.returncode == 0


def test_a_page_that_was_read_once_can_be_read_again_and_another_says_that_it_is_missing(reader):
    with serving() as server:
        process = reader(server.port, READ_ONE_PAGE)
        assert process.stdout.readline() == "read\n"
    finish(process, "\n", "read offline\n")


def test_a_network_that_never_answers_is_not_waited_for(reader):
    script = READ_ONE_PAGE.split("    page.goto(GLOSSARY)")[0] + '    print("read", flush=True)\n'
    with serving() as server:
        process = reader(server.port, script)
        assert process.stdout.readline() == "read\n"
        server.silent.set()
        finish(process, "\n", "read\n")


# Reading a page takes a second, and all are kept in the same way.
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.thorough), 5])
def test_the_whole_book_is_kept_once_a_reader_asks_for_it(reader, every):
    names = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("book/**/*.html"))
    assert len(names) > 20
    names = names[::every]
    with serving() as server:
        process = reader(server.port, KEEP_THE_BOOK)
        assert process.stdout.readline() == "kept\n"
    finish(process, "\n" + json.dumps(names) + "\n", "read offline\n")


def test_the_book_can_be_removed_again(reader):
    with serving() as server:
        finish(reader(server.port, REMOVE_THE_BOOK), "", "removed\n")


def test_files_that_the_book_no_longer_has_are_forgotten_though_others_cannot_be_loaded(reader):
    with serving(lost=".woff2") as server:
        finish(reader(server.port, OLD_FILES), "", "tidy\n")


def test_the_list_of_what_is_kept_names_every_page_and_what_it_weighs():
    kept = json.loads((SITE / "offline.json").read_text())
    pages = {path.relative_to(SITE).as_posix() for path in SITE.glob("book/**/*.html")}
    assert pages <= set(kept["files"])
    assert {"index.html", "offline.html", "search.html", "searchindex.js"} <= set(kept["files"])
    assert kept["bytes"] == sum((SITE / name).stat().st_size for name in kept["files"])
    assert not [name for name in kept["files"] if name.startswith("_sources/")]
