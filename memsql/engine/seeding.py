"""The seeds of an environment beside a database: what state each is in, and the jobs that run them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from memsql import ledger
from memsql.engine.job import Job, Script, job_of
from memsql.project.files import Migration
from memsql.project.seeds import Seed

SeedState = Literal["applied", "pending", "changed"]
_OPERATION = "seed"


@dataclass(frozen=True, slots=True)
class SeedStatus:
    """A seed: ``state`` is pending where it has not run here, changed where it ran with another text; it does not run
    again then."""

    seed: Seed
    state: SeedState
    applied_at: str | None = None
    applied_by: str | None = None
    duration_ms: int | None = None

    @property
    def waits(self) -> bool:
        """Whether it is to run."""
        return self.state == "pending"

    @property
    def is_changed(self) -> bool:
        """Whether it ran with another text."""
        return self.state == "changed"


def statuses(seeds: Sequence[Seed], books: ledger.Ledger) -> tuple[SeedStatus, ...]:
    """The state of each of ``seeds``."""
    result = []
    for seed in seeds:
        row = books.scripts.get((_OPERATION, seed.name))
        if row is None:
            result.append(SeedStatus(seed, "pending"))
        else:
            state: SeedState = "applied" if row.checksum == seed.checksum else "changed"
            result.append(SeedStatus(seed, state, row.started_at, row.performed_by, row.duration_ms))
    return tuple(result)


def jobs_of(seeds: Sequence[SeedStatus]) -> list[Job]:
    """The jobs that run those that wait."""
    jobs = []
    for status in seeds:
        if status.waits:
            seed = status.seed
            job = job_of(Migration(-1, seed.name, seed.name, seed.file, None), "up", seed.header)
            jobs.append(replace(job, alone=Script(_OPERATION, seed.checksum)))
    return jobs
