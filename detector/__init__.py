"""oddflow's daemon: network-traffic records from Kafka in, alerts and metrics out.

Follow one record: ``transport`` → ``records`` → ``features`` → ``models`` → ``decisions`` → ``alerts`` →
``transport``, in the seven steps of ``pipeline/loop.py``.
"""

from importlib.metadata import version

__version__ = version("oddflow")
