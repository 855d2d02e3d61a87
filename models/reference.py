# The tables of the reference database as dataclasses: the Python twin of reference.ts.
# `memsql schema.check` holds them against the database; the comments that it reads are in docs/authoring.md.
#
# schema_version is what older releases kept; the application no longer reads it.
# without a model: schema_version

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

EntityType = Literal["person", "organization", "project"]
Metadata = dict[str, Any]


@dataclass
class User:
    """Somebody who uses the service."""

    id: str
    email: str
    created_at: str
    updated_at: str
    name: str | None = None
    organization: str | None = None
    api_key: str | None = None  # column: api_key_hash
    oauth_provider: str | None = None
    oauth_id: str | None = None
    is_active: bool = True  # never null: written with every user
    metadata: Metadata | None = None


@dataclass
class Entity:
    """A person, an organization or a project that a user knows."""

    name: str
    entity_type: EntityType
    created_at: str
    updated_at: str
    id: int | None = None
    user_id: str | None = None
    person_type: str | None = None
    description: str | None = None
    company: str | None = None
    title: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    website: str | None = None
    social_media: str | None = None
    notes: str | None = None
    importance: int | None = 2
    tags: list[str] | None = None
    relationships: list[Metadata] | None = None
    last_interaction: str | None = None
    interaction_count: int = 0  # never null: counted from 0
    metadata: Metadata | None = None


@dataclass
class Memory:
    """What a user wants to keep."""

    title: str
    content: str
    memory_type: str
    created_at: str
    updated_at: str
    id: int | None = None
    user_id: str | None = None
    importance: int | None = 2
    tags: list[str] | None = None
    entity_ids: list[int] | None = None
    embedding: list[float] | None = None
    metadata: Metadata | None = None
    is_archived: bool = False  # never null: written with every memory


@dataclass
class Interaction:
    """One question of a user, and its answer."""

    user_prompt: str
    assistant_response: str
    created_at: str
    updated_at: str
    id: int | None = None
    user_id: str | None = None
    context: str | None = None
    feedback: str | None = None
    sentiment: str | None = None
    metadata: Metadata | None = None


# table: api_usage_tracking
@dataclass
class ApiUsage:
    """What one call of a provider used and cost. ``timestamp`` is in milliseconds since 1970."""

    id: str
    user_id: str
    api_provider: Literal["openai", "openrouter"]
    model: str
    cost_usd: float
    operation_type: str
    timestamp: int
    date: str
    tokens_used: int = 0
    metadata: Metadata | None = None
