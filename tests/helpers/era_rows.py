"""Seeded random rows of the reference database, with which eras.py fills its files."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta
from json import dumps

Row = dict[str, object]

_WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "harbour",
    "meeting",
    "invoice",
    "garden",
    "violin",
    "project",
    "budget",
    "winter",
    "lecture",
    "train",
    "recipe",
    "doctor",
    "contract",
    "school",
    "river",
    "planet",
    "coffee",
    "ticket",
    "bridge",
    "letter",
    "market",
    "signal",
    "copper",
    "forest",
]
_SPICE = (
    "🦊🚀 family 👨‍👩‍👧‍👦",
    'she said "yes", it\'s `done`; -- not a comment',
    "/* open; DROP TABLE users; BEGIN",
    "naïve Straße Ελληνικά 日本語 عربي",
    "line one\r\nline two\ttabbed",
    "100% of #1 \\ back\\slash ?1 :name $x @y",
    "",
)
_START = datetime(2024, 1, 1)


class Source:
    """Draws rows from ``rng``; owners are the users numbered 1 to ``users``, or NULL."""

    def __init__(self, rng: random.Random, users: int) -> None:
        self._rng = rng
        self._users = users

    def user(self, number: int) -> Row:
        """User ``number`` (from 1); of the API key columns one, the other, both, different or none is set."""
        key, digest = f"key-{number:04d}", f"key-{number:04d}"
        both: tuple[tuple[str | None, str | None], ...] = (
            (None, None),
            (key, digest),
            (key, None),
            (None, digest),
            (key, f"other-{number:04d}"),
        )
        api_key, api_key_hash = both[number % 5]
        return self._dates() | {
            "id": f"user-{number:04d}",
            "email": f"user{number:04d}@example.com",
            "name": self._text(2),
            "organization": self._maybe(self._text(2)),
            "api_key": api_key,
            "api_key_hash": api_key_hash,
            "oauth_provider": self._rng.choice(("google", "github", None)),
            "oauth_id": self._maybe(str(self._rng.randrange(10**12))),
            "is_active": self._rng.choice((1, 1, 1, 0, None)),
            "metadata": self._metadata(),
        }

    def entity(self, long: bool) -> Row:
        """An entity; ``long`` gives it a note of 1 MB."""
        return self._dates() | {
            "user_id": self._owner(),
            "name": self._text(2) or "nameless",
            "entity_type": self._rng.choice(("person", "organization", "place")),
            "person_type": self._rng.choice(("friend", "colleague", None)),
            "description": self._maybe(self._text(8)),
            "company": self._maybe(self._text(1)),
            "title": self._maybe(self._text(1)),
            "email": self._maybe(f"{self._rng.choice(_WORDS)}@example.org"),
            "phone": self._maybe(f"+49 {self._rng.randrange(10**9)}"),
            "address": self._maybe(self._text(4)),
            "website": self._maybe(f"https://example.org/{self._rng.choice(_WORDS)}?a=1#b"),
            "social_media": self._metadata(),
            "notes": self._long() if long else self._maybe(self._text(12)),
            "importance": self._importance(),
            "tags": self._tags(),
            "relationships": self._metadata(),
            "last_interaction": self._maybe(self._moment()),
            "interaction_count": self._rng.randrange(50),
            "metadata": self._metadata(),
            "active": self._rng.choice((1, 0, None)),
        }

    def memory(self, long: bool, numbers: int | None = None) -> Row:
        """A memory; ``long`` means 1 MB of content. ``numbers``: of its embedding; None is 8 or none, as it comes."""
        count = self._rng.choice((8, 8, 8, 0)) if numbers is None else numbers
        embedding = dumps([round(self._rng.uniform(-1, 1), 6) for _ in range(count)]) if count else None
        return self._dates() | {
            "user_id": self._owner(),
            "title": self._text(4),
            "content": self._long() if long else self._text(20),
            "memory_type": self._rng.choice(("note", "fact", "event", "preference")),
            "importance": self._importance(),
            "tags": self._tags(),
            "entity_ids": self._maybe(dumps(self._rng.sample(range(1, 500), 3))),
            "embedding": embedding,
            "metadata": self._metadata(),
            "is_archived": self._rng.choice((0, 0, 0, 0, 1, None)),
            "uuid": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
        }

    def interaction(self, long: bool) -> Row:
        """One turn of a conversation; ``long`` gives it an answer of 1 MB."""
        return self._dates() | {
            "user_id": self._owner(),
            "user_prompt": self._text(8),
            "assistant_response": self._long() if long else self._text(20),
            "context": self._metadata(),
            "feedback": self._maybe(self._text(3)),
            "sentiment": self._rng.choice(("good", "bad", None)),
            "metadata": self._metadata(),
        }

    def usage(self, number: int) -> Row:
        """API call ``number`` (unique in the file); call 0 is what sql/queries/ asks for by date."""
        moment = _START + timedelta(minutes=self._rng.randrange(365 * 24 * 60) if number else 166 * 24 * 60)
        return {
            "id": f"call-{number:07d}",
            "user_id": f"user-{self._rng.randint(1, max(self._users, 1)) if number else 1:04d}",
            "api_provider": self._rng.choice(("openai", "openrouter")),
            "model": self._rng.choice(("small", "large", "embed")),
            "tokens_used": self._rng.randrange(100_000),
            "cost_usd": self._rng.random() / 7,
            "operation_type": self._rng.choice(("chat", "embedding")),
            "timestamp": int((moment - datetime(1970, 1, 1)).total_seconds() * 1000),
            "date": moment.date().isoformat(),
            "metadata": self._metadata(),
        }

    def pattern(self) -> Row:
        """A row of learned_patterns."""
        return self._dates() | {
            "user_id": self._owner(),
            "pattern_type": self._rng.choice(_WORDS),
            "pattern_data": self._text(6),
            "confidence": self._rng.random(),
            "usage_count": self._rng.randrange(9),
            "last_used": self._maybe(self._moment()),
            "metadata": self._metadata(),
        }

    def _owner(self) -> str | None:
        if not self._users or self._rng.random() < 0.01:
            return None
        return f"user-{self._rng.randint(1, self._users):04d}"

    def _text(self, words: int) -> str:
        if self._rng.random() < 0.08:
            return self._rng.choice(_SPICE)
        return " ".join(self._rng.choices(_WORDS, k=words))

    def _long(self) -> str:
        line = " ".join(self._rng.choices(_WORDS, k=500)) + " 🐘 it's\n"
        return (line * (1_048_576 // len(line) + 1))[:1_048_576]

    def _maybe(self, text: str) -> str | None:
        return None if self._rng.random() < 0.25 else text

    def _importance(self) -> object:
        # SQLite keeps text in an INTEGER column, and somebody always writes some.
        return self._rng.choice((1, 2, 2, 3, 5, None)) if self._rng.random() > 0.01 else "high"

    def _tags(self) -> str | None:
        return self._maybe(", ".join(self._rng.sample(_WORDS, 2)))

    def _metadata(self) -> str | None:
        topic = self._rng.choice(("work", "home", "travel"))
        return self._maybe(dumps({"topic": topic, "n": self._rng.randrange(9), "😀": [None, 'q"']}))

    def _moment(self) -> str:
        return (_START + timedelta(seconds=self._rng.randrange(365 * 86_400))).isoformat() + "Z"

    def _dates(self) -> Row:
        created = self._moment()
        return {"created_at": created, "updated_at": max(created, self._moment())}
