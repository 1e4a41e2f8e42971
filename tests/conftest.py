"""Settings shared by all tests."""

from hypothesis import settings

# Examples are small, but the first call of a layer is slow: no deadline for a single example.
settings.register_profile("pixeledu", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("pixeledu")
