"""The list of all files that a reader can keep to have the whole book without a network."""

import json
from hashlib import sha256
from pathlib import Path

from sphinx.application import Sphinx

LIST = "offline.json"
# What no page shows, and what a browser loads in its own ways.
NOT_KEPT = ("_sources/", "_static/preview.png", ".", "objects.inv", "sitemap.xml", "sw.js", LIST)


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", _write_list, priority=900)  # when no file changes any more
    return {"version": "1", "parallel_read_safe": True}


def _write_list(app: Sphinx, failure: Exception | None) -> None:
    if failure or app.builder.format != "html":
        return
    site = Path(app.outdir)
    text = json.dumps(list_of_files(site), separators=(",", ":"))
    (site / LIST).write_text(text, encoding="utf-8")


def list_of_files(site: Path) -> dict:
    """What there is to keep.

    Args:
        site: the folder of the built site.
    Returns:
        `files`: a short hash of each file by its path; `bytes`: how large they are together;
        `version`: a hash of all that.
    """
    paths = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
    kept = {
        name: paths[name].read_bytes() for name in sorted(paths) if not name.startswith(NOT_KEPT)
    }
    files = {name: sha256(content).hexdigest()[:12] for name, content in kept.items()}
    version = sha256(json.dumps(files).encode()).hexdigest()[:12]
    return {"version": version, "bytes": sum(map(len, kept.values())), "files": files}
