"""Text messages: a number, the list of who said STOP, and a set that says what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import pinpoint
from pydantic import Field

from herold_infra.aws.place import Data, Place
from herold_infra.component import Component
from herold_infra.settings import Settings


class SmsSettings(Settings):
    """A number. `SIMULATOR` sends to nobody, and is what everything but production has."""

    country: str = Field(pattern="^[A-Z]{2}$")
    number: Literal["SIMULATOR", "LONG_CODE", "TOLL_FREE"]
    message_type: Literal["TRANSACTIONAL", "PROMOTIONAL"]


@dataclass(frozen=True)
class SmsArgs:
    """What text messages are made from."""

    place: Place
    settings: SmsSettings


class Sms(Component):
    """Outputs: `number_arn`, `configuration_set`."""

    def __init__(self, args: SmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Sms", args.place.logical("sms"), opts)
        place, settings = args.place, args.settings
        tags = place.tags("sms", Data.PERSONAL)
        # Who said STOP must stay there whatever becomes of the number.
        stopped = pinpoint.Smsvoicev2OptOutList(
            place.logical("sms"), region=place.region, name=place.name("sms"), tags=tags, opts=self.kept()
        )
        number = pinpoint.Smsvoicev2PhoneNumber(
            place.logical("sms"),
            region=place.region,
            iso_country_code=settings.country,
            number_type=settings.number,
            number_capabilities=["SMS"],
            message_type=settings.message_type,
            opt_out_list_name=stopped.name,
            # AWS answers STOP itself: also when we are down.
            self_managed_opt_outs_enabled=False,
            deletion_protection_enabled=True,
            tags=tags,
            opts=self.kept(),
        )
        configuration = pinpoint.Smsvoicev2ConfigurationSet(
            place.logical("sms"),
            region=place.region,
            name=place.name("sms"),
            default_message_type=settings.message_type,
            tags=tags,
            opts=self.inside(),
        )
        self.number_arn, self.configuration_set = number.arn, configuration.name
        self.register_outputs({"numberArn": self.number_arn})
