"""Settings shared by all tests."""

from hypothesis import settings

# Examples are small, but the first call of a layer is slow: no deadline for a single example.
# `make test` takes the same examples each time; `make random` others each time, and many.
settings.register_profile("pixeledu", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("random", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("pixeledu")
