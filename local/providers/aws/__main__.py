"""Started by the engine in the place of the AWS provider's plugin."""

from local.providers.aws.provider import Aws
from local.providers.server import serve

serve(Aws())
