"""invoke analyze.*"""

from __future__ import annotations

from invoke import Collection

from memsql.tasks.analyze_indexes import indexes

ns = Collection("analyze", indexes)
