"""SQL text without a database: statements with positions, header directives, what a statement does."""

from memsql.sqltext.check_header import CheckHeader, parse_check_header
from memsql.sqltext.classify import Effect, effect, forbidden_in_transaction, identifiers
from memsql.sqltext.gates import bulk_table, may_concern, may_control_transactions
from memsql.sqltext.header import (
    CHECK_DIRECTIVES,
    MIGRATION_DIRECTIVES,
    Allow,
    BrokenPermit,
    Directive,
    Header,
    MigrationHeader,
    Origin,
    Permit,
    parse_header,
    parse_migration_header,
    permit_line,
)
from memsql.sqltext.names import ROWIDS, fold, free_rowid, quote
from memsql.sqltext.split import (
    Statement,
    ended,
    pieces,
    skip_to_code,
    split,
    statements,
)

__all__ = [
    "CHECK_DIRECTIVES",
    "MIGRATION_DIRECTIVES",
    "ROWIDS",
    "Allow",
    "BrokenPermit",
    "CheckHeader",
    "Directive",
    "Effect",
    "Header",
    "MigrationHeader",
    "Origin",
    "Permit",
    "Statement",
    "bulk_table",
    "effect",
    "ended",
    "fold",
    "forbidden_in_transaction",
    "free_rowid",
    "identifiers",
    "may_concern",
    "may_control_transactions",
    "parse_check_header",
    "parse_header",
    "parse_migration_header",
    "permit_line",
    "pieces",
    "quote",
    "skip_to_code",
    "split",
    "statements",
]
