"""A teacher source: one Markdown file that holds the exercises of a chapter, with all answers."""

import ast
import builtins
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"  # nbgrader's markers


@dataclass(frozen=True)
class Wrong:
    """Hold a wrong answer that learners really give, and what it reveals."""

    name: str
    reveals: str
    code: str


@dataclass(frozen=True)
class Task:
    """Hold one task: a question, its answer, and the check that tells right from wrong."""

    id: str
    title: str
    question: str
    points: int
    seconds: int
    given: str
    answer: str
    check: str
    hint: str
    wrong: tuple[Wrong, ...]

    @property
    def stub(self) -> str:
        """What learners get: each solution is replaced by `raise NotImplementedError`."""
        return _SOLUTION.sub(r"\g<indent>raise NotImplementedError", self.answer)

    @property
    def solution(self) -> str:
        """The answer without the markers."""
        lines = self.answer.splitlines()
        return "\n".join(line for line in lines if line.strip() not in (BEGIN, END))

    @property
    def names(self) -> list[str]:
        """The names that the answer defines and the check uses."""
        return sorted(defined_names(self.answer) & free_names(self.check))


@dataclass(frozen=True)
class Chapter:
    """Hold the exercises of one chapter."""

    stem: str
    title: str
    intro: str
    goals: str
    setup: str
    tasks: tuple[Task, ...]

    @property
    def number(self) -> str:
        """The two digits that the chapter's file begins with."""
        return self.stem[:2]


def read_chapter(path: Path) -> Chapter:
    """Read a teacher source.

    Args:
        path: a file such as `book/exercises/source/01_sequence.md`.
    Returns:
        The chapter, its tasks in order.
    Raises:
        ValueError: a part is missing, unknown or does not fit the others; names file and line.
    """
    try:
        chapter = _read(path.stem, path.read_text(encoding="utf-8"))
        _check(chapter)
    except _Fault as fault:
        raise ValueError(f"{path}: {fault}") from None
    return chapter


def defined_names(code: str) -> set[str]:
    """The names that a cell binds at its top level."""
    names = set()
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif not isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {n.id for n in ast.walk(statement) if _binds(n)}
    return names


def free_names(code: str) -> set[str]:
    """The names that a cell uses and binds nowhere: they must come from other cells."""
    used, bound = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            (bound if _binds(node) else used).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return used - bound


def _binds(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


class _Fault(Exception):
    """What is wrong with a source, with the line."""


@dataclass
class _Section:
    """What stands below one heading."""

    line: int
    level: int
    heading: str
    text: str
    code: list[str]

    def only_code(self) -> str:
        if len(self.code) != 1:
            raise _Fault(
                f"line {self.line}: {self.heading!r} needs one block ```python … ```, "
                f"it has {len(self.code)}"
            )
        try:
            ast.parse(self.code[0])
        except SyntaxError as error:
            line = self.line + (error.lineno or 0)
            raise _Fault(f"near line {line}: {self.heading!r} is not Python: {error.msg}") from None
        return self.code[0]

    def only_text(self) -> str:
        if not self.text:
            raise _Fault(f"line {self.line}: {self.heading!r} needs some text")
        return self.text


_TASK = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*): (\S.*)")
# Of a processor, for an answer and its check on a slow machine: what is right needs a twentieth.
SECONDS, MOST_SECONDS = 30, 1200
MOST_LINES = {"given": 40, "answer": 40, "check": 60}  # of 76 columns
_OPTIONS = re.compile(r"<!--\s*((?:(?:points|seconds): \d+(?:, )?)+)\s*-->\n?")
_SOLUTION = re.compile(
    rf"^(?P<indent>[ \t]*){BEGIN}[ \t]*\n(?:.*\n)*?(?P=indent){END}[ \t]*$", re.MULTILINE
)


def _read(stem: str, text: str) -> Chapter:
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", stem):
        raise _Fault("the name must be that of a chapter, such as 01_sequence.md")
    sections = _sections(text)
    groups = []  # a heading of level 1 or 2 with its parts
    for section in sections:
        if section.level < 3:
            groups.append([section])
        elif not groups:
            raise _Fault(f"line {section.line}: {section.heading!r} stands before the title")
        else:
            groups[-1].append(section)
    if not groups or [group[0].level for group in groups] != [1] + [2] * (len(groups) - 1):
        raise _Fault("a source has one title `# …` and below it tasks `## id: title`")
    (title, *parts), *tasks = groups
    named = _named(parts, {"Goals", "Setup"})
    for name in ("Goals", "Setup"):
        if name not in named:
            raise _Fault(f"line {title.line}: the title needs a part `### {name}`")
    return Chapter(
        stem,
        title.heading,
        title.only_text(),
        named["Goals"].only_text(),
        named["Setup"].only_code(),
        tuple(_task(head, parts) for head, *parts in tasks),
    )


