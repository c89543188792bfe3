/** Asks before signing out: a plain GET must not end a session, or any picture on any site could (RD-053). */
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface LogoutPageProps {
  /** Where the form posts to. */
  readonly action: string;
  readonly homeUrl: string;
}

/** Pure: props → page. Works without script. */
export function logoutPage(props: LogoutPageProps): Html {
  return layout({
    title: 'Sign out?',
    tone: 'calm',
    body: html`<p>This ends your session on this site.</p>`,
    actions: html`<form method="post" action="${props.action}"><button class="button" type="submit">Sign out</button></form>${linkButton(props.homeUrl, 'Stay signed in', 'quiet')}`,
  });
}
