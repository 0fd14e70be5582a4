"""ICMP's type and code where ports stand: the canonical record has the type as source port, the code as destination's.

NetFlow version 5 has no fields for them: routers write type × 256 + code as the destination port, and 0 as the source's
(Cisco, *NetFlow Export Datagram Format*); many exporters of version 9 and IPFIX do so as well. A code is below 256, so
that such a pair is never anything else.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from detector.net.states import pick

_CODES = 256


def split_icmp(proto: pl.Series, src_port: pl.Series, dst_port: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Source and destination ports, with type and code in them where they were one number."""
    both = (dst_port.fill_null(0).to_numpy() >= _CODES) & (src_port.fill_null(0).to_numpy() == 0)
    if not both.any():
        return src_port, dst_port
    both &= (proto == "icmp").fill_null(value=False).to_numpy()
    numbers = dst_port.fill_null(0).to_numpy()
    kinds, codes = (pl.Series(part.astype(np.int32)) for part in np.divmod(numbers, _CODES))
    return pick(both, kinds, src_port), pick(both, codes, dst_port)
