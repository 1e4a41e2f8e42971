"""Exercises: made from one source, handed out as notebooks, graded without trusting what comes back.

Nothing of it is imported by `import pixeledu`. What it needs beyond the package itself is the extra
`course`: `pip install "pixeledu[course]"`.
"""
