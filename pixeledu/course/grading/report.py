"""The results of grading as a table, as a page to read, and for continuous integration."""

import csv
import html
import io
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from pixeledu.course.grading.grades import (
    FAILED,
    NOT_ATTEMPTED,
    NOT_GRADED,
    PASSED,
    Graded,
    GradedFolder,
)
from pixeledu.files import write_atomically

_NO_NOTEBOOK = "no notebook (*.ipynb)"
_PASSED_OVER = "Passed over: no notebooks"
_COLUMNS = ("student", "exercises", "task", "title", "status", "points", "of", "message", "notes")


def write_reports(out: Path, folder: GradedFolder, warnings: Sequence[str] = ()) -> list[Path]:
    """Write the table, and beside it a page (.html) and a file in JUnit's form (.xml).

    Args:
        out: the table's file, ending in .csv.
        folder: what became of each submission.
        warnings: what this system did not keep from the answers.
    Returns:
        The three files.
    Raises:
        OSError: one of them cannot be written.
    """
    texts = {
        ".csv": as_csv(folder),
        ".html": as_html(folder, warnings),
        ".xml": as_junit(folder),
    }
    paths = [out.with_suffix(ending) for ending in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        write_atomically(path, text.encode("utf-8", "replace"))
    return paths


def as_csv(folder: GradedFolder) -> str:
    """One line for each task of each student, and one for each file that was passed over.

    What learners write can stand in it. A text that a spreadsheet would take for a formula begins
    with an apostrophe, as spreadsheets themselves mark a text. The same holds where a text would
    begin if the file were read with semicolons or tabs between its fields.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in folder.graded:
        for grade in one.grades:
            status, points = (grade.title, grade.status), (grade.points, grade.most)
            row = (one.student, folder.stem, grade.task, *status, *points, grade.message)
            writer.writerow([_harmless(part) for part in (*row, " / ".join(one.notes))])
    for name in folder.passed_over:
        row = (name, folder.stem, "", "", NOT_GRADED, 0, 0, _NO_NOTEBOOK, "")
        writer.writerow([_harmless(part) for part in row])
    return file.getvalue()


def _harmless(part: object) -> object:
    if not isinstance(part, str):
        return part
    return re.sub(r"""(^|[;\n\t])(["' ]*)(?=[=+\-@|])""", r"\1'\2", _readable(part))


def _readable(text: str) -> str:
    """A text without what neither a spreadsheet nor XML can hold: control characters, colours."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def as_junit(folder: GradedFolder) -> str:
    """A test suite for each student, a test case for each task."""
    root = ElementTree.Element("testsuites")
    for one in folder.graded:
        statuses = [grade.status for grade in one.grades]
        counts = {
            "tests": len(statuses),
            "failures": statuses.count(FAILED),
            "skipped": statuses.count(NOT_ATTEMPTED),
            "errors": statuses.count(NOT_GRADED),
        }
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_readable(one.student),
            **{name: str(count) for name, count in counts.items()},
        )
        for grade in one.grades:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{folder.stem}.{_readable(one.student)}",
                name=grade.task,
            )
            if grade.status in (FAILED, NOT_GRADED):
                first = _readable(grade.message).splitlines()[:1]
                kind = "failure" if grade.status == FAILED else "error"
                failure = ElementTree.SubElement(case, kind, message="".join(first))
                failure.text = _readable(grade.message)
            elif grade.status == NOT_ATTEMPTED:
                ElementTree.SubElement(case, "skipped", message=NOT_ATTEMPTED)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --link: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e8; --paper: #141414; --link: #8ec1ff; } }
html { color: var(--ink); background: var(--paper); }
a { color: var(--link); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; padding-block: .5rem; }
th, td { border: 1px solid #8889; padding: .3rem .6rem; text-align: left; vertical-align: top; }
tbody th { max-width: 14rem; overflow-wrap: anywhere; }
td.points { text-align: right; white-space: nowrap; }
li { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; font-size: .875rem; }
.passed::before { content: "\\2713  "; }
.failed::before { content: "\\2717  "; }
.failed { font-weight: 600; }
h2 { overflow-wrap: anywhere; }
""".strip()


def as_html(folder: GradedFolder, warnings: Sequence[str] = ()) -> str:
    """A page that asks no other host for anything: an overview, then each student's tasks."""
    title, graded = f"Grades: {html.escape(folder.stem)}", folder.graded
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">",
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<main>",
        f"<h1>{title}</h1>",
    ]
    for heading, texts in (("Warnings", warnings), (_PASSED_OVER, folder.passed_over)):
        if texts:
            items = "".join(f"<li>{_text(text)}</li>" for text in texts)
            parts.append(f"<section><h2>{heading}</h2><ul>{items}</ul></section>")
    parts.append(_overview(graded))
    parts += [_details(number, one) for number, one in enumerate(graded, 1)]
    return "\n".join([*parts, "</main>\n</body>\n</html>"]) + "\n"


def _overview(graded: Sequence[Graded]) -> str:
    tasks = [grade.task for grade in graded[0].grades] if graded else []
    heads = "".join(f'<th scope="col">{html.escape(task)}</th>' for task in tasks)
    rows = []
    for number, one in enumerate(graded, 1):
        cells = "".join(_status_cell(grade.status) for grade in one.grades)
        points = sum(grade.points for grade in one.grades)
        most = sum(grade.most for grade in one.grades)
        rows.append(
            f'<tr><th scope="row"><a href="#s{number}">{_text(one.student)}</a></th>'
            f'{cells}<td class="points">{points} of {most}</td></tr>'
        )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Overview"><table>\n'
        f"<caption>{len(graded)} submissions</caption>\n"
        f'<thead><tr><th scope="col">Student</th>{heads}<th scope="col">Points</th></tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
    )


def _status_cell(status: str) -> str:
    kind = {PASSED: "passed", FAILED: "failed"}.get(status, "open")
    return f'<td class="{kind}">{status}</td>'


def _details(number: int, one: Graded) -> str:
    parts = [f'<section>\n<h2 id="s{number}">{_text(one.student)}</h2>']
    if one.notes:
        parts.append(f"<p>Note: {_text('; '.join(one.notes))}.</p>")
    if one.problem:
        parts.append(f"<pre>{_text(one.problem)}</pre>")
    parts.append("<ul>")
    for grade in one.grades:
        kind = {PASSED: "passed", FAILED: "failed"}.get(grade.status, "open")
        own = grade.message and grade.message != one.problem
        message = f"<pre>{_text(grade.message)}</pre>" if own else ""
        parts.append(
            f'<li>{_text(grade.title)}: <span class="{kind}">{grade.status}</span>, '
            f"{grade.points} of {grade.most} points{message}</li>"
        )
    return "\n".join([*parts, "</ul>\n</section>"])


def _text(text: str) -> str:
    return html.escape(_readable(text))
