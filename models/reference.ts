// The interfaces through which the application sees the tables of the reference database.
// `memsql schema.check` holds them against the database; the comments that it reads are in docs/authoring.md.
//
// schema_version is what older releases kept; the application no longer reads it.
// without a model: schema_version

/** The kinds of an entity. */
export type EntityType = 'person' | 'organization' | 'project';

/** The relations of a person to the user. */
export type PersonType = string;

/** The kinds of a memory. */
export type MemoryType = string;

/** Any object that is stored as JSON. */
export type Metadata = Record<string, unknown>;

/** Somebody who uses the service. */
export interface User {
  id: string;
  email: string;
  name?: string;
  organization?: string;
  /** Hashed, never the key itself. */
  apiKey?: string; // column: api_key_hash
  oauthProvider?: string;
  oauthId?: string;
  isActive: boolean; // never null: written with every user
  metadata?: Metadata;
  createdAt: string;
  updatedAt: string;
}

/** A person, an organization or a project that a user knows. */
export interface Entity {
  /** The number of the row, which the application writes as text. */
  id?: string; // converted: String(row.id)
  userId?: string;
  name: string;
  entityType: EntityType;
  personType?: PersonType;
  description?: string;
  company?: string;
  title?: string;
  email?: string;
  phone?: string;
  address?: string;
  website?: string;
  socialMedia?: string;
  notes?: string;
  importance?: number;
  tags?: string[];
  relationships?: Metadata[];
  lastInteraction?: string;
  interactionCount: number; // never null: counted from 0
  metadata?: Metadata;
  createdAt: string;
  updatedAt: string;
}

/** What a user wants to keep. */
export interface Memory {
  /** The number of the row, which the application writes as text. */
  id?: string; // converted: String(row.id)
  userId?: string;
  title: string;
  content: string;
  memoryType: MemoryType;
  importance?: number;
  tags?: string[];
  entityIds?: number[];
  /** 1536 numbers. */
  embedding?: number[];
  metadata?: Metadata;
  isArchived: boolean; // never null: written with every memory
  createdAt: string;
  updatedAt: string;
}

/** One question of a user, and its answer. */
export interface Interaction {
  id?: string; // converted: String(row.id)
  userId?: string;
  userPrompt: string;
  assistantResponse: string;
  context?: string;
  feedback?: string;
  sentiment?: string;
  metadata?: Metadata;
  createdAt: string;
  updatedAt: string;
}

/** What one call of a provider used and cost. */
export interface ApiUsage { // table: api_usage_tracking
  id: string;
  userId: string;
  apiProvider: 'openai' | 'openrouter';
  model: string;
  tokensUsed: number;
  costUsd: number;
  operationType: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  date: string;
  metadata?: Metadata;
}
