"""What `pulumi up` makes: the stack's settings are read and checked whole, then its resources are declared."""

from herold_infra.aws.stack import Stack
from herold_infra.configuration import read_settings

Stack(read_settings())
