/** The request target for the application: base path, canonical path and query, joined as strings. */
import type { CanonicalUrl } from '../core/request-head.ts';

/**
 * Never by `new URL(path, base)`, which resolves dot segments, follows `//host` to another host and turns `\` into
 * `/`: what was matched and authorised would not be what is sent. The canonical path holds no dot segment and
 * begins with `/`, so the answer never leaves the base path (RT-027, RT-028).
 */
export function upstreamPath(basePath: string, url: CanonicalUrl): string {
  return basePath === '' ? url.path + url.search : basePath + url.path + url.search;
}
