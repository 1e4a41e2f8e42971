"""Run notebooks from top to bottom and store what they print.

    python book/tools/execute.py [NOTEBOOK ...]      (default: every notebook of the book)

What is stored is the same on every run, as far as the code prints the same: no times, no random
identifiers, no widget state. A notebook that fails is left as it was.
"""

import os
import sys
import time
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

BOOK = Path(__file__).parents[1]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"  # names a random model; the HTML stays
# Figures are stored with two dots for each pixel of a page, as sharp screens have, and with at most so
# many colours: these take fewer bytes than one dot of all colours.
SETTINGS = "c.InlineBackend.figure_formats = {'retina'}\n"
DPI, COLOURS = 200, 256


def main(names: list[str]) -> int:
    """Execute the named notebooks in place; returns the number of those that failed."""
    paths = [Path(name) for name in names] or all_notebooks(BOOK)
    failed = 0
    for path in paths:
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook, path.parent)
        except CellExecutionError as error:
            print(f"{path}: a cell failed; the file is left as it was\n{error}", file=sys.stderr)
            failed += 1
            continue
        write(notebook, path)
        size = path.stat().st_size / 1000
        print(f"{path}: {time.perf_counter() - started:.0f} s, {size:.0f} kB", flush=True)
    return failed


def all_notebooks(folder: Path) -> list[Path]:
    """The notebooks below a folder, without Jupyter's own copies and those that are made (exercises)."""
    found = folder.rglob("*.ipynb")
    return sorted(path for path in found if not any(_is_left_out(part) for part in path.parts))


def _is_left_out(part: str) -> bool:
    return part.startswith(".") or part == "exercises"


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in a fresh kernel that starts in `folder`, and normalise the result."""
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # one block of text a cell, however often it prints
        resources={"metadata": {"path": str(folder)}},
    )
    with TemporaryDirectory() as settings:
        profile = Path(settings, "profile_default")
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text(SETTINGS)
        client.execute(env=os.environ | {"IPYTHONDIR": settings})
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
            if "image/png" in output.get("data", {}):
                picture = Image.open(BytesIO(b64decode(output.data["image/png"])))
                output.data["image/png"] = smaller_png(picture)


def smaller_png(image: Image.Image) -> str:
    """Write a picture as PNG of few bytes, base64: no channel that says nothing, few colours."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    if image.mode == "RGB":
        pixels = np.asarray(image)  # (H, W, 3)
        colours, number = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
        if len(colours) <= COLOURS:  # every pixel as it was
            image = Image.fromarray(number.reshape(pixels.shape[:2]).astype(np.uint8))
            image.putpalette(colours.tobytes())
        else:
            image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    file = BytesIO()
    image.save(file, "PNG", optimize=True, dpi=(DPI, DPI))
    return b64encode(file.getvalue()).decode()


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook so that a crash leaves the old file or the new one, never half of one."""
    new = path.with_name(f".{path.name}.new")
    with open(new, "w", encoding="utf-8") as file:
        nbformat.write(notebook, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
