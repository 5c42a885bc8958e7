"""What `pulumi up` makes: the stack's settings are read and checked whole, then its resources are declared."""

from herold_infra.configuration import declare_stack

declare_stack()
