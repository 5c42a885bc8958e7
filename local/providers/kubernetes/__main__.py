"""Started by the engine in the place of the Kubernetes provider's plugin."""

import sys

from local.providers.acting import ActingProvider
from local.providers.kubernetes.provider import Kubernetes
from local.providers.server import serve

serve(ActingProvider(Kubernetes(), sys.argv[1]))
