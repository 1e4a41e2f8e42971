"""`python -m pixeledu`: see `cli`."""

import sys

from pixeledu.cli import main

sys.exit(main())
