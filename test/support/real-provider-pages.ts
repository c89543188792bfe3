/** The two pages of the real provider: who are you, and do you want to sign out. Plain forms, no script. */

const style = `body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;
background:#f4f5f7;color:#1c2024}main{background:#fff;padding:2rem;border-radius:.75rem;box-shadow:0 1px 4px #0002;
width:min(20rem,85vw)}h1{font-size:1.25rem;margin:0 0 1rem}label{display:block;margin:.75rem 0 .25rem}
input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #8a9099;border-radius:.4rem}
button{margin-top:1.25rem;width:100%;padding:.6rem;font:inherit;border:0;border-radius:.4rem;background:#2a5bd7;
color:#fff;cursor:pointer}p{color:#555b63}`;

function page(title: string, content: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>${style}</style></head>
<body><main><h1>${title}</h1>${content}</main></body></html>`;
}

/** Posts `login` and `password` back to where it came from. */
export function loginPage(people: readonly string[]): string {
  return page(
    'Sign in',
    `<p>Anybody of ${people.join(', ')}, with any password.</p><form method="post">
<label for="login">Name</label><input id="login" name="login" autocomplete="username" autofocus required>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password">
<button type="submit">Sign in</button></form>`,
  );
}

/** `form` is the provider's own form with its protection against forged requests. */
export function logoutPage(form: string): string {
  return page(
    'Sign out?',
    `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>`,
  );
}
