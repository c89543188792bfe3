// The sample page's script: shows both sides of a request, and tries fetch, event stream and WebSocket.

const element = (id) => document.getElementById(id);

/** Headers that the gate set on its own account. */
const fromGate = /^(authorization|x-user|x-email|x-name|x-forwarded-.*|forwarded|via)$/i;

/** The login page is the answer to a session that is over. */
function signInAgain() {
  location.assign(`/.auth/login?returnTo=${encodeURIComponent(location.pathname)}`);
}

async function getJson(url, options) {
  const response = await fetch(url, options);
  if (response.status === 401) signInAgain();
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}

function showReceived(echo) {
  const rows = echo.headers.map(([name, value]) => {
    const row = document.createElement('tr');
    row.classList.toggle('given', fromGate.test(name));
    for (const text of [name, value]) row.insertCell().textContent = text;
    return row;
  });
  // What the gate gave comes first: it is what this page is about.
  rows.sort((a, b) => b.classList.contains('given') - a.classList.contains('given'));
  element('received').tBodies[0].replaceChildren(...rows);
}

function showVisible(me) {
  const storage = (area) => (area.length === 0 ? '(empty)' : JSON.stringify({ ...area }));
  const visible = {
    'document.cookie': document.cookie || '(empty)',
    localStorage: storage(localStorage),
    sessionStorage: storage(sessionStorage),
    'GET /.auth/me': JSON.stringify(me, null, 2),
  };
  const list = Object.entries(visible).flatMap(([name, value]) => {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  });
  element('visible').replaceChildren(...list);
  // A JWT begins with {" in base64url; an opaque token would come under one of these names.
  const found = /eyJ[\w-]{10,}\.|"?(access|refresh|id)_?token"?\s*[:=]/i.test(
    Object.values(visible).join('\n'),
  );
  const verdict = element('verdict');
  verdict.className = `verdict ${found ? 'bad' : 'good'}`;
  verdict.textContent = found
    ? '✗ There is a token in reach of this page.'
    : '✓ No token anywhere in reach of this page.';
}

async function showBothSides() {
  const [echo, me] = await Promise.all([getJson('/api/echo'), getJson('/.auth/me?slide=false')]);
  const name = me.claims.name ?? me.claims.sub;
  element('greeting').textContent = `Hello, ${name}`;
  element('who').textContent = me.claims.email ?? me.claims.sub;
  showReceived(echo);
  showVisible(me);
}

async function callEcho() {
  const sent = JSON.stringify({ at: new Date().toISOString() });
  try {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: sent };
    const { method, url, body, headers } = await getJson('/api/echo', options);
    const token = headers.find(([header]) => header.toLowerCase() === 'authorization')?.[1] ?? 'none';
    element('answer').textContent = `${method} ${url}\nbody: ${body}\ntoken at the application: ${token}`;
  } catch (error) {
    element('answer').textContent = `Failed: ${error.message}`;
  }
}

function runClock() {
  let ticks = 0;
  const events = new EventSource('/api/clock');
  events.onmessage = (event) => {
    ticks += 1;
    element('clock').textContent = new Date(event.data).toLocaleTimeString();
    element('ticks').textContent = String(ticks);
  };
}

function openSocket() {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/socket`);
  const lines = [];
  const print = (line) => {
    lines.push(line);
    element('echoes').textContent = lines.slice(-20).join('\n');
    element('echoes').scrollTop = element('echoes').scrollHeight;
  };
  socket.onopen = () => print('connected');
  socket.onmessage = (event) => print(`← ${event.data}`);
  socket.onclose = (event) => print(`closed (${event.code})`);
  element('say').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = element('message').value;
    print(`→ ${text}`);
    socket.send(text);
  });
}

element('call').addEventListener('click', callEcho);
runClock();
openSocket();
showBothSides().catch((error) => {
  element('verdict').textContent = `Could not be read: ${error.message}`;
});
