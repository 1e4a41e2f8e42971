"""How long a model takes to draw in a page: `python benchmarks/browser_sampling.py`.

Draws pictures in headless Chromium with every model that the site has for 28×28 pixels or in colour:
loading, the first picture (before the browser has compiled anything), and the median of the next ones.

With `--onnx FOLDER`, beside it the obvious way: onnxruntime-web runs the exported full forward pass
once for each pixel. That is for comparison only, and nothing of it is part of the project; the
folder comes from

    npm install --prefix FOLDER onnxruntime-web
    pip install --target FOLDER/py --no-deps onnx onnxscript onnx_ir ml_dtypes protobuf

With `--site FOLDER` (`_build/html`), also the weight of each page that has a figure, compressed as a
server does it, and how far its content shifts while it loads.
"""

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
import warnings
from base64 import b64encode
from pathlib import Path

import timing
import torch
from torch._decomp import get_decompositions
from torch.fx.experimental.proxy_tensor import make_fx

from pixeledu import export_model, fast, list_pretrained, load_pretrained
from pixeledu.web import export
from pixeledu.widgets import LiveSampler

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "browser"))
from conftest import ARGUMENTS, launch, serve  # noqa: E402
from players import compressed_weights, layout_shifts  # noqa: E402

ENGINE = Path(export.__file__).parent
PICTURES = 61
SIZE = (28, 28)
DRAW = """
async ([weights, pictures, height, width]) => {
  const { modelFrom } = await import("./models.js");
  const { drawPicture } = await import("./sampling.js");
  const start = performance.now();
  const model = modelFrom(weights, width);
  const load = performance.now() - start;
  const seconds = [];
  for (let image = 0; image < pictures; image++) {
    const before = performance.now();
    drawPicture(model, height, width, { seed: 1, image, temperature: 1, given: null });
    seconds.push(performance.now() - before);
    await new Promise((done) => setTimeout(done));
  }
  return { load, seconds };
}
"""
FORWARD = """
async ([name, passes]) => {
  const ort = await import("./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = `${location.origin}/node_modules/onnxruntime-web/dist/`;
  const session = await ort.InferenceSession.create(`./${name}.onnx`);
  const image = new ort.Tensor("float32", new Float32Array(784), [1, 1, 28, 28]);
  const seconds = [];
  for (let pass = 0; pass < passes; pass++) {
    const before = performance.now();
    await session.run({ image });
    seconds.push(performance.now() - before);
  }
  return seconds;
}
"""


def main() -> None:
    options = _options()
    timing.calm()
    listed = [its for its in LiveSampler().models if its["height"] == SIZE[0]]
    coloured = [name for name in list_pretrained() if name.startswith("emoji-")]
    drawing = [*listed, *LiveSampler(models=coloured).models]
    with launch(*ARGUMENTS) as browser:
        rows = [drawn(browser, its["name"], (its["height"], its["width"])) for its in drawing]
        for row, its in zip(rows, drawing, strict=True):
            if options.onnx and its["channels"] == 1 and "classes" not in its:
                row |= naive(browser, row["model"], Path(options.onnx))
        pages = weighed(browser, Path(options.site)) if options.site else []
        version = browser.version
    facts = {"pictures": PICTURES, "chromium": version, "pages": pages}
    timing.report("browser_sampling", rows, **facts)


def drawn(browser, name: str, size: tuple[int, int] = SIZE, pictures: int = PICTURES) -> dict:
    """Time the engine of the page with pictures of a height and a width."""
    content = export_model(load_pretrained(name))
    with tempfile.TemporaryDirectory() as folder:
        for file in [*ENGINE.glob("*.js"), *ENGINE.glob("*.json")]:
            shutil.copy(file, folder)
        with page_of(browser, Path(folder)) as page:
            found = page.evaluate(DRAW, [b64encode(content).decode(), pictures, *size])
    later = found["seconds"][1:]
    return {
        "model": name,
        "size": list(size),
        "bytes": len(content),
        "load ms": round(found["load"], 1),
        "first picture ms": round(found["seconds"][0], 1),
        "picture ms": round(statistics.median(later), 1),
        "slowest ms": round(max(later), 1),
    }


def naive(browser, name: str, folder: Path) -> dict:
    """Time one forward pass in onnxruntime-web; a naive picture takes 784 of them."""
    file = folder / f"{name}.onnx"
    if not file.exists():  # it takes minutes
        _write_onnx(file, load_pretrained(name))
    with page_of(browser, folder) as page:
        seconds = page.evaluate(FORWARD, [name, 40])
    one = statistics.median(seconds[5:])
    return {"onnx pass ms": round(one, 2), "onnx picture ms": round(784 * one)}


def _write_onnx(file: Path, model) -> None:
    sys.path.append(str(file.parent / "py"))
    image = torch.zeros(1, 1, *SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The older exporter: the newer one takes minutes for the thousands of steps of a scan.
        names = {"input_names": ["image"], "output_names": ["logits"], "dynamo": False}
        torch.onnx.export(unrolled(model, image), (image,), file, **names)


def unrolled(model, image: torch.Tensor) -> torch.nn.Module:
    """A model for images of one size with the equations of its layers unrolled, front by front."""
    with fast.off(), torch.no_grad():
        # Without the check of its values, which a recording cannot look at.
        known = get_decompositions([torch.ops.aten._unsafe_view])  # the exporter does not know it
        return make_fx(lambda it: model.head(model.trunk(model.scale(it))), known)(image)


@contextlib.contextmanager
def page_of(browser, folder: Path):
    """An empty page that is served from a folder."""
    with serve(folder) as url, tempfile.NamedTemporaryFile(dir=folder, suffix=".html") as file:
        page = browser.new_page()
        page.goto(url + Path(file.name).name)
        yield page
        page.close()


def weighed(browser, site: Path) -> list[dict]:
    """Weigh the pages that have a figure, all that a first visit loads, and see what moves on them."""
    rows = []
    with serve(site) as url:
        for path in sorted(site.glob("book/**/*.html")):
            if "<pixeledu-widget" not in path.read_text(encoding="utf-8"):
                continue
            name = path.relative_to(site).as_posix()
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(url + name)
            weight = sum(compressed_weights(page, site).values())
            shift = sum(layout_shifts(page))
            page.close()
            rows.append({"page": name, "kB": round(weight / 1000), "shift": round(shift, 4)})
    timing.show(rows)
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--onnx", metavar="FOLDER", help="where onnxruntime-web lies")
    parser.add_argument("--site", metavar="FOLDER", help="the built site")
    return parser.parse_args()


if __name__ == "__main__":
    main()
