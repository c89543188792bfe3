/**
 * How lenient applications read a canonical path: decoded, without regard to case, without parameters, without spaces
 * around a segment and dots behind it (RT-005, RT-008, RT-009). What they would see decides whether the path is
 * refused; it is never what is forwarded.
 */
import { matchingPath } from '../core/matching-path.ts';

/**
 * The paths that an application may see. Two when a segment is made of dots and spaces alone: some drop it, some take
 * it for `..`.
 */
export function lenientReadings(path: string): readonly string[] {
  const kept: string[] = [];
  const climbed: string[] = [];
  let climbs = false;
  for (const segment of decode(path).split('/')) {
    const text = tidy(segment);
    if (text !== '') {
      kept.push(text);
      climbed.push(text);
    } else if (segment.split('.').length > 2) {
      climbed.pop();
      climbs = true;
    }
  }
  return climbs ? [join(kept), join(climbed)] : [join(kept)];
}

/** A literal of a pattern, read the same way; null when nothing of it is left. */
export function readSegmentLeniently(literal: string): string | null {
  return tidy(decode(literal)) || null;
}

/** Once and twice: a double encoding that the listener lets pass holds no letter, digit or separator. */
function decode(path: string): string {
  const once = matchingPath(path);
  const twice = once.includes('%25') ? matchingPath(once.replaceAll('%25', '%')) : once;
  // A reader that decodes before it takes the URL apart ends the path here.
  return twice.replace(/%(?:3F|23).*$/s, '').toLowerCase();
}

/** Without spaces around it and dots behind it. The look behind keeps it linear: a run of dots is tried from its first one only. */
function tidy(segment: string): string {
  return segment.trimStart().replace(/(?<![. ])[. ]+$/, '');
}

const join = (segments: readonly string[]): string => `/${segments.join('/')}`;
