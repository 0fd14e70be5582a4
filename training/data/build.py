"""From flows that were read to a data set: filters, labels, the file and its manifest.

Pure but for :func:`build`, which writes. Raises InputError where nothing is left, or an address or a label is asked
for that no flow has; ConfigurationError for what cannot be understood.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import PurePath

import polars as pl

from detector.errors import ConfigurationError, InputError
from detector.records.flow import LABEL
from detector.registry.names import version_name
from detector.scoring.dataset import Dataset
from training.data.manifest import FLOWS, FileEntry, LeftOut, SetInfo, moment, write_manifest
from training.data.store import DataSets, checked_name
from training.labels import mark_attackers
from training.train import label_counts, sources_of
from training.watched import Watched, ends_of, left_out

FEWEST_ROWS = 2
"""With fewer there is no time between flows; training asks for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be in the set, and what it is called."""

    name: str
    attackers: Sequence[str] = ()
    since: float | None = None
    """Seconds since 1970: flows that began before are left out."""
    until: float | None = None
    """Flows that began then or later are left out."""
    exclude: Sequence[str] = ()
    """Addresses or networks in CIDR: flows from or to them are left out."""
    source_share: float = 1.0
    whole: bool = False
    """Every flow is wanted, however few they are or far apart in time."""
    before: Sequence[LeftOut] = ()
    """What was left out already."""


def build(sets: DataSets, read: Dataset, wanted: Wanted, *, now: datetime | None = None) -> SetInfo:
    """Make a version of ``read`` and write it; raises OutputError where it cannot be written whole."""
    info, manifest, flows = assembled(read, wanted, now or datetime.now(UTC))
    sets.write(info, manifest, flows)
    return info


def assembled(read: Dataset, wanted: Wanted, now: datetime) -> tuple[SetInfo, bytes, bytes]:
    """Give the set's facts, its manifest and its file of flows."""
    checked_name(wanted.name)
    chosen, out = filtered(read, wanted)
    out = (*wanted.before, *out)
    own_labels = LABEL in chosen.frame.columns and chosen.frame[LABEL].null_count() < len(chosen.frame)
    chosen = replace(chosen, frame=mark_attackers(chosen.frame, wanted.attackers))
    chosen = chosen if wanted.whole else left_out(chosen)
    frame = chosen.frame
    if len(frame) < (1 if wanted.whole else FEWEST_ROWS):
        raise InputError(
            f"building data set {wanted.name}: {len(frame)} flows are too few ({_told(out, chosen)}); give more of them"
        )
    flows = parquet(frame)
    digest = hashlib.sha256(flows).hexdigest()
    watched = Watched.of(frame["ts"].to_numpy(), ends_of(frame))
    origins = [word for word, there in (("format", own_labels), ("attackers", bool(wanted.attackers))) if there]
    info = SetInfo(
        name=wanted.name,
        version=version_name(now, digest),
        created=f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        oddflow=installed_version("oddflow"),
        rows=len(frame),
        columns=tuple(frame.columns),
        sources=_names(chosen),
        ranges=sources_of(chosen),
        topic=chosen.topic,
        partitions=1 if chosen.topic is None else len(chosen.sources),
        format=chosen.format,
        start=chosen.start,
        end=chosen.end,
        watched_s=watched.seconds,
        sha256=chosen.sha256,
        rejected=chosen.rejected,
        passed_over=chosen.passed_over,
        samples=_without_folders(chosen),
        left_out=out,
        labels=label_counts(frame),
        labels_from=" and ".join(origins) or "none",
        attackers=tuple(wanted.attackers),
        source_share=wanted.source_share,
        files={FLOWS: FileEntry(digest, len(flows))},
    )
    sealed, manifest = write_manifest(info, frame.schema)
    return sealed, manifest, flows


def filtered(read: Dataset, wanted: Wanted) -> tuple[Dataset, tuple[LeftOut, ...]]:
    """Leave out what is not wanted; say what that was."""
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise ConfigurationError("--since is not before --until: nothing is left")
    frame, out = read.frame, []
    if wanted.since is not None:
        kept = frame.filter(pl.col("ts") >= wanted.since)
        out.append(LeftOut(f"flows before {moment(wanted.since)}", len(frame) - len(kept)))
        frame = kept
    if wanted.until is not None:
        kept = frame.filter(pl.col("ts") < wanted.until)
        out.append(LeftOut(f"flows from {moment(wanted.until)} on", len(frame) - len(kept)))
        frame = kept
    for text in wanted.exclude:
        addresses = _addresses_within(frame, text)
        kept = frame.filter(~(pl.col("src_ip").is_in(addresses) | pl.col("dst_ip").is_in(addresses)))
        out.append(LeftOut(f"flows from or to {text}", len(frame) - len(kept)))
        frame = kept
    return replace(read, frame=frame), tuple(out)


def parquet(frame: pl.DataFrame) -> bytes:
    """The bytes of a Parquet file; the same frame gives the same."""
    file = io.BytesIO()
    frame.rechunk().write_parquet(file, compression="zstd", compression_level=3, statistics=False)
    return file.getvalue()


def _addresses_within(frame: pl.DataFrame, text: str) -> list[str]:
    """Addresses of the flows that are in a network; IPv4 ones are meant in their IPv6 form, too."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(
            f"--exclude {text}: not an address or network, such as 10.0.0.5 or 10.0.0.0/8"
        ) from error
    seen = pl.concat([frame["src_ip"], frame["dst_ip"]]).unique()
    return [each for each in seen.to_list() if _address(each) in network]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _names(read: Dataset) -> tuple[str, ...]:
    return read.sources if read.topic is not None else tuple(PurePath(each).name for each in read.sources)


def _without_folders(read: Dataset) -> dict[str, str]:
    """Samples of what could not be used, their files named without folders."""
    found = dict(read.samples)
    for source, name in zip(read.sources, _names(read), strict=True):
        found = {
            reason: name + text.removeprefix(source) if text.startswith(f"{source} ") else text
            for reason, text in found.items()
        }
    return found


def _told(out: Sequence[LeftOut], read: Dataset) -> str:
    said = [f"{each.rows:,} left out: {each.why}" for each in out if each.rows]
    said += [f"{count:,} {reason}" for reason, count in read.rejected.items()]
    return "; ".join(said) or "nothing was left out"
