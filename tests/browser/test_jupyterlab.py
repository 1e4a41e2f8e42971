"""The figures in a real JupyterLab: their stored output, and the live widgets with a kernel."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import figures
import nbformat
import players
import pytest
import test_live_sampler
from figures import Figure
from players import Player
from playwright.sync_api import Page, expect

from pixeledu.widgets import SamplingPlayer

CELLS = [
    "import sys; sys.path.append('TESTS')\n"
    "from players import TRACES\n"
    "from pixeledu.widgets import SamplingPlayer\n"
    "player = SamplingPlayer(TRACES['an image of 17 greys'], description='a live replay')\n"
    "player",
    "player.position = 40\nplayer.speed = 64",
    "print('position', player.position, 'speed', player.speed, 'playing', player.playing)",
    "player.playing = True",
    "from IPython.display import display\n"
    "from figures import widgets\n"
    "explorer, field, hunt, samples = widgets().values()\n"
    "display(explorer, field, hunt, samples)",
    "print(explorer.mask_type, explorer.offset, field.left, hunt.score, samples.sample)",
    "explorer.kernel_size = 3; field.position = 8; hunt.shown = 2; samples.temperature = 1.5",
    "import test_live_sampler\n"
    "from pixeledu.widgets import Wavefront\n"
    "front, live = Wavefront(6, 8), test_live_sampler.twin()\n"
    "display(front, live)",
    "print(front.step, front.model, live.model, live.seed, int(live.picture.sum()))",
    "front.phase = 'sampling'; live.temperature = 0.5; live.seed = 7",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """JupyterLab with settings of its own and one notebook, `book.ipynb`; yields its address."""
    home = tmp_path_factory.mktemp("lab")
    _write_notebook(home / "book.ipynb")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    folders = {
        "HOME": home,
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": home,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": "",
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
    environment = os.environ | {name: str(folder) for name, folder in folders.items()}
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status", server, home / "server.log")
        yield f"http://127.0.0.1:{port}/lab/tree/book.ipynb"
    finally:
        server.terminate()  # it ends its kernels too
        try:
            server.wait(600)
        except subprocess.TimeoutExpired:
            server.kill()


def _write_notebook(path: Path) -> None:
    """The cells, the first with the output that the book would store."""
    book = nbformat.v4.new_notebook()
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    tests = str(Path(players.__file__).parent)
    book.cells = [nbformat.v4.new_code_cell(cell.replace("TESTS", tests)) for cell in CELLS]
    stored = SamplingPlayer(players.TRACES["an image of 17 greys"])._repr_mimebundle_()[0]
    book.cells[0].outputs = [nbformat.v4.new_output("execute_result", stored, execution_count=1)]
    book.cells[0].execution_count = 1
    nbformat.write(book, path)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    while server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=600).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


class Notebook:
    """The open notebook, run cell by cell with the keyboard."""

    def __init__(self, page: Page):
        self.page = page
        self.cells = page.locator(".jp-Notebook .jp-Cell")
        self.runs = 0

    def run(self, index: int) -> str:
        """Run a cell, wait until it is done, and return what it printed."""
        cell = self.cells.nth(index)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.runs += 1
        expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{self.runs}]:")
        return cell.locator(".jp-OutputArea").inner_text().strip()

    def wait_until_printed(self, index: int, text: str) -> None:
        """Run a cell until it prints `text`: what the page sends may take a moment to arrive."""
        for _ in range(100):
            if (printed := self.run(index)) == text:
                return
            self.page.wait_for_timeout(300)
        pytest.fail(f"printed {printed!r} and not {text!r}")


def operate_the_other_figures(notebook: Notebook) -> None:
    """The same way back and forth for the figures of masks, fields, leaks and several samples."""
    notebook.run(4)
    explorer, field, hunt, samples = (Figure(notebook.page, name) for name in figures.NAMES)
    explorer.button("Mask: A").click()
    explorer.page.mouse.click(*explorer.pixel(4))
    choice = field.group.get_by_role("combobox", name="Model on the left")
    choice.select_option("Diagonal BiLSTM")
    hunt.button("2. Mask B in the first layer").click()
    samples.button("cold").click()
    expected = "A (-2, 2) Diagonal BiLSTM {'named': 1, 'first': 1} 1"
    notebook.wait_until_printed(5, expected)
    notebook.run(6)
    expect(explorer.group.get_by_text("Mask A, 3×3: 5 of 9 weights open")).to_be_visible()
    expect(field.scrubber).to_have_value("8")
    expect(hunt.button("Model 3")).to_have_attribute("aria-pressed", "true")
    expect(samples.group.get_by_text("Temperature 1.50")).to_be_visible()


def operate_what_draws(notebook: Notebook) -> None:
    """And for the wavefront, and the models that draw in the page."""
    notebook.run(7)
    group = notebook.page.get_by_role("group", name="Which pixels are computed at the same moment")
    step = group.get_by_role("slider", name="Step")
    group.get_by_role("button", name="Row LSTM, training").click()
    step.press("ArrowRight")
    figure = test_live_sampler.Figure(notebook.page)
    figure.model.select_option("Rows")
    figure.button("New sample").click()
    python = test_live_sampler.twin(model="Rows", seed=1)
    notebook.wait_until_printed(8, f"1 row-lstm Rows 1 {python.picture.sum()}")
    notebook.run(9)
    expect(group.get_by_role("button", name="Row LSTM, sampling")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(figure.seed).to_have_value("7")
    python.temperature, python.seed = 0.5, 7
    figure.shows(python)


def test_the_figures_live_in_jupyterlab(browser, lab):
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    elsewhere, exceptions = [], []
    page.on("request", lambda r: None if "127.0.0.1" in r.url else elsewhere.append(r.url))
    page.on("pageerror", lambda error: exceptions.append(str(error)))
    page.goto(lab)

    # Opened, not run: the notebook is not trusted, so its page shows the picture without a script.
    notebook = Notebook(page)
    output = notebook.cells.first.locator(".jp-OutputArea-output")
    expect(output.locator("img")).to_be_visible()
    expect(output).to_contain_text("The finished picture")

    # Run: the live widget wins over the HTML.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    notebook.run(0)
    player = Player(page, "a live replay")
    expect(player.picture).to_be_visible()
    assert page.locator("pixeledu-widget, .jp-OutputArea-output img").count() == 0

    # What is done in the page is read in Python …
    x, y = player.pixel(2, 3)
    player.picture.click(position={"x": x, "y": y})
    for key in ("ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert player.place == (4, 4)  # and JupyterLab did not take the arrows for itself
    notebook.wait_until_printed(2, "position 36 speed 4 playing False")

    # … and what Python sets is seen in the page.
    notebook.run(1)
    expect(player.scrubber).to_have_value("40")
    expect(player.speed).to_have_value("64")
    notebook.run(3)
    expect(player.scrubber).to_have_value("63")
    expect(player.button("Play")).to_be_visible()
    notebook.wait_until_printed(2, "position 63 speed 64 playing False")
    operate_the_other_figures(notebook)
    operate_what_draws(notebook)

    assert exceptions == []
    assert [url for url in elsewhere if not url.startswith(("data:", "blob:"))] == []
    page.close()
