"""The drift rule, as a service that retrains follows it: a daemon's reason to retrain that has held for an hour.

Reads the metrics page of daemons. One that does not answer is said once, and is no reason for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

METRIC = "oddflow_drift_retrain_advised"
PATIENCE_S = 10.0
MOST_BYTES = 16 << 20

Fetch = Callable[[str], str]


def fetched(url: str) -> str:
    """The page at a URL. Raises OSError."""
    with urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - an operator's own setting, checked to be http
        data: bytes = answer.read(MOST_BYTES)
    return data.decode("utf-8", "replace")


def reasons_in(page: str) -> frozenset[str] | None:
    """Reasons to retrain that hold on a metrics page; None where it does not have the metric. Raises ValueError."""
    for family in text_string_to_metric_families(page):
        if family.name == METRIC:
            return frozenset(each.labels.get("reason", "") for each in family.samples if each.value >= 1)
    return None


class DriftRule:
    """``look`` now and then; a reason must have held at each look for ``hold_s`` seconds."""

    def __init__(self, urls: Sequence[str], hold_s: float, note: Callable[[str], None], fetch: Fetch = fetched) -> None:
        self._urls = urls
        self._hold_s = hold_s
        self._note = note
        self._fetch = fetch
        self._since: dict[tuple[str, str], float] = {}
        self._away: set[str] = set()

    def look(self, now: float) -> tuple[str, ...]:
        """Reasons that have held long enough at ``now``, in seconds."""
        held: dict[tuple[str, str], float] = {}
        for url in self._urls:
            for reason in self._reasons(url):
                held[url, reason] = self._since.get((url, reason), now)
        self._since = held
        return tuple(sorted({reason for (_, reason), since in held.items() if now - since >= self._hold_s}))

    def forget(self) -> None:
        """Begin anew: what was advised has been done."""
        self._since.clear()

    def _reasons(self, url: str) -> frozenset[str]:
        try:
            reasons = reasons_in(self._fetch(url))
        except (OSError, URLError, ValueError) as error:
            self._tell(url, f"reading {url}: {error}; the drift rule waits for it")
            return frozenset()
        if reasons is None:
            self._tell(url, f"reading {url}: it has no {METRIC} yet; the drift rule waits for it")
            return frozenset()
        self._away.discard(url)
        return reasons

    def _tell(self, url: str, text: str) -> None:
        if url not in self._away:
            self._away.add(url)
            self._note(text)
