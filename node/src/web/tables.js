// Figures, warnings, and what is in the tables behind the tabs.

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

const slowest = (peers) => Math.max(1, ...peers.map((peer) => peer.latency_ms || 0));
const busiest = (peers) => Math.max(1, ...peers.map((peer) => peer.load || 0));

function byCell(a, b) {
  const axis = a.cell.findIndex((one, place) => one !== b.cell[place]);
  if (axis >= 0) return a.cell[axis] - b.cell[axis];
  return a.id < b.id ? -1 : 1;
}

function* drawPeers(peers) {
  const [latency, load] = [slowest(peers), busiest(peers)];
  const row = (peer) => ({ id: peer.id, cells: [
    { text: short(peer.id) }, { text: cellText(peer.cell) }, { text: peer.neighbour ? 'neighbour' : peer.leaf ? 'leaf' : 'guest' },
    peer.linked ? { mark: 'good', text: 'open' } : { mark: 'bad', text: 'none' },
    { share: (peer.latency_ms || 0) / latency, text: msText(peer.latency_ms) },
    { share: (peer.load || 0) / load, text: peer.load === null ? '–' : peer.load.toLocaleString('en') },
  ] });
  setText($('peer-count'), String(peers.length));
  yield* fill(PEERS, [...peers].sort(byCell).map(row));
}

const VERDICTS = { open: ['', 'open'], fair: ['good', 'fair'], leech: ['bad', 'takes more than it gives'] };

function* drawLedger(accounts) {
  const row = (one) => {
    const [mark, verdict] = VERDICTS[one.verdict];
    return { id: one.id, cells: [
      { text: short(one.id) }, { text: one.cell ? cellText(one.cell) : '–' }, { text: bytesText(one.given) }, { text: bytesText(one.received) },
      { text: `${one.balance < 0 ? '−' : '+'}${bytesText(Math.abs(one.balance))}` },
      { text: `${one.served} / ${one.asked}` }, { text: `${one.served_by_it} / ${one.asked_of_it}` }, { mark, text: verdict },
    ] };
  };
  yield* fill(LEDGER, accounts.map(row));
}

function standing(one) {
  if (one.shunned) return { mark: 'bad', text: `shunned: it ${one.shunned}` };
  return one.flagged ? { mark: 'bad', text: 'in a disagreement' } : { mark: 'good', text: 'fair' };
}

function* drawTrust(servers) {
  const row = (one) => ({ id: one.id, cells: [
    { text: short(one.id) }, { text: one.cell }, { share: one.trust, text: one.trust.toFixed(3) }, { text: `${one.passed} / ${one.checks}` },
    { text: String(one.mismatches) }, { text: bytesText(one.bytes) }, standing(one),
  ] });
  yield* fill(TRUST, servers.map(row));
}

const mono = (text) => make('span', { class: 'mono' }, text);

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
