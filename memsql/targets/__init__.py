"""What each engine and version accepts: the targets on which the SQL of a project is to run."""

from memsql.targets.table import Feature, TargetEngine, features, parse_targets, refusal
from memsql.targets.uses import Use, uses

__all__ = ["Feature", "TargetEngine", "Use", "features", "parse_targets", "refusal", "uses"]
