/** A browser without a screen: a cookie jar per host, redirects followed one by one, forms submitted. */
import { request } from 'node:http';

export interface Answer {
  /** Where the answer came from. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly setCookies: readonly string[];
  readonly body: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

export interface UserAgent {
  /** One request with the cookies of its host, as a navigation unless the headers say otherwise. */
  ask(url: string | URL, options?: Ask): Promise<Answer>;
  /** A navigation with every redirect followed, at most `limit` of them. */
  navigate(url: string | URL, limit?: number): Promise<Answer>;
  /** Posts fields as a form of the page at `from` would. */
  submit(url: string | URL, fields: Readonly<Record<string, string>>, from?: URL): Promise<Answer>;
  /** The value of a cookie that the jar holds for the host of `url`. */
  cookie(url: string | URL, name: string): string | undefined;
  cookies(url: string | URL): ReadonlyMap<string, string>;
  setCookie(url: string | URL, name: string, value: string): void;
  clear(): void;
}

const navigationHeaders = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** Headers of a `fetch` from a page of the gate's own origin. */
export const fetchHeaders = {
  accept: 'application/json',
  'sec-fetch-mode': 'cors',
  'sec-fetch-dest': 'empty',
  'sec-fetch-site': 'same-origin',
};

export function createUserAgent(): UserAgent {
  const jars = new Map<string, Map<string, string>>();
  const jarOf = (url: string | URL) => {
    const { host } = new URL(url);
    const jar = jars.get(host) ?? new Map<string, string>();
    jars.set(host, jar);
    return jar;
  };

  const ask = async (target: string | URL, options: Ask = {}): Promise<Answer> => {
    const url = new URL(target);
    const jar = jarOf(url);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(options.headers ?? navigationHeaders), ...(cookie === '' ? {} : { cookie }) };
    const answer = await send(url, { ...options, headers });
    for (const line of answer.setCookies) keep(jar, line);
    return answer;
  };

  const navigate = async (target: string | URL, limit = 12): Promise<Answer> => {
    let answer = await ask(target);
    for (let hops = 0; isRedirect(answer) && hops < limit; hops++) {
      answer = await ask(new URL(answer.headers.location as string, answer.url));
    }
    return answer;
  };

  return {
    ask,
    navigate,
    submit(url, fields, from) {
      const headers = {
        ...navigationHeaders,
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
        origin: (from ?? new URL(url)).origin,
      };
      return ask(url, { method: 'POST', headers, body: new URLSearchParams(fields).toString() });
    },
    cookie: (url, name) => jarOf(url).get(name),
    cookies: (url) => jarOf(url),
    setCookie: (url, name, value) => void jarOf(url).set(name, value),
    clear: () => jars.clear(),
  };
}

function isRedirect(answer: Answer): boolean {
  return answer.status >= 300 && answer.status < 400 && answer.headers.location !== undefined;
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';');
  const mark = pair.indexOf('=');
  const name = pair.slice(0, mark).trim();
  const gone = attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
  if (gone) jar.delete(name);
  else jar.set(name, pair.slice(mark + 1));
}

function send(url: URL, options: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: options.method ?? 'GET',
        headers: options.headers,
        agent: false,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            url,
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            setCookies: incoming.headers['set-cookie'] ?? [],
            body: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}
