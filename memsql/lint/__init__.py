"""Safety rules over SQL files: what could lose data, fail on real rows, or not come back. No database is asked.

``lint_text`` looks at one text, ``lint_files`` at files of a project. sqlfluff is not needed for either; where it is
installed, ``memsql.lint.plugin`` shows the same findings in ``sqlfluff lint``.
"""

from memsql.lint.catalogue import Catalogue
from memsql.lint.files import sql_files
from memsql.lint.model import Finding, Rule
from memsql.lint.project import lint_files, lint_text
from memsql.lint.rules import RULES
from memsql.lint.trial import SavedQuery

__all__ = ["RULES", "Catalogue", "Finding", "Rule", "SavedQuery", "lint_files", "lint_text", "sql_files"]
