"""What upkeep says of the database where it is stopped or fails."""

from __future__ import annotations

import pytest

from memsql.db.sqlite import memory
from memsql.errors import Interrupted, LockedError, StatementError
from memsql.upkeep.running import stating, watched


def test_a_signal_and_an_error_say_the_state() -> None:
    with pytest.raises(Interrupted) as stopped, stating("maintain.x", lambda: "half of it"):
        raise KeyboardInterrupt("SIGTERM")
    assert (stopped.value.message, stopped.value.state) == ("SIGTERM stopped maintain.x", "half of it")
    with pytest.raises(LockedError) as locked, stating("maintain.x", lambda: "all of it"):
        raise LockedError("locked", state="nothing was changed")
    assert locked.value.state == "all of it"


def test_a_statement_is_stopped() -> None:
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    conn = memory()
    with watched(conn, lambda: True), pytest.raises(StatementError) as error:
        conn.execute(endless)
    assert error.value.is_interrupt
    conn.close()
