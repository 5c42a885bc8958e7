"""Started by the engine in the place of the random provider's plugin."""

import sys

from local.providers.acting import ActingProvider
from local.providers.random.provider import Random
from local.providers.server import serve

serve(ActingProvider(Random(), sys.argv[1]))
