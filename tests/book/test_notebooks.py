"""What every notebook of the book keeps to, whoever wrote it."""

import itertools
import re
import sys
from pathlib import Path

import nbformat
import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "book" / "tools"))
from execute import all_notebooks  # noqa: E402

NOTEBOOKS = all_notebooks(ROOT / "book")
if not NOTEBOOKS:
    raise pytest.UsageError("There are no notebooks in book/.")
PICTURES = {"image/png", "image/svg+xml", "image/jpeg"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def notebook(path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_a_notebook_is_valid_and_below_300_kilobytes(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 300_000


def test_a_notebook_was_run_once_from_top_to_bottom(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_cell_failed_or_wrote_to_stderr(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


def test_no_cell_is_left_out_of_the_comparison(notebook):
    for cell in notebook.cells:
        assert not re.search(r"NBVAL_|PYTEST_VALIDATE_IGNORE", cell.source)
        tags = cell.metadata.get("tags", [])
        assert not any(tag.startswith(("nbval", "raises-exception")) for tag in tags)


def test_every_figure_says_in_words_what_it_shows(notebook):
    for cell in code_cells(notebook):
        if any(PICTURES & set(output.get("data", {})) for output in cell.outputs):
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 3, cell.source


def test_every_picture_in_the_text_says_in_words_what_it_shows(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for alt in re.findall(r"!\[([^\]]*)\]\(", cell.source):
                assert alt.strip(), cell.source


def test_a_notebook_stores_nothing_that_changes_from_run_to_run(notebook):
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata.language_info) == {"name"}
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata
        for output in cell.outputs:
            data = str(output.get("data", {}).get("text/plain", "")) + output.get("text", "")
            assert not re.search(r" at 0x[0-9a-f]{6,}", data), cell.source
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


def test_code_and_what_it_prints_fit_into_76_columns(notebook):
    """On a page, on a phone and in print; only the address to install from may be longer."""
    for cell in code_cells(notebook):
        lines = [line for line in cell.source.splitlines() if "git+https://" not in line]
        for output in cell.outputs:
            shown_as_text = set(output.get("data", {"text/plain": ""})) == {"text/plain"}
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            lines += text.splitlines() if shown_as_text else []
        assert [line for line in lines if len(line) > 76] == []


EXERCISES = sorted((ROOT / "book" / "exercises").rglob("*.ipynb"))


@pytest.mark.parametrize(
    "any_notebook", [*NOTEBOOKS, *EXERCISES], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_text_reads_well_where_only_plain_markdown_is_known(any_notebook):
    """Colab and GitHub know no roles and no colon fences: they show them as they are."""
    for cell in nbformat.read(any_notebook, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        for token in MarkdownIt("commonmark").parse(cell.source):
            assert not (token.type == "fence" and token.info.startswith("{")), cell.source
            parts = token.children or []
            for part, following in itertools.pairwise(parts):
                role = part.type == "text" and re.search(r"\{[\w:-]+\}$", part.content)
                assert not (role and following.type == "code_inline"), cell.source
            plain = "".join(part.content for part in parts if part.type == "text")
            assert not re.match(r":::|\(\S+\)=$", plain), cell.source


def test_an_answer_is_folded_and_unfolds_to_markdown(notebook):
    """The blank lines around an answer make it Markdown and not a part of the HTML."""
    for cell in notebook.cells:
        folds = re.findall(r"<details>.*?</details>", cell.source, re.DOTALL)
        assert len(folds) == cell.source.count("<details>") == cell.source.count("</details>")
        for fold in folds:
            assert re.fullmatch(
                r"<details>\n<summary>[^\n]+</summary>\n\n\S.*\S\n\n</details>", fold, re.DOTALL
            ), fold


def test_plotting_and_setting_up_are_folded_away(notebook):
    """What a page shows is the idea: code that only draws can be opened."""
    for cell in code_cells(notebook):
        lines = cell.source.splitlines()
        drawing = sum(bool(re.search(r"\b(axis|axes|figure|plt|ax)\b", line)) for line in lines)
        if "ModuleNotFoundError" in cell.source or drawing >= 6:
            assert "hide-input" in cell.metadata.get("tags", []), cell.source


def test_a_cell_fits_on_a_screen(notebook):
    for cell in code_cells(notebook):
        assert len(cell.source.splitlines()) <= 30, cell.source
