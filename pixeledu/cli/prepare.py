"""`pixeledu data prepare`: an image set of one's own pictures."""

import argparse
import itertools

from pixeledu.cli.arguments import add_option, default_of, size
from pixeledu.data.prepare import in_words, prepare_images, unreadable
from pixeledu.streams import stderr_is_terminal

_SHOWN = 10  # unreadable pictures that are named; the index names all


def add_to(commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "data",
        help="make an image set of your own pictures",
        description="Make an image set of your own pictures, for --data of the other commands.",
        epilog="example:\n  pixeledu data prepare holiday --out sets/holiday --size 32x32",
    )
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    action = actions.add_parser(
        "prepare",
        help="turn a folder of pictures into an image set",
        description="Cut the middle out of every picture below a folder, scale it, and write all\n"
        "of them into one file that is read as it is used: the set may be larger than the\n"
        "memory. A tenth of the pictures is for testing and a tenth for validation; the\n"
        "SHA-256 of its path decides. What cannot be read is named and left out. Stopped at\n"
        "any moment, the same command goes on where it was.",
        epilog="example:\n  pixeledu data prepare holiday --out sets/holiday --size 32x32",
    )
    action.set_defaults(
        keeps_freed_memory=False,  # it would multiply with the threads that read pictures
        run=_prepare,
        after_ctrl_c="; the same command goes on where it was",
    )
    action.add_argument("folder", metavar="FOLDER", help="pictures, in folders or not")
    action.add_argument("--out", metavar="SET", required=True, help="the folder of the image set")
    height, width = default_of(prepare_images, "size")
    add_option(
        action,
        prepare_images,
        "size",
        metavar="HxW",
        type=size,
        help=f"of the images ({height}x{width})",
    )
    action.add_argument("--grey", action="store_true", help="one channel instead of three colours")
    add_option(
        action,
        prepare_images,
        "levels",
        metavar="N",
        type=int,
        help="values a pixel can take (%(default)s)",
    )


def _prepare(options: argparse.Namespace) -> None:
    facts = prepare_images(
        options.folder,
        options.out,
        size=options.size,
        levels=options.levels,
        **({"channels": 1} if options.grey else {}),
        progress=stderr_is_terminal(),
    )
    for split, (first, last) in facts["splits"].items():
        print(f"{split}: {last - first} images")
    print(f"unreadable: {facts['unreadable']} pictures")
    for line in itertools.islice(unreadable(options.out), _SHOWN):
        print(f"  {line['file']!a}: {line['unreadable']}")
    if facts.get("passed over"):
        print(f"passed over, as no picture ends so: {in_words(facts['passed over'])}")
    print(f"saved: {options.out}")
