/** Gives a node a way to Redis of its own: over a proxy that a test cuts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetNode } from './fleet.ts';

/** To be called before the node starts. */
export function connectOver(node: Pick<FleetNode, 'folder'>, url: string): void {
  const file = join(node.folder, 'sallyport.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.session.store.redis.url = url;
  writeFileSync(file, JSON.stringify(config));
}
