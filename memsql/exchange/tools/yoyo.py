"""yoyo (https://ollycope.com/software/yoyo): a file for each way, or a program in Python."""

from memsql.exchange.model import FileHabits, Kind, Tool

_PYTHON = r"[^/_.][^/]*\.py"

TOOL = Tool(
    "yoyo",
    "yoyo",
    FileHabits(
        r"(?P<pair>(?P<version>\d*)[_.-]?(?:\d\d_[A-Za-z0-9]{5}-)?(?P<name>[^/]*))\.sql",
        r"(?P<pair>[^/]*)\.rollback\.sql",
        order="depends",
        refused=(Kind(_PYTHON, "is a migration in Python, and memsql runs SQL alone"),),
        reported=(Kind(r"post-apply[^/]*\.sql", "runs after every other migration, and memsql runs each file once"),),
        signs=(_PYTHON,),
    ),
)
