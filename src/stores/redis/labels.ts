/** Reads ends and labels of records without their values. */
import type { Listed } from '../store.ts';
import { inBatches } from './in-batches.ts';
import { decodeHead, headLength, labelOf } from './record-format.ts';
import type { Router } from './router.ts';

/** Bytes that are asked for first: enough for the labels that sessions have. */
const usual = headLength + 512;

/** One for each key; null where there is no record, or none of ours. */
export function readLabels(
  router: Router,
  prefix: string,
  keys: readonly string[],
): Promise<(Listed | null)[]> {
  return inBatches(keys, async (key) => {
    const stored = prefix + key;
    let bytes = await begin(router, stored, usual);
    let head = decodeHead(bytes);
    if (head !== null && head.labelEnd > bytes.length && bytes.length === usual) {
      bytes = await begin(router, stored, head.labelEnd);
      head = decodeHead(bytes);
    }
    if (head === null || head.labelEnd > bytes.length) return null;
    return { key, label: copyOf(labelOf(bytes, head)), expiresAt: head.expiresAt };
  });
}

async function begin(router: Router, key: string, length: number): Promise<Buffer> {
  const bytes = await router.read(key, ['GETRANGE', key, '0', `${length - 1}`]);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
}

/** Lets go of the bytes around it: thousands of these may be kept. */
function copyOf(label: Buffer | null): Buffer | null {
  return label === null ? null : Buffer.from(label);
}
