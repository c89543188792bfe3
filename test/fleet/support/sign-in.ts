/** A real sign-in at a fleet: begun at one node, finished at another, as behind any load balancer. */
import { signInAt } from '../../support/sign-in-at.ts';
import { createUserAgent } from '../../support/user-agent.ts';
import type { Fleet } from './fleet.ts';

export interface SignIn {
  readonly login: string;
  /** URLs of the nodes that the login and the callback reach. */
  readonly via: readonly [login: string, callback: string];
}

const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** The session's cookie, as `name=value`. */
export async function signInAtFleet(
  { publicUrl, host }: Pick<Fleet, 'publicUrl' | 'host'>,
  { login, via }: SignIn,
): Promise<string> {
  const headers = { ...navigation, host };
  const sent = await createUserAgent().ask(`${via[0]}/.auth/login`, { headers });
  const callback = await signInAt(String(sent.headers.location), { login, clientUrl: publicUrl });
  const cookie = sent.setCookies.map(pairOf).join('; ');
  const answer = await createUserAgent().ask(via[1] + callback.pathname + callback.search, {
    headers: { ...headers, cookie },
  });
  const session = answer.setCookies.map(pairOf).find((pair) => /^sallyport=./.test(pair));
  if (session === undefined) throw new Error(`the callback answered ${answer.status} without a session`);
  return session;
}

function pairOf(setCookie: string): string {
  return setCookie.split(';', 1)[0] as string;
}
