"""Made-up embeddings: unit vectors in topics, the same for the same seed, and the true neighbours of some queries.

Vectors that are random in every direction are all equally far from each other: no index is good at them, and no model
produces them. Here a vector is a topic, plus a few latent factors by which the vectors of a topic differ, plus noise.
"""

from __future__ import annotations

import heapq
import json
import math
import os
import random
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import mul
from pathlib import Path

from memsql.storage import regular
from memsql.storage.new_files import open_new

SEED = 1
ROWS_PER_TOPIC, FEWEST_TOPICS = 100, 10
FACTORS = 24
FACTOR_SCALE, NOISE_SCALE = 0.8, 0.3
"""The lengths of what the factors and the noise add to a topic of length 1."""
_POOL = 1 << 18
_QUERIES_APART = 1_000_003
_ONE_IN = 64


class Corpus:
    """``rows`` vectors of ``dimensions`` numbers in the file ``path``, numbered from 0, and ``queries``, which are not
    among them."""

    def __init__(self, path: Path, rows: int, dimensions: int, queries: Sequence[array[float]]) -> None:
        self.rows, self.dimensions, self.queries = rows, dimensions, tuple(queries)
        self._path = path
        self._truths: dict[tuple[int, int, int], tuple[int, ...]] = {}

    def blobs(self, first: int, after: int) -> list[bytes]:
        """The vectors ``first`` up to ``after`` as little-endian 32-bit numbers."""
        width = 4 * self.dimensions
        with regular.open_binary(self._path) as file:
            file.seek(first * width)
            data = file.read((after - first) * width)
        return [data[start : start + width] for start in range(0, len(data), width)]

    def nearest(self, query: int, most: int, among: int) -> tuple[int, ...]:
        """The numbers of the ``most`` vectors of the first ``among`` that are nearest to a query, computed in Python
        with the numbers that are kept."""
        key = query, most, among
        if key not in self._truths:
            self._truths[key] = tuple(nearest(self.queries[query], self._numbered(among), most))
        return self._truths[key]

    def _numbered(self, among: int) -> Iterator[tuple[int, Sequence[float]]]:
        for first in range(0, among, 256):
            yield from enumerate(map(floats, self.blobs(first, min(among, first + 256))), first)


def nearest(query: Sequence[float], rows: Iterable[tuple[int, Sequence[float]]], most: int) -> list[int]:
    """The numbers of the ``most`` rows with the largest cosine to ``query``, the nearest first; all are unit
    vectors."""
    scored = ((sum(map(mul, query, vector)), number) for number, vector in rows)
    return [number for _, number in heapq.nlargest(most, scored)]


def floats(blob: bytes) -> Sequence[float]:
    """The numbers of a blob."""
    vector = array("f")
    vector.frombytes(blob)
    return vector


def text(vector: Iterable[float]) -> str:
    """A JSON array with nine digits of each number: the fewest from which each number of 32 bits can be read back."""
    return f"[{','.join(f'{number:.9g}' for number in vector)}]"


def numbers(json_text: str) -> Sequence[float]:
    """The numbers of a JSON array."""
    parsed: list[float] = json.loads(json_text)
    return parsed


def make(path: Path, rows: int, dimensions: int, queries: int, *, ends: float = math.inf) -> Corpus | None:
    """Write the vectors to ``path``; None where they are not there at the moment ``ends`` of time.perf_counter()."""
    source = _Source(rows, dimensions)
    with os.fdopen(open_new(path), "wb") as file:
        for number, vector in enumerate(source.vectors(SEED, rows)):
            file.write(vector.tobytes())
            if number % _ONE_IN == 0 and time.perf_counter() > ends:
                return None
    return Corpus(path, rows, dimensions, list(source.vectors(SEED + _QUERIES_APART, queries)))


class _Source:
    def __init__(self, rows: int, dimensions: int) -> None:
        rng = random.Random(SEED)
        self._dimensions = dimensions
        topics = max(FEWEST_TOPICS, rows // ROWS_PER_TOPIC)
        self._topics = [(_direction(rng, dimensions), _direction(rng, dimensions)) for _ in range(topics)]
        # Noise is cut out of one long series at a random place, which is ten times faster than new noise.
        self._noise = array("d", (rng.gauss(0, NOISE_SCALE) for _ in range(_POOL + dimensions)))

    def vectors(self, seed: int, count: int) -> Iterator[array[float]]:
        """``count`` unit vectors, the same for the same seed."""
        rng = random.Random(seed)
        width = math.ceil(self._dimensions / FACTORS)
        for _ in range(count):
            topic, pattern = rng.choice(self._topics)
            start = rng.randrange(_POOL)
            noise = self._noise[start : start + self._dimensions]
            values: list[float] = []
            # Each factor has dimensions of its own, so that all of them together cost one pass.
            for first in range(0, self._dimensions, width):
                weight, part = rng.gauss(0, FACTOR_SCALE), slice(first, first + width)
                values += [t + weight * p + n for t, p, n in zip(topic[part], pattern[part], noise[part], strict=True)]
            length = math.sqrt(sum(map(mul, values, values)))
            yield array("f", [value / length for value in values])


def _direction(rng: random.Random, dimensions: int) -> array[float]:
    return array("d", (rng.gauss(0, 1) for _ in range(dimensions)))
