/** A browser without a screen for the real provider: keeps its cookies, follows its redirects, fills in its form. */

export interface SignInAs {
  /** Who to name in the form; the form is not needed when the provider signs in by itself. */
  readonly login: string;
  /** Everything up to and including this prefix belongs to the client: the walk stops there. */
  readonly clientUrl: string;
}

/** The URL with which the provider sends the browser back to the client. */
export async function signInAt(authorizationUrl: string, { login, clientUrl }: SignInAs): Promise<URL> {
  const jar = new Map<string, string>();
  let url = authorizationUrl;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 15; step += 1) {
    const response = await fetch(url, {
      redirect: 'manual',
      method: form === null ? 'GET' : 'POST',
      body: form,
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    await response.arrayBuffer();
    keepCookies(jar, response.headers.getSetCookie());
    const location = response.headers.get('location');
    if (location === null && (response.status !== 200 || form !== null)) break;
    form = location === null ? new URLSearchParams({ login, password: 'any' }) : null;
    if (location !== null) url = new URL(location, url).href;
    if (url.startsWith(clientUrl)) return new URL(url);
  }
  throw new Error(`the provider did not send the browser back; it stopped at ${new URL(url).pathname}`);
}

function keepCookies(jar: Map<string, string>, setCookies: readonly string[]): void {
  for (const setCookie of setCookies) {
    const pair = setCookie.split(';', 1)[0] as string;
    const at = pair.indexOf('=');
    if (at + 1 === pair.length) jar.delete(pair.slice(0, at));
    else jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}
