"""Backups that nobody can shorten: locked vaults, a copy in the other region, a restore that is tried every week."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import backup, iam
from pydantic import Field

from herold_infra.aws.documents import build_trust
from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component
from herold_infra.settings import Settings

MANAGED = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
CONTINUOUS_DAYS = 35
LEAST_DAYS = 7


class BackupSettings(Settings):
    """`days`: how long a daily backup is kept.

    `lock_after_days`: after so many days nobody, AWS included, can loosen the vault's lock or delete the vault before
    its last backup is over. That can't be undone: leave it out where stacks come and go.
    """

    days: int = Field(ge=CONTINUOUS_DAYS, le=3653)
    lock_after_days: int | None = Field(default=None, ge=3)


@dataclass(frozen=True)
class BackupArgs:
    """`copy_to`: the region of the second vault; none where this vault is it, or where there is one region."""

    place: Place
    settings: BackupSettings
    keys: Keys
    active: bool
    copy_to: str | None


class Backup(Component):
    """Output: `vault_arn`."""

    def __init__(self, args: BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Backup", args.place.logical("backup"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("backup", Data.ARCHIVE)
        vault = self._make_vault()
        self.vault_arn = vault.arn
        if args.active:
            role = self._make_role()
            self._make_plan(vault, role)
            self._try_restores(vault, role)
        self.register_outputs({"vaultArn": self.vault_arn})

    def _make_vault(self) -> backup.Vault:
        place, settings = self._place, self._args.settings
        vault = backup.Vault(
            place.logical("backup"),
            region=place.region,
            name=place.name("backup"),
            kms_key_arn=self._args.keys.archive.arn,
            force_destroy=False,
            tags=self._tags,
            opts=self.kept(),
        )
        backup.VaultLockConfiguration(
            place.logical("backup"),
            region=place.region,
            backup_vault_name=vault.name,
            min_retention_days=LEAST_DAYS,
            max_retention_days=settings.days,
            changeable_for_days=settings.lock_after_days,
            opts=self.kept(),
        )
        return vault

    def _make_role(self) -> iam.Role:
        place = self._place
        role = iam.Role(
            place.logical("backup"),
            name=place.worldwide("backup"),
            assume_role_policy=build_trust("backup.amazonaws.com", place.account),
            tags=self._tags,
            opts=self.inside(),
        )
        for policy in MANAGED:
            iam.RolePolicyAttachment(
                place.logical(f"backup-{policy}"),
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/service-role/{policy}",
                opts=self.inside(),
            )
        return role

    def _make_plan(self, vault: backup.Vault, role: iam.Role) -> None:
        place, settings = self._place, self._args.settings
        copies: list[backup.PlanRuleCopyActionArgsDict] = []
        if self._args.copy_to:
            other = Place(place.environment, place.account, self._args.copy_to)
            target = other.arn("backup", f"backup-vault:{other.name('backup')}")
            copies = [{"destination_vault_arn": target, "lifecycle": {"delete_after": settings.days}}]
        plan = backup.Plan(
            place.logical("backup"),
            region=place.region,
            name=place.name("backup"),
            rules=[
                {
                    "rule_name": "daily",
                    "target_vault_name": vault.name,
                    "schedule": "cron(0 1 * * ? *)",
                    "start_window": 60,
                    "completion_window": 240,
                    "lifecycle": {"delete_after": settings.days},
                    "copy_actions": copies,
                }
            ],
            tags=self._tags,
            opts=self.inside(),
        )
        # Whatever says that it holds personal data, also what somebody adds tomorrow.
        backup.Selection(
            place.logical("backup"),
            region=place.region,
            name="personal",
            plan_id=plan.id,
            iam_role_arn=role.arn,
            selection_tags=[{"type": "STRINGEQUALS", "key": "herold:data", "value": Data.PERSONAL.value}],
            opts=self.inside(),
        )

    def _try_restores(self, vault: backup.Vault, role: iam.Role) -> None:
        place = self._place
        name = place.name("restore").replace("-", "_")
        plan = backup.RestoreTestingPlan(
            place.logical("restore"),
            region=place.region,
            name=name,
            schedule_expression="cron(0 6 ? * SUN *)",
            start_window_hours=4,
            recovery_point_selection={
                "algorithm": "RANDOM_WITHIN_WINDOW",
                "include_vaults": [vault.arn],
                "recovery_point_types": ["SNAPSHOT"],
                "selection_window_days": 30,
            },
            tags=self._tags,
            opts=self.inside(),
        )
        backup.RestoreTestingSelection(
            place.logical("restore"),
            region=place.region,
            name="ledger",
            restore_testing_plan_name=plan.name,
            protected_resource_type="Aurora",
            protected_resource_arns=["*"],
            iam_role_arn=role.arn,
            validation_window_hours=4,
            opts=self.inside(),
        )
