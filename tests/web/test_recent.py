"""What a daemon keeps of the incidents that it told."""

from __future__ import annotations

from detector.web.recent import Recent


def test_the_latest_document_of_each_is_kept() -> None:
    """A later document takes the place of an earlier one, and its incident is then the one told last."""
    recent = Recent()
    for incident, document in (("a", b"1"), ("b", b"2"), ("a", b"3")):
        recent.put(incident, document)
    assert (recent.documents(), recent.document("a"), recent.document("c")) == ([b"2", b"3"], b"3", None)


def test_both_bounds_hold() -> None:
    """Beyond so many incidents, or bytes of all, those told longest ago go; replaced documents count no more."""
    few = Recent(most=2)
    for incident in "abc":
        few.put(incident, incident.encode())
    assert few.documents() == [b"b", b"c"]
    small = Recent(most_bytes=10)
    for incident, size in (("a", 4), ("b", 4), ("a", 6), ("c", 1)):
        small.put(incident, incident.encode() * size)
    assert small.documents() == [b"a" * 6, b"c"]
    small.put("d", b"d" * 11)
    assert small.documents() == []
