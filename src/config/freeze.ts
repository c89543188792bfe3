/** Makes plain data immutable all the way down; bytes and objects with a behaviour of their own are left alone. */
import { isMapping } from './schema-tree.ts';

export function freezeDeep<T>(value: T): T {
  if (Array.isArray(value)) value.forEach(freezeDeep);
  else if (isMapping(value)) Object.values(value).forEach(freezeDeep);
  else return value;
  return Object.freeze(value);
}
