"""Compiles the kernels ahead: ``python -m detector.precompile``, when an image is built.

They are kept in ``NUMBA_CACHE_DIR``, and found there even where it can only be read, so that a container starts in
seconds. What a build passes over is compiled at the daemon's start instead; nothing depends on it.
"""

from __future__ import annotations

import os
import sys

import polars as pl

from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.windows import default_windows
from detector.models.smallest import smallest_ensemble
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import SCHEMA
from detector.scoring.warm_up import FLOW, warm_flows

NEEDS_MAPPING = {"mapping": {name: name for name in ("ts", "src_ip", "dst_ip", "proto")}}
"""Formats that are opened with field names."""

RECORD = b'{"ts": 1.5, "proto": "tcp", "conn_state": "SF"}'


def precompile() -> None:
    """Call every kernel once, with arrays of the types that the daemon calls it with."""
    for name in FORMATS:
        open_decoder(name, mapping=NEEDS_MAPPING.get(name)).decode([RECORD, b"0", b"0\n0"])
    frame = pl.DataFrame([FLOW, FLOW], schema=SCHEMA)
    extractor = FeatureExtractor.fit(frame, build_spec(windows=default_windows()))
    model = smallest_ensemble(len(extractor.spec.features))
    model.explain(warm_flows(extractor, model))


def main() -> int:
    """Compile, and say where to."""
    precompile()
    processor = os.environ.get("NUMBA_CPU_NAME", "this processor")
    sys.stdout.write(f"kernels compiled for {processor} into {os.environ.get('NUMBA_CACHE_DIR', 'place')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
