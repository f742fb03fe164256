"""The agents' front end."""

LOGIN = """<!doctype html><html><head><title>Desk</title></head><body>
<h1>Desk</h1><form method="post" action="/session" id="login">
<input name="user" id="user" placeholder="agent"><input name="password" id="password" type="password">
<button type="submit" id="enter">Log in</button></form><p id="problem">{problem}</p></body></html>"""

BOARD = """<!doctype html><html><head><title>Desk board</title></head><body>
<h1>Board of <span id="agent">{agent}</span></h1>
<p><span id="open-count" data-state="idle">0</span> open tickets, <span id="live-count">0</span> live events</p>
<div id="connection" class="badge">connecting</div><div id="error-banner" hidden></div>
<form id="new"><input id="subject" placeholder="subject"><select id="priority"><option>normal</option>
<option>low</option><option>high</option><option>urgent</option></select><button id="create">Create</button></form>
<input id="filter" placeholder="filter"><button id="apply">Filter</button>
<p id="empty">No tickets yet</p><ul id="tickets"></ul>
<script>
const get = (id) => document.getElementById(id);
let live = 0;
function fail(text) { get('error-banner').hidden = false; get('error-banner').textContent = text; }
async function refresh() {
  const answer = await fetch('/tickets?limit=20&q=' + encodeURIComponent(get('filter').value));
  if (!answer.ok) { fail('tickets: ' + answer.status); return; }
  const page = await answer.json();
  get('tickets').replaceChildren(...page.items.map((t) => {
    const row = document.createElement('li');
    row.className = 'ticket'; row.dataset.ref = t.ref;
    row.innerHTML = '<b class="ref"></b> <span class="subject"></span> <i class="priority"></i> <u class="sla"></u>';
    row.querySelector('.ref').textContent = t.ref;
    row.querySelector('.subject').textContent = t.subject;
    row.querySelector('.priority').textContent = t.priority;
    row.querySelector('.sla').textContent = t.sla_minutes + ' min';
    return row;
  }));
  get('empty').hidden = page.items.length > 0;
  const stats = await (await fetch('/stats')).json();
  get('open-count').textContent = stats.open;
  get('open-count').dataset.state = 'loaded';
}
get('new').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await fetch('/tickets', {method: 'POST', headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({subject: get('subject').value, priority: get('priority').value})});
  const made = await answer.json();
  if (!answer.ok) { fail(made.detail || 'error'); return; }
  get('subject').value = '';
  await refresh();
});
get('apply').addEventListener('click', refresh);
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/events?name={agent}');
socket.onopen = () => socket.send(JSON.stringify({op: 'subscribe', topic: 'tickets'}));
socket.onmessage = (frame) => {
  const message = JSON.parse(frame.data);
  if (message.type === 'subscribed') get('connection').textContent = 'live';
  if (message.type === 'event') {
    live += 1; get('live-count').textContent = live;
    const note = document.createElement('div');
    note.className = 'toast';
    note.textContent = message.event + ' ' + message.ticket.ref + ' ' + message.ticket.subject;
    document.body.append(note);
  }
};
socket.onclose = () => { get('connection').textContent = 'offline'; };
setTimeout(refresh, 150);
</script></body></html>"""