def _sections(text: str) -> list[_Section]:
    """Cut a source at its headings; what is marked ```python is code, all else text."""
    lines, sections, ended = text.splitlines(), [], 0
    tokens = MarkdownIt().parse(text)
    for token, inside in zip(tokens, [*tokens[1:], None], strict=True):
        if token.level or not token.map:  # a part of a block, or its end
            continue
        start, end = token.map
        if token.type == "heading_open" and (level := int(token.tag[1:])) <= 3:
            sections.append(_Section(start + 1, level, inside.content, "", []))
        elif not sections:
            raise _Fault(f"line {start + 1}: a source begins with its title, `# …`")
        elif token.type == "fence" and not _is_closed(token, lines):
            raise _Fault(f"line {start + 1}: the block that {lines[start]!r} opened is not closed")
        elif token.type == "fence" and token.info == "python":
            sections[-1].code.append(token.content.removesuffix("\n"))
        else:
            # With the empty lines before it.
            sections[-1].text += "\n".join(["", *lines[ended:end]])
        ended = end
    for section in sections:
        section.text = section.text.strip()
    return sections


def _is_closed(fence: Token, lines: list[str]) -> bool:
    start, end = fence.map
    return end > start + 1 and lines[end - 1].strip().startswith(fence.markup)


def _named(parts: list[_Section], known: set[str]) -> dict[str, _Section]:
    named = {}
    for part in parts:
        if part.heading not in known:
            raise _Fault(f"line {part.line}: {part.heading!r} is none of the parts {sorted(known)}")
        if part.heading in named:
            raise _Fault(f"line {part.line}: there are two parts {part.heading!r}")
        named[part.heading] = part
    return named


def _task(head: _Section, parts: list[_Section]) -> Task:
    match = _TASK.fullmatch(head.heading)
    if not match:
        raise _Fault(f"line {head.line}: a task is `## id: title`, got {head.heading!r}")
    options = {"points": 1, "seconds": SECONDS}
    question = head.only_text()
    if said := _OPTIONS.match(question):
        question = question[said.end() :].strip()
        options |= {name: int(n) for name, n in re.findall(r"(\w+): (\d+)", said[1])}
    if not 1 <= options["seconds"] <= MOST_SECONDS:
        raise _Fault(
            f"line {head.line}: a task may take 1 to {MOST_SECONDS} seconds of a processor, "
            f"got {options['seconds']}"
        )
    wrong = [part for part in parts if part.heading.startswith("Wrong: ")]
    named = _named([p for p in parts if p not in wrong], {"Given", "Answer", "Check", "Hint"})
    for name in ("Answer", "Check", "Hint"):
        if name not in named:
            raise _Fault(f"line {head.line}: the task {match[1]!r} needs a part `### {name}`")
    if head.code or not question:
        raise _Fault(f"line {head.line}: a question is text; mark its code as ```py or ```text")
    return Task(
        id=match[1],
        title=match[2],
        question=question,
        given=named["Given"].only_code() if "Given" in named else "",
        answer=named["Answer"].only_code(),
        check=named["Check"].only_code(),
        hint=named["Hint"].only_text(),
        wrong=tuple(
            Wrong(part.heading.removeprefix("Wrong: "), part.only_text(), part.only_code())
            for part in wrong
        ),
        **options,
    )


def _check(chapter: Chapter) -> None:
    """What holds between the parts of a source."""
    if not 4 <= len(chapter.tasks) <= 7:
        raise _Fault(f"a chapter has four to seven tasks, this one has {len(chapter.tasks)}")
    owner = {}
    for task in chapter.tasks:
        _check_task(task)
        for name in [task.id, *defined_names(task.answer), *defined_names(task.given)]:
            if owner.setdefault(name, task) is not task:
                raise _Fault(f"{name!r} stands in the tasks {owner[name].id} and {task.id}")


def _check_task(task: Task) -> None:
    if task.answer.count(BEGIN) < 1 or task.stub == task.answer or BEGIN in task.stub:
        raise _Fault(f"{task.id}: the answer needs its solution between {BEGIN!r} and {END!r}")
    if len(task.wrong) < 4:
        raise _Fault(f"{task.id}: a task has at least four wrong answers, not {len(task.wrong)}")
    foreign = free_names(task.check) - defined_names(task.answer) - defined_names(task.given)
    if foreign:
        raise _Fault(
            f"{task.id}: the check must import or define {sorted(foreign)} itself, so that nothing "
            "a learner has changed reaches it"
        )
    if not task.names:
        raise _Fault(f"{task.id}: the check uses nothing that the answer defines")
    for wrong in task.wrong:
        if missing := set(task.names) - defined_names(wrong.code):
            raise _Fault(f"{task.id}: the wrong answer {wrong.name!r} lacks {sorted(missing)}")
    for kind, most in MOST_LINES.items():
        if len(getattr(task, kind).splitlines()) > most:
            raise _Fault(f"{task.id}: its {kind} has more than {most} lines")
    if not task.stub == textwrap.dedent(task.stub):
        raise _Fault(f"{task.id}: the answer is indented")
