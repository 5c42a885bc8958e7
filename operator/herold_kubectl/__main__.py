"""`python -m herold_kubectl`: the plugin without its script on the path."""

from __future__ import annotations

import sys

from herold_kubectl.entry import main

sys.exit(main())
