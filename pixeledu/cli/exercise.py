"""`pixeledu exercise`: get, check and grade the exercises of the book."""

import argparse

from pixeledu.cli.arguments import add_out, count, csv


def add_to(commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "exercise",
        help="get, check and grade the exercises of the book",
        description="Get an exercise notebook, check it, see its solutions, or grade those of a class.",
        epilog="examples:\n  pixeledu exercise new 01\n  pixeledu exercise check 01\n"
        "  pixeledu exercise grade submissions --out grades.csv",
    )
    command.set_defaults(run=_exercise)
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("new", "write the notebook of a chapter, to be filled in"),
        ("solution", "write the notebook of a chapter with all solutions"),
    ):
        action = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        action.add_argument("chapter", metavar="NN", help="the chapter, such as 01")
        action.add_argument("--out", metavar="PATH", help="the file to write (the chapter's name)")
    action = actions.add_parser(
        "check",
        help="grade a notebook of your own",
        description="Grade one notebook, in the way in which an instructor does, and say what is wrong.\n"
        "The exit code is 1 unless every task is passed.",
    )
    action.add_argument(
        "notebook", metavar="NN", help="a chapter, such as 01, or a notebook's path"
    )
    action.add_argument("--chapter", metavar="NN", help="the chapter (the one it says it is for)")
    action = actions.add_parser(
        "grade",
        help="grade a folder of notebooks",
        description="Grade every notebook below a folder, with its answers locked up, and write a\n"
        "table (.csv), a page to read (.html) and JUnit's form (.xml).",
        epilog="example:\n  pixeledu exercise grade submissions --chapter 01 --out grades.csv",
    )
    action.add_argument("folder", metavar="FOLDER", help="notebooks, in folders or not")
    action.add_argument(
        "--chapter", metavar="NN", help="the chapter (the one that most notebooks are for)"
    )
    add_out(action, "grades.csv", csv)
    action.add_argument(
        "--workers", metavar="N", type=count, help="graded at the same time (the processors)"
    )
    action.add_argument(
        "--unsafe",
        action="store_true",
        help="grade where bubblewrap does not work: answers can then change grades and files",
    )


def _exercise(options: argparse.Namespace) -> None:
    from pixeledu.course.commands import exercise  # what it needs is loaded when it is used

    exercise(options)
