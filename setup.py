"""The exercises lie in the book, and come with the package: see pyproject.toml for all else."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXERCISES = Path(__file__).parent / "book" / "exercises"


class WithExercises(build_py):
    """Build the package, and put the notebooks that learners fill in, with their solutions, into it."""

    def run(self) -> None:
        """Copy them; an installation that can be edited finds them where they are."""
        super().run()
        if self.editable_mode:
            return
        for path in sorted(EXERCISES.rglob("[0-9][0-9]_*.ipynb")):
            inside = path.relative_to(EXERCISES)
            target = Path(self.build_lib, "pixeledu", "course", "exercises", inside)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


setup(cmdclass={"build_py": WithExercises})
