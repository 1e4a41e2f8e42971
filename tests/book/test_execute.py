"""`make notebooks`: runs a notebook and stores the same bytes each time."""

import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "tools"))
from execute import smaller_png  # noqa: E402

WIDGET = """
from traitlets import Unicode
import anywidget

class Figure(anywidget.AnyWidget):
    _esm = Unicode("export default { render() {} }").tag(sync=True)

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/plain": "Figure", "text/html": "<p>a figure</p>"}, metadata

Figure()
"""


def write(path: Path, *sources: str) -> Path:
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    alt = {"mystnb": {"image": {"alt": "A picture."}}}
    text = new_markdown_cell("# A chapter", id="text")
    cells[0].metadata.update(alt, execution={"iopub.status.busy": "2026-01-01"})
    nbformat.write(new_notebook(cells=[text, *cells]), path)
    return path


def execute(*paths: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "book" / "tools" / "execute.py", *paths]
    return subprocess.run(command, capture_output=True, text=True)


def test_running_a_notebook_twice_stores_the_same_bytes(tmp_path):
    path = write(tmp_path / "chapter.ipynb", "print(6 * 7)", WIDGET)
    done = execute(path)
    assert done.returncode == 0, done.stderr
    once = path.read_bytes()
    assert execute(path).returncode == 0
    assert path.read_bytes() == once

    notebook = nbformat.read(path, as_version=4)
    first, second = notebook.cells[1:]
    assert first.outputs[0].text == "42\n"
    assert first.metadata == {"mystnb": {"image": {"alt": "A picture."}}}
    assert second.outputs[0].data == {"text/plain": "Figure", "text/html": "<p>a figure</p>"}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_a_notebook_that_fails_is_left_as_it_was_and_the_others_are_run(tmp_path):
    bad = write(tmp_path / "bad.ipynb", "print('before')", "1 / 0")
    good = write(tmp_path / "good.ipynb", "from pathlib import Path; print(Path.cwd().name)")
    before = bad.read_bytes()
    done = execute(bad, good)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert bad.read_bytes() == before
    assert tmp_path.name in good.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.ipynb", "good.ipynb"]


@given(
    mode=st.sampled_from(["RGB", "RGBA", "L"]),
    opaque=st.booleans(),
    colours=st.sampled_from([1, 2, 17, 256, 257, 600]),
    seed=st.integers(0, 9999),
)
def test_a_stored_picture_of_few_colours_keeps_every_pixel(mode, opaque, colours, seed):
    chance = np.random.default_rng(seed)
    palette = chance.integers(0, 256, (colours, len(mode)), np.uint8)
    pixels = palette[chance.integers(0, colours, (20, 40))]
    if opaque and mode == "RGBA":
        pixels[..., 3] = 255
    before = Image.fromarray(pixels.squeeze(-1) if mode == "L" else pixels)
    after = Image.open(BytesIO(b64decode(smaller_png(before))))
    if colours <= 256 or mode == "L" or (mode == "RGBA" and not opaque):
        np.testing.assert_array_equal(before.convert("RGBA"), after.convert("RGBA"))
    else:
        assert len(after.convert("RGB").getcolors(2**24)) <= 256


def test_figures_are_stored_with_two_dots_for_each_pixel_of_a_page(tmp_path):
    figure = "import matplotlib.pyplot as plt\nplt.subplots(figsize=(3, 2), layout='constrained')\nplt.show()"
    path = write(tmp_path / "chapter.ipynb", figure)
    done = execute(path)
    assert done.returncode == 0, done.stderr
    (output,) = nbformat.read(path, as_version=4).cells[1].outputs
    stored = Image.open(BytesIO(b64decode(output.data["image/png"])))
    size = output.metadata["image/png"]
    assert [side // 2 for side in stored.size] == [size["width"], size["height"]]
    assert abs(size["width"] - 300) < 20  # and a margin
    assert output.data["text/plain"].startswith("<Figure size 300x200")  # as in any notebook
    assert round(stored.info["dpi"][0]) == 200
