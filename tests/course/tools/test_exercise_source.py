"""Teacher sources: what is right is read, and whatever is wrong is named with its place."""

from pathlib import Path

import pytest
from exercise_checks import faults
from exercise_source import read_chapter

TASK = """
## one: The first task
<!-- points: 2, seconds: 5 -->

What is `x` doubled?

```text
## not: a heading
```

### Answer
```python
def one(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
```

### Check
```python
import random

x = random.random()
assert one(x) == x + x, f"{x} doubled is {x + x}, you get {one(x)}"
print("ok:", one(4))
```

### Hint
Add it to itself.

""" + "".join(
    f"### Wrong: number {i}\nIt adds {i}.\n```python\ndef one(x):\n    return 2 * x + {i}\n```\n\n"
    for i in range(1, 5)
)
HEAD = "# A title\n\nAn intro.\n\n### Goals\n- Double.\n\n### Setup\n```python\nimport math\n```\n"
GOOD = HEAD + "".join(TASK.replace("one", name) for name in ("one", "two", "three", "four"))


def read(tmp_path: Path, text: str, name: str = "01_sequence.md"):
    path = tmp_path / name
    path.write_text(text)
    return read_chapter(path)


def test_a_good_source_is_read_whole(tmp_path):
    chapter = read(tmp_path, GOOD)
    assert (chapter.number, chapter.title, chapter.setup) == ("01", "A title", "import math")
    task = chapter.tasks[0]
    assert (task.id, task.title, task.points, task.seconds) == ("one", "The first task", 2, 5)
    assert task.question == "What is `x` doubled?\n\n```text\n## not: a heading\n```"
    assert task.stub == "def one(x):\n    raise NotImplementedError"
    assert task.solution == "def one(x):\n    return 2 * x"
    assert task.names == ["one"]
    assert [wrong.name for wrong in task.wrong] == [f"number {i}" for i in range(1, 5)]
    assert faults(chapter) == []


FAULTS = {
    "title": (("# A title\n", ""), "a source begins with its title"),
    "two titles": (("## two: ", "# two: "), "one title"),
    "setup": (("### Setup\n```python\nimport math\n```\n", ""), "`### Setup`"),
    "unknown part": (("### Hint", "### Hints"), "'Hints' is none of the parts"),
    "too slow": (("seconds: 5", "seconds: 1201"), "1 to 1200 seconds of a processor, got 1201"),
    "no hint": (("### Hint\nAdd it to itself.\n", ""), "'one' needs a part `### Hint`"),
    "no id": (("## one: The", "## The"), "a task is `## id: title`"),
    "open block": (
        ("    return 2 * x + 4\n```\n\n\n## two", "    return 2 * x + 4\n\n\n## two"),
        "",
    ),
    "syntax": (("return 2 * x\n    ###", "return 2 * * x\n    ###"), "is not Python"),
    "no markers": (("    ### BEGIN SOLUTION\n", ""), "its solution between"),
    "three wrong": (
        ("### Wrong: number 4\nIt adds 4.\n```python\ndef one(x):\n    return 2 * x + 4\n```", ""),
        "at least four wrong answers",
    ),
    "not itself": (("import random\n\nx = ", "x = "), "must import or define"),
    "uses the setup": (("x = random.random()", "x = math.pi"), "must import or define"),
    "unused answer": (("def one(x):\n    ### BEGIN", "def un(x):\n    ### BEGIN"), "one"),
    "same names": (
        ("def two(x):\n    ###", "one = 1\n\n\ndef two(x):\n    ###"),
        "'one' stands in",
    ),
    "few tasks": ((GOOD[GOOD.index("\n## two") :], ""), "four to seven tasks"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_of_a_source_is_named(tmp_path, name):
    (old, new), message = FAULTS[name]
    assert old in GOOD
    with pytest.raises(ValueError, match=r"01_sequence\.md: ") as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert message in str(caught.value)


def test_a_file_that_is_named_after_no_chapter_is_refused(tmp_path):
    with pytest.raises(ValueError, match="name must be that of a chapter"):
        read(tmp_path, GOOD, "sequence.md")


LAPSES = {
    "the solution fails": ("return 2 * x\n", "return 3 * x\n"),
    "'number 3' passes": ("2 * x + 3", "x + x"),
    "the check printed": ('print("ok:", one(4))', 'print("ok:", x)'),
    "must print `ok": ('print("ok:"', 'print("fine:"'),
    "printed something": ("def one(x):\n    ###", "print('Hello')\n\n\ndef one(x):\n    ###"),
    "NameError": ("return 2 * x + 2", "return y"),
    "the stub passes": (
        'assert one(x) == x + x, f"{x} doubled is {x + x}, you get {one(x)}"\nprint("ok:", one(4))',
        'print("ok", one is None)',
    ),
}


@pytest.mark.parametrize("message", LAPSES)
def test_a_source_whose_answers_are_not_what_it_says_is_found_out(tmp_path, message):
    old, new = LAPSES[message]
    assert old in GOOD
    found = faults(read(tmp_path, GOOD.replace(old, new, 1)))
    assert any(message in fault and fault.startswith("one:") for fault in found), found
