"""From the stack's file, `pulumi/stacks/Pulumi.<stack>.yaml`, to checked settings."""

from __future__ import annotations

import pulumi
from pydantic import ValidationError

from herold_infra.aws.settings import StackSettings
from herold_infra.settings import SettingsRefused, explain


def read_settings() -> StackSettings:
    """The settings of the stack that runs. Raises pulumi.RunError, without a traceback, naming all mistakes."""
    source = f"pulumi/stacks/Pulumi.{pulumi.get_stack()}.yaml"
    raw = pulumi.Config().get_object("stack")
    try:
        if raw is None:
            raise SettingsRefused(f"{source} has no `herold:stack`; nothing was made")
        return StackSettings.model_validate(raw)
    except ValidationError as error:
        raise pulumi.RunError(str(explain(error, source))) from None
    except SettingsRefused as error:
        raise pulumi.RunError(str(error)) from None
