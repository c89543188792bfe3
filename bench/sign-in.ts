/** A scripted browser that signs in for real: it follows redirects, keeps cookies and fills in the provider's form. */
import { request as httpRequest, type IncomingMessage } from 'node:http';

interface Page {
  readonly url: URL;
  readonly status: number;
  readonly location: string | null;
  readonly body: string;
}

/** Cookies per origin; enough for pages that set host-only cookies. */
type Jar = Map<string, Map<string, string>>;

/** What a browser sends with a navigation. */
export const navigation: Readonly<Record<string, string>> = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) bench',
  accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-GB,en;q=0.9',
  'sec-fetch-site': 'same-origin',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
};

/**
 * Opens `start`, signs in as `person` and answers the `Cookie` header that the proxy at `start` then believes.
 * Throws when the application behind the proxy is not reached in the end.
 */
export async function signIn(start: string, person: string): Promise<string> {
  const jar: Jar = new Map();
  const target = new URL(start);
  let page = await open(jar, target, null);
  for (let step = 0; step < 15; step += 1) {
    if (page.location !== null) page = await open(jar, new URL(page.location, page.url), null);
    else if (page.url.pathname.startsWith('/interaction/')) {
      page = await open(jar, page.url, new URLSearchParams({ login: person, password: 'any' }).toString());
    } else break;
  }
  const reached = await open(jar, target, null);
  if (reached.status !== 200) {
    throw new Error(
      `sign-in at ${target.origin} ended with ${reached.status}: ${page.url.pathname} ${page.status}`,
    );
  }
  return cookieHeader(jar, target);
}

function open(jar: Jar, url: URL, form: string | null): Promise<Page> {
  const headers: Record<string, string | number> = { ...navigation };
  const cookie = cookieHeader(jar, url);
  if (cookie !== '') headers.cookie = cookie;
  if (form !== null) {
    headers['content-type'] = 'application/x-www-form-urlencoded';
    headers['content-length'] = Buffer.byteLength(form);
    headers.origin = url.origin;
  }
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: form === null ? 'GET' : 'POST', headers, agent: false });
    request.once('error', reject);
    request.once('response', async (response) => {
      keepCookies(jar, url, response);
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      resolve({ url, status: response.statusCode ?? 0, location: response.headers.location ?? null, body });
    });
    request.end(form ?? undefined);
  });
}

function keepCookies(jar: Jar, url: URL, response: IncomingMessage): void {
  const cookies = jar.get(url.origin) ?? new Map<string, string>();
  jar.set(url.origin, cookies);
  for (const line of response.headers['set-cookie'] ?? []) {
    const [pair = '', ...attributes] = line.split(';');
    const name = pair.slice(0, pair.indexOf('=')).trim();
    const expires = attributes.find((attribute) => /^\s*expires=/i.test(attribute))?.split('=')[1];
    const gone =
      attributes.some((attribute) => /^\s*max-age=(0|-\d+)\s*$/i.test(attribute)) ||
      (expires !== undefined && Date.parse(expires) < Date.now());
    if (gone) cookies.delete(name);
    else cookies.set(name, pair.slice(pair.indexOf('=') + 1).trim());
  }
}

function cookieHeader(jar: Jar, url: URL): string {
  return [...(jar.get(url.origin) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
}
