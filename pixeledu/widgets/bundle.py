"""A widget's script and style as one text each, put together from the files in this folder.

A widget is written as `NAME.js` and `NAME.css`. It may use `util.js`, which all widgets share, and
parts, `_PART.js`. A notebook wants one module without imports, a website one script for
all widgets. Joining the files needs no build tool as long as they keep to a few forms of import and
export; whatever else stands there is an error.
"""

import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_IMPORT = re.compile(
    r'^import \{ (\w+(?:, \w+)*) \} from "\./(util|_\w+)\.js";\n', flags=re.MULTILINE
)
_EXPORT = re.compile(r"^export (?=(?:async )?function (\w+)|const (\w+))", flags=re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", flags=re.MULTILINE)
_DECLARED = re.compile(
    r"^(?:async )?(?:function\*?|const|let|var|class) (\w+|[\[{].*)", flags=re.MULTILINE
)
_LEFT_OVER = re.compile(r"^(?:import\b|export (?!default )).*|\bimport\s*\(.*", flags=re.MULTILINE)


def widget_names(folder: Path = _FOLDER) -> list[str]:
    """The names of all widgets: every script in the folder that is not `util.js` or a part."""
    names = (path.stem for path in folder.glob("*.js"))
    return sorted(name for name in names if name != "util" and not name.startswith("_"))


def module_source(name: str, folder: Path = _FOLDER) -> str:
    """The widget's ES module with all that it imports written into it.

    Args:
        name: the file `name.js` in `folder`.
        folder: where the scripts lie.
    Returns:
        The text of a module without imports, whose only export is one line `export default …`.
    Raises:
        ValueError: a file uses a form that cannot be joined; names the file and the form.
    """
    texts: dict[str, str] = {}
    _collect(f"{name}.js", folder, texts, ())
    declared: dict[str, str] = {}
    for file, text in texts.items():
        for word in _DECLARED.findall(text):
            if not word[0].isidentifier():
                raise ValueError(f"{file} takes {word!r} apart at the top level: name it instead")
            if declared.setdefault(word, file) != file:
                raise ValueError(f"{declared[word]} and {file} both declare {word}: rename one")
        defaults = len(_DEFAULT.findall(text))
        if defaults != (file == f"{name}.js"):
            raise ValueError(
                f"{file} has {defaults} lines that begin with `export default`: "
                "a widget needs one, a file that it imports none"
            )
    return "\n".join(texts.values())


def style_source(name: str, folder: Path = _FOLDER) -> str:
    """The style sheet that all widgets share, followed by the widget's own."""
    return "\n".join(_read(folder / file) for file in ("util.css", f"{name}.css"))


def _collect(file: str, folder: Path, texts: dict[str, str], above: tuple[str, ...]) -> set[str]:
    """Put `file` into `texts`, after all it imports, and return the names that it exports."""
    if file in above:
        raise ValueError(f"{above[-1]} and {file} import each other")
    text = _read(folder / file)
    for names, part in _IMPORT.findall(text):
        offered = _collect(f"{part}.js", folder, texts, (*above, file))
        if missing := set(names.split(", ")) - offered:
            raise ValueError(f"{file} imports {sorted(missing)}, which {part}.js does not export")
    exported = {function or constant for function, constant in _EXPORT.findall(text)}
    text = _EXPORT.sub("", _IMPORT.sub("", text))
    if left_over := _LEFT_OVER.search(text):
        raise ValueError(
            f"{file} holds {left_over[0]!r}: write imports as "
            '`import { a, b } from "./util.js";` (or "./_part.js") on one line, and exports as '
            "`export function`, `export const` or `export default`"
        )
    texts[file] = text
    return exported


def _read(path: Path) -> str:
    if not path.is_file():
        raise ValueError(f"{path.name} is not in {path.parent}: is the package installed whole?")
    return path.read_text(encoding="utf-8")
