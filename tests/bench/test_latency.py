"""What the latency bench sends."""

from __future__ import annotations

import json

from bench.latency import going_on


def test_what_is_sent_again_goes_on_in_time() -> None:
    """Records are sent again as they are, but as much later as all of them take; time never goes back."""
    values = [b'{"ts":%d.500000,"uid":"C%d","n":1}' % (1_700_000_000 + 10 * number, number) for number in range(4)]
    sent = [json.loads(value) for value in going_on(values, 10)]
    assert [each["ts"] - 1_700_000_000 for each in sent] == [0.5, 10.5, 20.5, 30.5, 30.5, 40.5, 50.5, 60.5, 60.5, 70.5]
    assert [each["uid"] for each in sent] == ["C0", "C1", "C2", "C3"] * 2 + ["C0", "C1"]
