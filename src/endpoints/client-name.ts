/**
 * What a person calls the browser that sent this `User-Agent`: "Firefox on Linux". Honest rather than clever: what is
 * not recognised is shown as it was sent, shortened. Nothing is decided by it, and anybody may send anything.
 */

const browsers: readonly (readonly [token: RegExp, name: string])[] = [
  // Browsers name those that they want to be taken for, so the most particular one comes first.
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOpera\b/, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrom(?:e|ium)\/|\bCriOS\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
];

const systems: readonly (readonly [token: RegExp, name: string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

const longest = 60;

/** Text, not markup. Null was sent: nothing is known. */
export function clientName(userAgent: string | null): string {
  const text = userAgent?.replace(/[^\x20-\x7e]+/g, ' ').trim() ?? '';
  if (text === '') return 'Unknown client';
  const browser = nameIn(browsers, text);
  const system = nameIn(systems, text);
  if (browser === null) return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
  return system === null ? browser : `${browser} on ${system}`;
}

function nameIn(table: readonly (readonly [RegExp, string])[], text: string): string | null {
  return table.find(([token]) => token.test(text))?.[1] ?? null;
}
