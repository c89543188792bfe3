/** Asks before signing out: a plain GET must not end a session, or any picture on any site could (RD-053). */
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface LogoutPageProps {
  /** Where the form posts to. */
  readonly action: string;
  readonly homeUrl: string;
  /** Whether sessions elsewhere can be ended as well. */
  readonly everywhere: boolean;
}

/** Pure: props → page. Works without script. */
export function logoutPage(props: LogoutPageProps): Html {
  const everywhere = html`<button class="button quiet" type="submit" name="everywhere" value="1">Sign out everywhere</button>`;
  const hint = html`<p>“Everywhere” ends your sessions on other devices and in other browsers too.</p>`;
  return layout({
    title: 'Sign out?',
    tone: 'calm',
    body: html`<p>This ends your session on this site.</p>${props.everywhere ? hint : null}`,
    actions: html`<form method="post" action="${props.action}"><button class="button" type="submit">Sign out</button>${props.everywhere ? everywhere : null}</form>${linkButton(props.homeUrl, 'Stay signed in', 'quiet')}`,
  });
}
