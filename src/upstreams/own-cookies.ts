/** Our own cookies in what passes through: taken out of `Cookie`, and never set by an application. */

/** Tells whether a cookie of this name is one of the gate's own. */
export type IsOwnCookie = (name: string) => boolean;

/**
 * The `Cookie` value without our own cookies, the rest byte for byte and in order; null when nothing is left
 * (SC-037). Pieces are told apart by `;` alone, as servers do.
 */
export function withoutOwnCookies(value: string, isOwn: IsOwnCookie): string | null {
  let kept: string[] | null = null;
  const pieces = value.split(';');
  for (let i = 0; i < pieces.length; i += 1) {
    const piece = pieces[i] as string;
    if (!namesOwnCookie(piece, isOwn)) kept?.push(piece);
    else kept ??= pieces.slice(0, i);
  }
  if (kept === null) return value;
  const rest = kept.join(';').trimStart();
  return /[^;\s]/.test(rest) ? rest : null;
}

/** Whether a `Set-Cookie` value sets, deletes or shadows one of our own cookies (SC-038). */
export function setsOwnCookie(value: string, isOwn: IsOwnCookie): boolean {
  const end = value.indexOf(';');
  return namesOwnCookie(end === -1 ? value : value.slice(0, end), isOwn);
}

/**
 * `name=value` by its name, in any case. A browser sends a cookie without a name as its bare value, so `=sid=x` would
 * come back as `sid=x`: leading `=` are looked through.
 */
function namesOwnCookie(pair: string, isOwn: IsOwnCookie): boolean {
  const text = pair.replace(/^[\s=]+/, '');
  const equals = text.indexOf('=');
  const name = (equals === -1 ? text : text.slice(0, equals)).trim();
  return name !== '' && (isOwn(name) || isOwn(name.toLowerCase()));
}
