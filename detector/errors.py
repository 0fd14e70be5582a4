"""Everything that oddflow raises on purpose.

::

    OddflowError                  exit code   a retry can help
    ├── ConfigurationError             2      no    settings, flags, names
    ├── InputError                     3      no    a data file or its format
    ├── BrokerError                    4      yes   Kafka or schema registry unreachable, topic missing
    ├── RegistryError                  5      no    no such model, version or alias
    ├── BundleError                    6      no    a bundle that is corrupt, unsafe or for other features
    ├── OutputError                    7      yes   disk full, output not writable
    ├── ListenError                    8      no    a port in use
    └── GateError                      9      no    a model that the gate refused

A message is one line: what was being done, with what, what went wrong, what to do.
"""

from __future__ import annotations

from typing import ClassVar


class OddflowError(Exception):
    """The root: ``exit_code`` is the process's, ``retryable`` says whether trying again can help."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class ConfigurationError(OddflowError):
    """A setting, flag or name that oddflow does not accept."""

    exit_code = 2


class InputError(OddflowError):
    """A data file that is missing, empty, cut off or not of the format named."""

    exit_code = 3


class BrokerError(OddflowError):
    """Kafka is unreachable, lacks the topic, or did not acknowledge in time; or the schema registry is unreachable."""

    exit_code = 4
    retryable = True


class RegistryError(OddflowError):
    """The registry has no such model, version or alias, or cannot be written."""

    exit_code = 5


class BundleError(OddflowError):
    """A model bundle that is corrupt, out of bounds or made for other features."""

    exit_code = 6


class SignatureError(BundleError):
    """A model bundle that is not signed by a key that is trusted, or not as it was signed."""


class OutputError(OddflowError):
    """An output that cannot be written, such as a full disk."""

    exit_code = 7
    retryable = True


class ListenError(OddflowError):
    """A port that cannot be listened on."""

    exit_code = 8


class GateError(OddflowError):
    """A model that the gate refused: it is kept, and does not score."""

    exit_code = 9
