/**
 * How a route sees a canonical path: as the most lenient application would. What is forwarded keeps its spelling.
 *
 * Applications strip path parameters (`/admin;x` is `/admin` to a servlet container) and decode what a URL need not
 * encode (`/%40admin`); a rule that is matched against the bytes alone would be dodged by either spelling.
 */

/** Every encoded ASCII character but those that give a path its structure: `/`, `\`, `%`, `?`, `#` and controls. */
const decodable = /%(?:2[0-246-9A-E]|3[0-9A-E]|4[0-9A-F]|5[0-9ABD-F]|6[0-9A-F]|7[0-9A-E])/g;

/** The path with `;parameters` stripped from each segment and printable ASCII decoded. Most paths: the very string. */
export function matchingPath(path: string): string {
  if (!path.includes('%') && !path.includes(';')) return path;
  return path
    .replace(decodable, (pair) => String.fromCharCode(Number.parseInt(pair.slice(1), 16)))
    .replace(/;[^/]*/g, '');
}
