/** A real sign-in at a fleet: begun at one node, finished at another, as behind any load balancer. */
import { signInAt } from '../../support/sign-in-at.ts';
import { createUserAgent } from '../../support/user-agent.ts';
import type { Fleet } from './fleet.ts';
import { createJar } from './jar.ts';

export interface SignIn {
  readonly login: string;
  /** URLs of the nodes that the login and the callback reach. */
  readonly via: readonly [login: string, callback: string];
}

const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** The cookies of the session, as the `Cookie` field has them. */
export async function signInAtFleet(
  { publicUrl, host }: Pick<Fleet, 'publicUrl' | 'host'>,
  { login, via }: SignIn,
): Promise<string> {
  const jar = createJar();
  const visit = async (url: string) => {
    const headers = { ...navigation, host, cookie: jar.header() };
    const answer = await createUserAgent().ask(url, { headers });
    jar.take(answer.setCookies);
    return answer;
  };
  const sent = await visit(`${via[0]}/.auth/login`);
  const callback = await signInAt(String(sent.headers.location), { login, clientUrl: publicUrl });
  const { status } = await visit(via[1] + callback.pathname + callback.search);
  if (status !== 303) throw new Error(`the callback answered ${status}`);
  return jar.header();
}
