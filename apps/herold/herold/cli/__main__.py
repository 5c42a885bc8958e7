"""`python -m herold.cli`: the command line without its script on the path, as workers are started."""

from __future__ import annotations

import sys

from herold.cli.entry import main

sys.exit(main())
