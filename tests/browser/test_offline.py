"""The published book without a network: pages that were read once can be read again."""

import subprocess
import sys

import pytest
from conftest import ARGUMENTS, SITE, serve

# The published book has a name and https; this stands for both. Playwright runs in a process of
# its own, because one process has one of it, and the other tests' is in use.
READ_ONLINE_THEN_OFFLINE = """
import sys
from conftest import launch

address, *arguments = sys.argv[1:]
with launch(*arguments) as browser:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + "book/index.html")
    # Not wait_for_function: it takes the promise of an async function for true.
    page.evaluate('''async () => {
        await navigator.serviceWorker.ready;
        const cache = await caches.open("pixel-by-pixel");
        while ((await cache.keys()).length <= 10) await new Promise(done => setTimeout(done, 50));
    }''')
    page.close()
    print("read online", flush=True)
    input()  # the server is gone now

    page = context.new_page()
    page.goto(address + "book/index.html?from=home#how-to-read-it")
    assert page.locator("h1").last.inner_text().startswith("Pixel by pixel")
    font = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "sans-serif" in font or "system-ui" in font, "read without its style sheet"
    try:
        page.goto(address + "book/reference/glossary.html")
    except Exception as error:
        assert "ERR_" in str(error)
        print("read offline", flush=True)
"""


@pytest.fixture
def reader(request):
    """A browser to which the site is https://book.test."""

    def start(port: str) -> subprocess.Popen:
        address = f"http://book.test:{port}/"
        arguments = [part for part in ARGUMENTS if "resolver" not in part]
        arguments += [
            "--host-resolver-rules=MAP book.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--unsafely-treat-insecure-origin-as-secure={address}",
        ]
        process = subprocess.Popen(
            [sys.executable, "-c", READ_ONLINE_THEN_OFFLINE, address, *arguments],
            cwd=request.path.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        request.addfinalizer(process.kill)
        return process

    return start


def test_a_page_that_was_read_once_can_be_read_again_without_a_network(reader):
    with serve(SITE) as url:
        process = reader(url.split(":")[-1].rstrip("/"))
        assert process.stdout.readline() == "read online\n"
    rest, _ = process.communicate("\n", timeout=120)
    assert rest == "read offline\n"
    assert process.returncode == 0
