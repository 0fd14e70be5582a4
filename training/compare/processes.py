"""Each contender in a process of its own, one after the other, so that no figure has another's in it."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from time import monotonic

from training.compare.detectors import SHELF, Contender
from training.compare.worker import Done, Failed, Ran, Ready, Run, Said, work

START_S = 300.0
"""In which a process must have imported all and be warm; a busy machine takes half a minute."""

END_S = 10.0


@dataclass(slots=True)
class Outcome:
    """What became of one contender."""

    ran: list[Ran] = field(default_factory=list)
    """The runs that ended, in order."""
    peak_bytes: int | None = None
    failed: str = ""


def context() -> ForkServerContext:
    """Processes are forks of one that has imported the shelf's libraries, and has no threads of polars."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["training.compare.worker", *(each.place.partition(":")[0] for each in SHELF)])
    return found


def outcome_of(contender: Contender, runs: tuple[Run, ...], limit_s: float) -> Outcome:
    """Run a contender; it is ended when its runs have taken ``limit_s`` seconds."""
    ours, theirs = context().Pipe()
    process = context().Process(target=work, args=(theirs, contender, runs), daemon=True)
    process.start()
    theirs.close()
    try:
        return _heard(ours, process, len(runs), limit_s)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def _heard(connection: Connection, process: BaseProcess, runs: int, limit_s: float) -> Outcome:
    outcome, until = Outcome(), monotonic() + START_S
    late = f"not ready within {START_S:g} s"
    while connection.poll(max(0.0, until - monotonic())):
        try:
            said: Said = connection.recv()
        except EOFError:
            process.join(END_S)
            outcome.failed = f"its process ended by itself, with exit code {process.exitcode}"
            return outcome
        match said:
            case Ready():
                until = monotonic() + limit_s
                late = f"more than {limit_s:g} s"
            case Ran():
                outcome.ran.append(said)
            case Done():
                outcome.peak_bytes = said.peak_bytes
                return outcome
            case Failed():
                outcome.failed = said.why
                return outcome
    outcome.failed = f"{late}: {len(outcome.ran)} of {runs} runs ended"
    return outcome
