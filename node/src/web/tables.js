// Figures, warnings, and the tables behind the tabs.

function figure(name, value, about, share) {
  return make('div', { class: 'figure' },
    make('dt', null, name),
    make('dd', null, make('span', { class: 'value' }, value), about ? make('span', { class: 'about' }, about) : null,
      share === undefined ? null : make('meter', { min: 0, max: 1, high: 0.9, value: Math.min(1, share), 'aria-label': name })));
}

function drawFigures({ status, peers, warnings }) {
  const linked = peers.filter((peer) => peer.linked && peer.neighbour && peer.latency_ms !== null).map((peer) => peer.latency_ms).sort((a, b) => a - b);
  const median = linked.length ? linked[Math.floor(linked.length / 2)] : null;
  const seen = status.cells_known + status.vacant_cells;
  const mean = (status.neighbours + 1) / Math.max(1, seen);
  const queued = status.queued.control + status.queued.interactive + status.queued.bulk;
  const outbound = status.outbound_bytes.control + status.outbound_bytes.interactive + status.outbound_bytes.bulk;
  show($('figures'),
    figure('Neighbours', String(status.neighbours), `${mean.toFixed(1)} nodes a cell in ${status.cells_known} of ${seen} cells`),
    figure('Links', String(status.links), status.leaves ? `${plural(status.leaves, 'leaf', 'leaves')} hosted` : `${msText(median)} in the median`),
    figure('Records', status.records.toLocaleString('en'), `${bytesText(status.record_bytes)} of ${bytesText(status.quota_bytes)}`, status.record_bytes / status.quota_bytes),
    figure('Waiting', String(queued), `requests; ${bytesText(outbound)} for the links`),
    figure('Warnings', String(warnings.length), warnings.length ? 'see above' : 'all is well'));
}

function drawWarnings(warnings) {
  $('warnings').hidden = warnings.length === 0;
  const now = Date.now() / 1000;
  show($('warning-list'), ...warnings.slice(0, 8).map((warning) => make('li', null,
    make('b', null, sentence(warning.text)),
    make('span', { class: 'about' }, ` ${warning.count > 1 ? `${warning.count} times, ` : ''}${agoText(now - warning.last)}`),
    make('span', { class: 'todo' }, sentence(warning.what_to_do)))));
}

function table(caption, heads, rows, empty) {
  if (!rows.length) return make('p', { class: 'about' }, empty);
  return make('table', null,
    make('caption', { class: 'visually-hidden' }, caption),
    make('thead', null, make('tr', null, ...heads.map((head) => make('th', { scope: 'col', class: head.number ? 'number' : null }, head.name)))),
    make('tbody', null, ...rows.map((row) => make('tr', row.attributes || null, ...row.cells.map((cell, place) =>
      make('td', { class: heads[place].number ? 'number' : null, 'data-head': heads[place].name }, cell))))));
}

const mono = (text) => make('span', { class: 'mono' }, text);
const mark = (kind, text) => make('span', { class: `mark ${kind}` }, text);

// A bar whose length is a share, drawn without a style attribute, which the page's policy forbids.
function bar(share, text) {
  return make('span', { class: 'barred' }, make('meter', { min: 0, max: 1, value: share, 'aria-hidden': 'true' }), text);
}

const byCell = (a, b) => a.cell.join().localeCompare(b.cell.join(), 'en', { numeric: true }) || a.id.localeCompare(b.id);

function drawPeers(peers) {
  const slowest = Math.max(1, ...peers.map((peer) => peer.latency_ms || 0));
  const busiest = Math.max(1, ...peers.map((peer) => peer.load || 0));
  const row = (peer) => ({
    attributes: { 'data-id': peer.id },
    cells: [mono(short(peer.id)), cellText(peer.cell), peer.neighbour ? 'neighbour' : peer.leaf ? 'leaf' : 'guest',
      peer.linked ? mark('good', 'open') : mark('bad', 'none'),
      bar((peer.latency_ms || 0) / slowest, msText(peer.latency_ms)),
      bar((peer.load || 0) / busiest, peer.load === null ? '–' : peer.load.toLocaleString('en'))],
  });
  $('peer-count').textContent = peers.length;
  show($('panel-peers'), table('Nodes that this node knows',
    [{ name: 'node' }, { name: 'cell' }, { name: 'kind' }, { name: 'link' }, { name: 'latency', number: true }, { name: 'load', number: true }],
    [...peers].sort(byCell).map(row), 'This node knows nobody yet.'));
}

function drawLedger(accounts) {
  const verdicts = { open: ['', 'open'], fair: ['good', 'fair'], leech: ['bad', 'takes more than it gives'] };
  const row = (one) => ({
    attributes: { 'data-id': one.id },
    cells: [mono(short(one.id)), one.cell ? cellText(one.cell) : '–', bytesText(one.given), bytesText(one.received),
      `${one.balance < 0 ? '−' : '+'}${bytesText(Math.abs(one.balance))}`,
      `${one.served} / ${one.asked}`, `${one.served_by_it} / ${one.asked_of_it}`, mark(...verdicts[one.verdict])],
  });
  show($('panel-ledger'),
    make('p', { class: 'about' }, 'Work that neighbours did for this node, and it for them. What is a day old counts half.'),
    table('What neighbours did for this node',
      [{ name: 'node' }, { name: 'cell' }, { name: 'given', number: true }, { name: 'received', number: true }, { name: 'balance', number: true },
        { name: 'served it', number: true }, { name: 'served us', number: true }, { name: 'verdict' }],
      accounts.map(row), 'No work was done yet.'));
}

function drawTrust(servers) {
  const standing = (one) => one.shunned ? mark('bad', `shunned: it ${one.shunned}`) : one.flagged ? mark('bad', 'in a disagreement') : mark('good', 'fair');
  const row = (one) => ({
    attributes: { 'data-id': one.id },
    cells: [mono(short(one.id)), one.cell, bar(one.trust, one.trust.toFixed(3)), `${one.passed} / ${one.checks}`, String(one.mismatches),
      bytesText(one.bytes), standing(one)],
  });
  show($('panel-trust'), table('What is known of dataset servers',
    [{ name: 'node' }, { name: 'cell' }, { name: 'trust', number: true }, { name: 'checks passed', number: true }, { name: 'lies', number: true },
      { name: 'received', number: true }, { name: 'standing' }],
    servers.map(row), 'No dataset was read through this node yet.'));
}

function drawNode(status) {
  const row = (name, ...value) => make('div', null, make('dt', null, name), make('dd', null, ...value));
  const counters = status.counters;
  show($('panel-node'), make('dl', { class: 'facts' },
    row('Name', mono(status.id)),
    row('Grid', `${status.grid}, ${plural(status.dims, 'axis', 'axes')} of ${status.side}; `, mono(short(status.grid_id))),
    row('Level', status.level),
    row('Listens at', ...status.listen.map((address) => make('div', { class: 'mono' }, address))),
    row('Connections', `${counters.connections} open, ${counters.refused_connections} turned away, ${counters.failed_greetings} with a bad greeting`),
    row('Cut links', `${counters.cut_links}; ${plural(counters.refused_cards, 'card')} refused`),
    row('Largest record', bytesText(status.max_record_bytes))));
}
