"""oddflow's daemon: network-traffic records from Kafka in, alerts and metrics out.

Follow one record: ``transport`` → ``records`` → ``features`` → ``models`` → ``alerts`` → ``transport``, in the
seven steps of ``pipeline.py``.
"""

from importlib.metadata import version

__version__ = version("oddflow")
