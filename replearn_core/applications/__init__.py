"""The lecture's applications (C22–C26): notifications, malware, deployment; their studies by name, for `studies.py`."""

from collections.abc import Mapping
from types import MappingProxyType

from replearn_core.applications.deployment.product import Product, run_product
from replearn_core.applications.malware.classify import Families, Opcodes, run_families, run_opcodes
from replearn_core.applications.malware.own import OwnFamilies, run_own
from replearn_core.applications.malware.unknown import Unknown, run_unknown
from replearn_core.applications.malware.v3 import Published, run_published
from replearn_core.applications.notifications.pretraining import LogPretraining, run_log_pretraining
from replearn_core.applications.notifications.study import Clicks, run_clicks
from replearn_core.applications.notifications.uplift import Uplift, run_uplift
from replearn_core.properties import Entry

STUDIES: Mapping[str, Entry] = MappingProxyType(
    {
        "clicks": Entry(Clicks, run_clicks, 35),
        "log_pretraining": Entry(LogPretraining, run_log_pretraining, 35),
        "uplift": Entry(Uplift, run_uplift, 20),
        "malware_families": Entry(Families, run_families, 45),
        "malware_opcodes": Entry(Opcodes, run_opcodes, 420),
        "malware_unknown": Entry(Unknown, run_unknown, 30),
        "malware_own": Entry(OwnFamilies, run_own, 20),
        "malware_published": Entry(Published, run_published, 20),
        "product": Entry(Product, run_product, 41),
    }
)
