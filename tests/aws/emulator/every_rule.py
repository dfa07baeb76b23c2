"""Imports every file of rules, so that each registers its own, and mends moto's classes."""

import balancers
import buckets
import cache_groups  # noqa: F401
import cache_settings  # noqa: F401
import cache_users  # noqa: F401
import commands  # noqa: F401
import consoles  # noqa: F401
import ec2_instances  # noqa: F401
import ec2_network  # noqa: F401
import ec2_volumes
import identity  # noqa: F401
import keys  # noqa: F401
import moto_repairs
import parameters  # noqa: F401
import sessions  # noqa: F401
import target_groups  # noqa: F401
import zones  # noqa: F401

moto_repairs.repair()
ec2_volumes.repair()
balancers.repair()
buckets.repair()
