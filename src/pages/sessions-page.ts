/** A person's own sessions, each with a button that ends it. Works without script, and on a phone. */
import { type Html, html } from './html.ts';
import { layout, linkButton } from './layout.ts';

export interface SessionRow {
  /** Names the session and opens nothing. */
  readonly id: string;
  /** The one that this page was asked for with. */
  readonly current: boolean;
  /** Which browser, as text. */
  readonly client: string;
  readonly address: string;
  /** Unix times in milliseconds. */
  readonly since: number;
  readonly lastSeen: number;
}

export interface SessionsPageProps {
  /** Where the forms post to. */
  readonly action: string;
  readonly homeUrl: string;
  /** The current one first. */
  readonly sessions: readonly SessionRow[];
  /** Whether there are more than are shown. */
  readonly more: boolean;
}

/** Pure: props → page. */
export function sessionsPage(props: SessionsPageProps): Html {
  const others = props.sessions.some(({ current }) => !current) || props.more;
  const endOthers = html`<form method="post" action="${props.action}"><button class="button" type="submit" name="all" value="others">Sign out everywhere else</button></form>`;
  return layout({
    title: 'Your sessions',
    tone: 'calm',
    body: html`<p>Everywhere you are signed in. Do you not recognise one? End it.</p>
<ul class="sessions">${props.sessions.map((session) => row(props.action, session))}</ul>
${props.more ? html`<p>There are more than are shown here.</p>` : null}`,
    actions: html`${others ? endOthers : null}${linkButton(props.homeUrl, 'Continue', 'quiet')}`,
  });
}

function row(action: string, session: SessionRow): Html {
  const label = session.current ? 'Sign out' : `End the session of ${session.client}`;
  return html`<li><div><strong>${session.client}</strong>${session.current ? html` <span class="tag">This one</span>` : null}
<span class="detail">${session.address}</span>
<span class="detail">Signed in ${time(session.since)}</span>
<span class="detail">Last seen ${time(session.lastSeen)}</span></div>
<form method="post" action="${action}"><button class="button quiet small" type="submit" name="session" value="${session.id}" aria-label="${label}">${session.current ? 'Sign out' : 'End'}</button></form></li>`;
}

/** In UTC and saying so: the page has no script that could know the time zone of whoever looks at it. */
function time(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;
}

export interface NoSessionsPageProps {
  readonly homeUrl: string;
  readonly logoutUrl: string;
}

/** Where sessions live in browsers and in no store: then nobody has a list of them. */
export function noSessionsPage(props: NoSessionsPageProps): Html {
  return layout({
    title: 'Sessions cannot be listed here',
    tone: 'calm',
    body: html`<p>This site keeps sessions in the browsers themselves, so it has no list of yours.</p>`,
    actions: html`${linkButton(props.homeUrl, 'Continue', 'main')}${linkButton(props.logoutUrl, 'Sign out', 'quiet')}`,
  });
}
