"""Read a backup again from beginning to end, and prove it again."""

from __future__ import annotations

from dataclasses import dataclass

from memsql.backups.catalogue import Backup
from memsql.backups.manifest import Manifest
from memsql.backups.proof import ProofReport, prove
from memsql.backups.unpack import unpack
from memsql.errors import CheckFailed, DamagedError
from memsql.progress import Progress
from memsql.storage import work_folders


@dataclass(frozen=True, slots=True)
class Verification:
    """A backup that was read again. ``problems`` is empty where it is what it was; ``findings`` are faults of the
    database that was copied."""

    backup: Backup
    problems: tuple[str, ...]
    findings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the backup is what it was."""
        return not self.problems


def verify(backup: Backup, progress: Progress) -> Verification:
    """Read ``backup`` from beginning to end and prove it again, on a copy in the temporary folder.

    Raises ConnectError where the backup may not be read, or there is no room for the copy.
    """
    with work_folders.temporary("verify") as folder:
        copy = folder / "copy.db"
        try:
            manifest = unpack(backup, copy, progress)
            report = prove(copy, manifest.tables, progress)
        except (CheckFailed, DamagedError) as e:
            return Verification(backup, (e.message, *e.details))
    return Verification(backup, tuple(_problems(manifest, report)), report.findings)


def _problems(manifest: Manifest, report: ProofReport) -> list[str]:
    """A sentence for everything in which a database that was proven again is not what ``manifest`` says."""
    problems = report.problems
    if report.applied != manifest.applied or report.version != manifest.version:
        problems.append(f"ledger: version {report.version}, and the manifest says {manifest.version}")
    if report.schema_sha256 != manifest.schema_sha256:
        problems.append("schema: not the one that was copied")
    problems += [f"new since it was made: {finding}" for finding in report.findings if finding not in manifest.findings]
    if manifest.salvaged:
        problems.append("it holds what could be salvaged from a damaged database, and was never proven")
    elif not manifest.proven:
        problems.append("it was never proven")
    return problems
