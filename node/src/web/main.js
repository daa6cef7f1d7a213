// Asks, listens, draws.

const state = { status: null, peers: [], accounts: [], servers: [], warnings: [], soon: null };
const EVERY = 2000;

function drawHead(status) {
  setText($('grid-name'), status.grid);
  setText($('own-cell'), cellText(status.cell));
  setText($('own-id'), short(status.id));
  document.title = `rook ${cellText(status.cell)}`;
  badge(status.joined ? 'good' : 'wait', status.joined ? 'joined' : 'joining');
}

function badge(kind, text) {
  setAttribute($('state'), 'class', `badge ${kind}`);
  setText($('state'), text);
}

async function refresh() {
  const paths = ['status', 'peers', 'ledger', 'trust', 'warnings'].map((name) => askJson(`/v1/${name}`));
  const [status, { peers }, { accounts }, { servers }, { warnings }] = await Promise.all(paths);
  Object.assign(state, { status, peers, accounts, servers, warnings });
  draw();
}

// What has changed is asked for at once, but not again and again while much changes.
function refreshSoon() {
  state.soon ??= setTimeout(() => {
    state.soon = null;
    refresh().catch(() => {});
  }, 250);
}

function lock(why) {
  sessionStorage.removeItem(KEPT);
  api.token = null;
  $('main').hidden = true;
  $('gate').hidden = false;
  $('gate-why').textContent = why;
  badge('wait', 'locked');
  $('token').focus();
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function keepAsking() {
  while (api.token) {
    try {
      if (!document.hidden) await refresh();
    } catch (error) {
      if (error.status === 401) return lock('The token is wrong, or the node was started again since.');
      badge('bad', error.status ? `error ${error.status}` : 'no answer');
    }
    await pause(EVERY);
  }
  return undefined;
}

async function keepListening() {
  while (api.token) {
    await follow('/v1/events', take).catch(() => {});
    await pause(EVERY);
  }
}

function open() {
  keepAsking();
  keepListening();
}

function selectTab(tab) {
  for (const other of document.querySelectorAll('[role=tab]')) {
    const selected = other === tab;
    other.setAttribute('aria-selected', selected);
    other.tabIndex = selected ? 0 : -1;
    $(other.getAttribute('aria-controls')).hidden = !selected;
  }
}

function wire() {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  tabs.forEach((tab, place) => {
    tab.addEventListener('click', () => selectTab(tab));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      selectTab(tabs[to % tabs.length]);
      tabs[to % tabs.length].focus();
    });
  });
  $('axis-x').addEventListener('change', (event) => pickAxis('x', Number(event.target.value)));
  $('axis-y').addEventListener('change', (event) => pickAxis('y', Number(event.target.value)));
  $('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    api.token = $('token').value.trim();
    $('token').value = '';
    if (!api.token) return;
    sessionStorage.setItem(KEPT, api.token);
    open();
  });
  // The address with the token, opened where the page is open already, only changes what stands behind the '#'.
  window.addEventListener('hashchange', () => {
    const before = location.hash;
    if (takeToken() && before) location.reload();
  });
  wireMap();
}

wire();
if (api.token) open(); else lock('');
