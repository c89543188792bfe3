/** The parts of a compact JWT: base64url in its one spelling (RFC 4648 sections 3.5 and 5). */

/** The last character of a text whose last group is short: its unused bits are zero. */
const lastOfTwo = 'AQgw';
const lastOfThree = 'AEIMQUYcgkosw048';

/**
 * Whether `text` is not empty and is spelled as an encoder spells it: no padding, no white space, no stray bits at the end.
 * Some libraries forgive all of these, and one token would have many spellings.
 */
export function isBase64url(text: string | undefined): text is string {
  if (text === undefined || !/^[A-Za-z0-9_-]+$/.test(text)) return false;
  const last = text.charAt(text.length - 1);
  switch (text.length % 4) {
    case 1:
      return false;
    case 2:
      return lastOfTwo.includes(last);
    case 3:
      return lastOfThree.includes(last);
    default:
      return true;
  }
}
