/**
 * One step between the provider and the application, for `SameSite=Strict` session cookies: a browser does not send
 * those along a chain of redirects that another site began, which would end in a login loop (SC-045). The refresh is
 * a navigation of our own page, so the cookie goes with it.
 */
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface ContinuePageProps {
  /** Absolute and validated. */
  readonly url: string;
}

/** Pure: props → page. */
export function continuePage(props: ContinuePageProps): Html {
  return layout({
    title: 'You are signed in',
    tone: 'good',
    head: html`<meta http-equiv="refresh" content="0;url=${props.url}">\n`,
    body: html`<p>Taking you on to the application.</p>`,
    actions: linkButton(props.url, 'Continue', 'main'),
  });
}
