/** The default of a field as a person would write it: `30m` and not 1800000. */
import type { z } from 'zod';
import { nodeOf, type Schema } from './schema-tree.ts';

/** Undefined when the field has no default. */
export function formatDefault(schema: Schema): unknown {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'prefault') return def.defaultValue;
  if (def.type !== 'default') return undefined;
  const node = nodeOf(schema);
  const value: unknown = def.defaultValue;
  if (node.kind !== 'scalar' || typeof value !== 'number') return isHostPort(value) ? hostPort(value) : value;
  if (node.scalar === 'duration') return withUnit(value, durationUnits);
  return node.scalar === 'size' ? withUnit(value, sizeUnits) : value;
}

const durationUnits: readonly (readonly [number, string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
  [1, 'ms'],
];
const sizeUnits: readonly (readonly [number, string])[] = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
  [1, 'B'],
];

/** In the largest unit that leaves a whole number. */
function withUnit(value: number, units: readonly (readonly [number, string])[]): string {
  const [factor, unit] = units.find(([factor]) => value !== 0 && value % factor === 0) ?? [
    1,
    units.at(-1)?.[1] ?? '',
  ];
  return `${value / factor}${unit}`;
}

function isHostPort(value: unknown): value is { host: string; port: number } {
  return typeof value === 'object' && value !== null && 'host' in value && 'port' in value;
}

function hostPort({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
