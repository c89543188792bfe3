/** The provider's pages: plain HTML in the provider's own colours, so that nobody takes them for the gate's. */

const style = `
  :root { color-scheme: light dark; --bg: light-dark(#eef2f7, #10151d); --card: light-dark(#fff, #19212c);
    --text: light-dark(#16202c, #e6edf5); --soft: light-dark(#5a6878, #9aa8b8); --line: light-dark(#d5dde7, #2c3745);
    --accent: light-dark(#0b6b57, #3cc4a2); --on-accent: light-dark(#fff, #06251d); }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--bg);
    color: var(--text); font: 16px/1.5 system-ui, sans-serif }
  main { width: min(24rem, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 14px;
    padding: 2rem; box-shadow: 0 12px 32px rgb(0 0 0 / .08) }
  .brand { display: flex; align-items: center; gap: .6rem; font-weight: 600; color: var(--soft); font-size: .9rem }
  .brand svg { width: 1.5rem; height: 1.5rem; color: var(--accent) }
  h1 { font-size: 1.4rem; margin: 1.1rem 0 .25rem; letter-spacing: -.01em }
  p { margin: 0 0 1.25rem; color: var(--soft) }
  label { display: block; font-size: .875rem; font-weight: 600; margin: 0 0 .3rem }
  input { width: 100%; font: inherit; padding: .6rem .75rem; border: 1px solid var(--line); border-radius: 8px;
    background: var(--bg); color: inherit; margin-bottom: 1rem }
  button { width: 100%; font: inherit; font-weight: 600; padding: .65rem; border: 0; border-radius: 8px;
    background: var(--accent); color: var(--on-accent); cursor: pointer }
  :is(input, button):focus-visible { outline: 3px solid color-mix(in srgb, var(--accent) 55%, transparent);
    outline-offset: 1px }
  .error { color: light-dark(#a3261b, #ff9c8f); font-weight: 600 }
  small { display: block; margin-top: 1.25rem; color: var(--soft) }`;

const mark = `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
  <circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22M18 12v4" stroke-linecap="round"/></svg>`;

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} · Demo ID</title><link rel="icon" href="data:,"><style>${style}</style></head>
<body><main><div class="brand">${mark} Demo ID</div>${content}</main></body></html>`;
}

/** The sign-in form. `hint` is what the client sent as `login_hint`. */
export function loginPage(uid: string, hint: string, problem: string | null): string {
  const error = problem === null ? '' : `<p class="error" role="alert">${escapeHtml(problem)}</p>`;
  return page(
    'Sign in',
    `<h1>Sign in</h1><p>The people here are <b>alice</b> and <b>bob</b>; any password will do.</p>${error}
    <form method="post" action="/interaction/${escapeHtml(uid)}">
      <label for="login">Name</label>
      <input id="login" name="login" value="${escapeHtml(hint)}" autocomplete="username" autocapitalize="none" required autofocus>
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="current-password" required>
      <button type="submit">Sign in</button>
    </form>
    <small>A real OpenID provider (oidc-provider) on your own machine.</small>`,
  );
}

/** `form` is the provider's own logout form; a signed request of a known client needs no second question. */
export function logoutPage(form: string): string {
  return page(
    'Sign out',
    `<h1>Signing out…</h1>${form}
    <button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
    <script>document.querySelector('button[name=logout]').click()</script>`,
  );
}

export function messagePage(title: string, message: string): string {
  return page(escapeHtml(title), `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p>`);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
