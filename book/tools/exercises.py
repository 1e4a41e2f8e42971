"""Make what learners get from the teacher sources in book/exercises/source.

python book/tools/exercises.py write           write notebooks, pages and the guide's tables
python book/tools/exercises.py try SOURCE …    try solutions and wrong answers against the checks
"""

import sys
from pathlib import Path

import address
from exercise_checks import faults, run_task
from exercise_files import write_all
from exercise_source import read_chapter

EXERCISES = Path(__file__).parents[1] / "exercises"


def main(arguments: list[str]) -> int:
    """Do what the command line says; returns the exit code."""
    command, *names = arguments or ["write"]
    if command == "try":
        return max(map(_try, map(Path, names)), default=0)
    if command == "write" and not names:
        for path in write_all(EXERCISES, address.show()):
            print(path)
        return 0
    print(__doc__, file=sys.stderr)
    return 2


def _try(path: Path) -> int:
    """Show what each answer of a source gets to read, and return 1 if one is treated wrongly."""
    chapter = read_chapter(path)
    total = 0.0
    for task in chapter.tasks:
        outcome = run_task(chapter, task, task.solution)
        total += outcome.seconds
        print(f"\n{task.id}: {outcome.seconds:.1f} s\n{outcome.printed}{outcome.error}")
        for wrong in task.wrong:
            outcome = run_task(chapter, task, wrong.code)
            print(f"  {wrong.name}: {outcome.error or 'PASSES: ' + outcome.printed}")
    found = faults(chapter)
    print(f"\nall checks with their solutions: {total:.1f} s", *found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
