"""What a bundle's ``gate.json`` must be."""

from __future__ import annotations

import pytest

from detector.bundle.verdict import VERDICT_VERSION, RuleResult, Verdict, decode_verdict
from detector.errors import BundleError


def verdict() -> Verdict:
    """One rule passed, one failed, one could not be asked."""
    results = [
        RuleResult(rule="least_recall", passed=False, measured=0.2, bound=0.5, why="it finds 0.2"),
        RuleResult(rule="most_bytes", passed=True, measured=10.0, bound=20.0, why="10 bytes"),
        RuleResult(rule="largest_loss", passed=None, measured=None, bound=0.05, why="there is no champion"),
    ]
    return Verdict(verdict_version=VERDICT_VERSION, passed=False, champion=None, at="2026", rules=tuple(results))


def test_verdict_is_read_back() -> None:
    """Bytes give the verdict again, and only failed rules are reasons."""
    assert decode_verdict(verdict().encode()) == verdict()
    assert verdict().reasons == ("it finds 0.2",)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, verdict().encode().replace(b": 1,", b": 2,", 1)])
def test_anything_else_is_refused(data: bytes) -> None:
    """A damaged verdict is refused in one line."""
    with pytest.raises(BundleError, match=r"gate\.json") as caught:
        decode_verdict(data)
    assert "\n" not in str(caught.value)
