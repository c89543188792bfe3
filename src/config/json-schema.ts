/** The JSON schema of the configuration, for editors that complete and check while one writes. */
import { z } from 'zod';
import type { ScalarKind } from '../core/scalars.ts';
import { formatDefault } from './format-default.ts';
import { configSchema } from './schema.ts';
import { isReferable } from './schema-tree.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

export function createJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input', override: refine });
  return { ...schema, title: 'Sallyport configuration' };
}

const reference = (member: string, description: string): JsonSchema => ({
  type: 'object',
  properties: { [member]: { type: 'string', description } },
  required: [member],
  additionalProperties: false,
});

const patterns: Partial<Record<ScalarKind, string>> = {
  duration: '^\\d{1,9}(ms|s|m|h|d)$',
  size: '^\\d{1,9}(B|KiB|MiB|GiB)$',
};

/** Gives every scalar the form it is written in, every secret its references, every default its unit. */
function refine({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }): void {
  const { def } = zodSchema._zod;
  // What no field tells alone and an editor can: every route says who may pass.
  if (zodSchema === configSchema.shape.routes.element)
    jsonSchema.anyOf = [{ required: ['access'] }, { required: ['authenticate'] }];
  if (def.type === 'default') {
    const written = formatDefault(zodSchema);
    if (written !== undefined) jsonSchema.default = written as NonNullable<JsonSchema['default']>;
  }
  // An entry that keeps the name of its file is written like every other secret.
  if (def.type === 'union' && isReferable(zodSchema)) jsonSchema.anyOf = [...forms({ type: 'string' })];
  const kind = jsonSchema.kind as ScalarKind | undefined;
  if (kind === undefined) return;
  delete jsonSchema.kind;
  if (kind === 'secret' || kind === 'binary' || kind === 'certificates') {
    const { type, minLength } = jsonSchema;
    for (const key of ['type', 'minLength'] as const) delete jsonSchema[key];
    jsonSchema.anyOf = [...forms({ type, minLength } as JsonSchema)];
  } else if (patterns[kind] !== undefined) jsonSchema.pattern = patterns[kind];
}

const forms = (literal: JsonSchema): readonly JsonSchema[] => [
  literal,
  reference('env', 'Name of the environment variable that holds it.'),
  reference('file', 'File that holds it, relative to the configuration file.'),
];
