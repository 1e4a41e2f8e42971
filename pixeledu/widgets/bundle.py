"""A widget's script and style as one text each, put together from the files that they name.

A widget is a folder with `widget.py`, `widget.js`, `widget.css` and `constants.json`: the sizes,
speeds and limits that all three keep to. A script imports functions from its own folder, from
`shared/` and from the engine in `pixeledu/web`, and constants from JSON. A style reads the "sizes"
as `var(--WIDGET-SIZE)`. A notebook wants one module without imports, a website one script for all
widgets. Joining the files needs no build tool as long as they keep to a few forms of import and
export; whatever else stands there is an error.
"""

import json
import re
from pathlib import Path

WIDGETS = Path(__file__).parent
_IMPORT = re.compile(
    r'^import \{ (\w+(?:, \w+)*) \} from "(\.\.?/[\w./-]+\.js)";\n', flags=re.MULTILINE
)
_CONSTANTS = re.compile(
    r'^import (\w+) from "(\.\.?/[\w./-]+\.json)" with \{ type: "json" \};\n', flags=re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?function\*? (\w+)|const (\w+))", flags=re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", flags=re.MULTILINE)
_DECLARED = re.compile(
    r"^(?:async )?(?:function\*?|const|let|var|class) (\w+|[\[{].*)", flags=re.MULTILINE
)
_LEFT_OVER = re.compile(r"^(?:import\b|export (?!default )).*|\bimport\s*\(.*", flags=re.MULTILINE)


def widget_names(folder: Path = WIDGETS) -> list[str]:
    """The names of all widgets: every folder with a `widget.js`."""
    return sorted(path.parent.name for path in folder.glob("*/widget.js"))


def constants_of(name: str, folder: Path = WIDGETS) -> dict:
    """What a widget's Python, script and style all keep to.

    Args:
        name: of the widget's folder, or "shared".
        folder: where the widgets' folders lie.
    Returns:
        The content of `constants.json`; "sizes" are px, or lengths as CSS writes them.
    """
    return json.loads(_read(folder / name / "constants.json"))


def module_source(name: str, folder: Path = WIDGETS) -> str:
    """The widget's ES module with all that it imports written into it.

    Args:
        name: of the widget: the module is `name/widget.js` in `folder`.
        folder: where the widgets' folders lie.
    Returns:
        The text of a module without imports, whose only export is one line `export default …`.
    Raises:
        ValueError: a file uses a form that cannot be joined; names the file and the form.
    """
    return joined(folder / name / "widget.js", exports=True)


def joined(script: Path, exports: bool = False) -> str:
    """A script with all that it imports written into it.

    Args:
        script: the file.
        exports: whether it has an `export default`, which then is the only export left.
    Returns:
        The text of all files, each after those that it imports.
    Raises:
        ValueError: a file uses a form that cannot be joined; names the file and the form.
    """
    texts: dict[Path, str] = {}
    script = script.resolve()
    _collect(script, texts, ())
    declared: dict[str, Path] = {}
    for file, text in texts.items():
        for word in _DECLARED.findall(text):
            if not word[0].isidentifier():
                raise ValueError(f"{_short(file)} takes {word!r} apart at the top level: name it")
            other = declared.setdefault(word, file)
            if other != file:
                raise ValueError(f"{_short(other)} and {_short(file)} both declare {word}: rename")
        defaults = len(_DEFAULT.findall(text))
        if defaults != (exports and file == script):
            raise ValueError(
                f"{_short(file)} has {defaults} lines that begin with `export default`: "
                "a widget needs one, a file that it imports none"
            )
    return "\n".join(texts.values())


def style_source(name: str, folder: Path = WIDGETS) -> str:
    """The style sheet that all widgets share, followed by the widget's own."""
    return "\n".join(_style(one, folder) for one in ("shared", name))


def all_styles(folder: Path = WIDGETS) -> str:
    """The style sheet of a page that has any of the widgets."""
    return "\n".join(_style(one, folder) for one in ("shared", *widget_names(folder)))


def _style(name: str, folder: Path) -> str:
    """A folder's style, behind its sizes as custom properties."""
    file = "style.css" if name == "shared" else "widget.css"
    prefix = "--" + name.replace("_", "-")
    lines = [
        f"  {prefix}-{size.replace('_', '-')}: {value if isinstance(value, str) else f'{value}px'};"
        for size, value in constants_of(name, folder).get("sizes", {}).items()
    ]
    sizes = ["pixeledu-widget,", ".pixeledu {", *lines, "}", ""] if lines else []
    return "\n".join([*sizes, _read(folder / name / file)])


def _collect(file: Path, texts: dict[Path, str], above: tuple[Path, ...]) -> set[str]:
    """Put `file` into `texts`, after all it imports, and return the names that it exports."""
    if file in above:
        raise ValueError(f"{_short(above[-1])} and {_short(file)} import each other")
    text = _read(file)
    for names, part in _IMPORT.findall(text):
        path = (file.parent / part).resolve()
        exported = _collect(path, texts, (*above, file))
        if missing := set(names.split(", ")) - exported:
            raise ValueError(
                f"{_short(file)} imports {sorted(missing)}, which {_short(path)} does not export"
            )
    for name, part in _CONSTANTS.findall(text):
        path = (file.parent / part).resolve()
        content = json.dumps(json.loads(_read(path)), ensure_ascii=False, separators=(",", ":"))
        line = f"const {name} = {content};\n"
        if texts.setdefault(path, line) != line:
            raise ValueError(f"{_short(path)} has two names, one of them {name}: take one")
    exported = {function or constant for function, constant in _EXPORT.findall(text)}
    text = _EXPORT.sub("", _CONSTANTS.sub("", _IMPORT.sub("", text)))
    if left_over := _LEFT_OVER.search(text):
        raise ValueError(
            f"{_short(file)} holds {left_over[0]!r}: write imports as "
            '`import { a, b } from "./part.js";` on one line, constants as '
            '`import name from "./constants.json" with { type: "json" };`, and exports as '
            "`export function`, `export const` or `export default`"
        )
    texts[file] = text
    return exported


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


def _read(path: Path) -> str:
    if not path.is_file():
        raise ValueError(f"{path.name} is not in {path.parent}: is the package installed whole?")
    return path.read_text(encoding="utf-8")
