"""`python -m laconic` is the same as `laconic`."""

from __future__ import annotations

import sys

from laconic.cli import main

sys.exit(main())
