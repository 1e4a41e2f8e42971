"""`python -m pixeledu`: see `cli`."""

import sys

try:
    from pixeledu.cli import main
except KeyboardInterrupt:  # sooner than anything could be said
    sys.exit(130)

sys.exit(main())
