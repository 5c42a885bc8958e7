"""Started by the engine in the place of the AWS provider's plugin."""

import sys

from local.providers.aws.provider import Aws
from local.providers.server import Provider, serve

serve(Provider(Aws(), sys.argv[1]))
