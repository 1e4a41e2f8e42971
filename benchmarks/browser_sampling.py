"""How long a model takes to draw in a page: `python benchmarks/browser_sampling.py`.

Draws 28×28 pictures in headless Chromium with every model that the site has for that size: loading,
the first picture (before the browser has compiled anything), and the median of the next ones.

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

from pixeledu import export_model, load_pretrained
from pixeledu.layers import diagonal_bilstm, row_lstm
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
async ([weights, pictures]) => {
  const { modelFrom } = await import("./models.js");
  const { drawPicture } = await import("./sampling.js");
  const start = performance.now();
  const model = modelFrom(weights, 28);
  const load = performance.now() - start;
  const seconds = [];
  for (let image = 0; image < pictures; image++) {
    const before = performance.now();
    drawPicture(model, 28, 28, { seed: 1, image, temperature: 1, given: null });
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
    offers = LiveSampler().models
    names = [its["name"] for its in offers if (its["height"], its["width"]) == SIZE]
    with launch(*ARGUMENTS) as browser:
        rows = [drawn(browser, name) for name in names]
        if options.onnx:
            for row in rows:
                row |= naive(browser, row["model"], Path(options.onnx))
        pages = weighed(browser, Path(options.site)) if options.site else []
        version = browser.version
    facts = {"size": list(SIZE), "pictures": PICTURES, "chromium": version, "pages": pages}
    timing.report("browser_sampling", rows, **facts)


def drawn(browser, name: str, pictures: int = PICTURES) -> dict:
    """Time the engine of the page."""
    content = export_model(load_pretrained(name))
    with tempfile.TemporaryDirectory() as folder:
        for file in [*ENGINE.glob("*.js"), *ENGINE.glob("*.json")]:
            shutil.copy(file, folder)
        with page_of(browser, Path(folder)) as page:
            found = page.evaluate(DRAW, [b64encode(content).decode(), pictures])
    later = found["seconds"][1:]
    return {
        "model": name,
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
    with plain_scans(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The older exporter: the newer one takes minutes for the thousands of steps of a scan.
        names = {"input_names": ["image"], "output_names": ["logits"], "dynamo": False}
        torch.onnx.export(model, (image,), file, **names)


@contextlib.contextmanager
def page_of(browser, folder: Path):
    """An empty page that is served from a folder."""
    with serve(folder) as url, tempfile.NamedTemporaryFile(dir=folder, suffix=".html") as file:
        page = browser.new_page()
        page.goto(url + Path(file.name).name)
        yield page
        page.close()


@contextlib.contextmanager
def plain_scans():
    """The LSTM scans in plain PyTorch, front by front, which the exporter can unroll."""
    own = row_lstm.scan
    row_lstm.scan = diagonal_bilstm.scan = plain_scan
    try:
        yield
    finally:
        row_lstm.scan = diagonal_bilstm.scan = own


def plain_scan(inputs, weight, hidden, memory, diagonal):
    """What `pixeledu.fast.scan.scan` computes, with the operations that every exporter knows."""
    directions = [
        _one_direction(x, *its, diagonal)
        for x, *its in zip(
            [inputs[:, 0], *([inputs[:, 1].flip(-1)] if inputs.shape[1] > 1 else [])],
            weight,
            hidden,
            memory,
            strict=True,
        )
    ]
    return torch.stack([directions[0], *(d.flip(-1) for d in directions[1:])], dim=1)


def _one_direction(x, weight, hidden, memory, diagonal):
    height, width = map(int, x.shape[2:])
    if diagonal:
        x = diagonal_bilstm.skew(x).transpose(2, 3)  # (B, 4h, fronts, lanes)
    fronts, lanes = (height + width - 1, height) if diagonal else (height, width)
    taps = weight.shape[2]
    outside_h, outside_c = (state.view(1, -1, 1) for state in (hidden, memory))
    h, c = (state.expand(len(x), -1, lanes) for state in (outside_h, outside_c))
    states = []
    for front in range(fronts):
        above, below = (outside_h.expand(len(x), -1, n) for n in (taps // 2, (taps - 1) // 2))
        sums = x[:, :, front] + torch.conv1d(torch.cat([above, h, below], dim=2), weight)
        o, f, i, g = sums.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        if diagonal:  # a lane that has not begun, or has ended, lies outside the image
            inside = torch.tensor([0 <= front - lane < width for lane in range(lanes)])
            h, c = torch.where(inside, h, outside_h), torch.where(inside, c, outside_c)
        states.append(h)
    result = torch.stack(states, dim=2)  # (B, h, fronts, lanes)
    return diagonal_bilstm.unskew(result.transpose(2, 3), width) if diagonal else result


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
