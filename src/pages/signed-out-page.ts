/** Where a logout ends. Public, and the same for everybody: it changes nothing and knows nobody (LO-044, LO-054). */
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface SignedOutPageProps {
  readonly loginUrl: string;
  /** True when the provider was not told: its own session may live on (LO-041). */
  readonly providerSessionMayLive: boolean;
}

const stillThere =
  'The service that signed you in was not told, so you may still be signed in there. On a shared computer, sign out there as well or close the browser.';

/** Pure: props → page. */
export function signedOutPage(props: SignedOutPageProps): Html {
  return layout({
    title: 'You are signed out',
    tone: 'good',
    body: html`<p>Your session here has ended.</p>${props.providerSessionMayLive ? html`<p>${stillThere}</p>` : null}`,
    actions: linkButton(props.loginUrl, 'Sign in again', 'main'),
  });
}

export interface StillSignedInPageProps {
  readonly logoutUrl: string;
  readonly homeUrl: string;
}

/** For whoever comes to the signed-out address with a live session: never say that it has ended (SC-046). */
export function stillSignedInPage(props: StillSignedInPageProps): Html {
  return layout({
    title: 'You are still signed in',
    tone: 'calm',
    body: html`<p>Your session on this site goes on.</p>`,
    actions: html`${linkButton(props.homeUrl, 'Continue', 'main')}${linkButton(props.logoutUrl, 'Sign out', 'quiet')}`,
  });
}
