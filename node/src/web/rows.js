// Tables whose rows keep their places: only what changed is touched. Rows are boxes of their own, which a browser leaves out while
// they are out of sight; therefore they say that they are rows.

const column = (name, kind = '', number = false) => ({ name, kind, number });

const PEERS = { panel: 'panel-peers', caption: 'Nodes that this node knows', empty: 'This node knows nobody yet.', rows: new Map(),
  columns: [column('node', 'mono'), column('cell'), column('kind'), column('link', 'mark'), column('latency', 'bar', true), column('load', 'bar', true)] };
const LEDGER = { panel: 'panel-ledger', caption: 'What neighbours did for this node', empty: 'No work was done yet.', rows: new Map(),
  about: 'Work that neighbours did for this node, and it for them. What is a day old counts half.',
  columns: [column('node', 'mono'), column('cell'), column('given', '', true), column('received', '', true), column('balance', '', true),
    column('served it', '', true), column('served us', '', true), column('verdict', 'mark')] };
const TRUST = { panel: 'panel-trust', caption: 'What is known of dataset servers', empty: 'No dataset was read through this node yet.', rows: new Map(),
  columns: [column('node', 'mono'), column('cell'), column('trust', 'bar', true), column('checks passed', '', true), column('lies', '', true),
    column('received', '', true), column('standing', 'mark')] };

// Rows that are shown until somebody wants all: to lay out hundreds takes as long as a key may wait. As many as in dashboard.css.
const SHOWN = 60;

const numeric = (one) => (one.number ? 'number' : null);

function begin(table) {
  table.body = make('tbody', { role: 'rowgroup' });
  table.nothing = make('p', { class: 'about' }, table.empty);
  table.element = make('table', { role: 'table' },
    make('caption', { class: 'visually-hidden' }, table.caption),
    make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...table.columns.map((one) => make('th', { role: 'columnheader', scope: 'col', class: numeric(one) }, one.name)))),
    table.body);
  table.more = make('button', { type: 'button', class: 'more' });
  table.more.addEventListener('click', () => {
    $(table.panel).classList.add('all');
    table.more.hidden = true;
    $(table.panel).focus();
  });
  $(table.panel).replaceChildren(...(table.about ? [make('p', { class: 'about' }, table.about)] : []), table.nothing, table.element, table.more);
}

// A cell's element, and how it comes to show something else; it says whether it did.
function newCell(head) {
  const element = make('td', { role: 'cell', class: numeric(head), 'data-head': head.name });
  const inner = make('span', { class: head.kind });
  element.append(inner);
  return { element, set: ({ text, mark, share }) => [
    setText(inner, text),
    mark !== undefined && setAttribute(inner, 'class', `mark ${mark}`),
    share !== undefined && setShare(inner, share),
  ].includes(true) };
}

// How long a bar is. The page's policy forbids style attributes in its text, not to its script.
function setShare(element, share) {
  const percent = `${(100 * share).toFixed(1)}%`;
  if (element.style.getPropertyValue('--share') === percent) return false;
  element.style.setProperty('--share', percent);
  return true;
}

function newRow(table, id) {
  const cells = table.columns.map(newCell);
  return { cells, element: make('tr', { role: 'row', 'data-id': id }, ...cells.map((cell) => cell.element)) };
}

function* fill(table, rows) {
  if (!table.body) begin(table);
  table.element.hidden = rows.length === 0;
  table.nothing.hidden = rows.length > 0;
  table.more.hidden = rows.length <= SHOWN || $(table.panel).classList.contains('all');
  setText(table.more, `Show all ${rows.length}`);
  const wanted = new Set(rows.map((row) => row.id));
  for (const [id, row] of table.rows) {
    if (wanted.has(id)) continue;
    row.element.remove();
    table.rows.delete(id);
    yield;
  }
  let next = table.body.firstElementChild;
  for (const { id, cells } of rows) {
    const isNew = !table.rows.has(id);
    if (isNew) table.rows.set(id, newRow(table, id));
    const row = table.rows.get(id);
    const changes = cells.map((cell, place) => row.cells[place].set(cell));
    const isHere = row.element === next;
    if (isHere) next = next.nextElementSibling;
    else table.body.insertBefore(row.element, next);
    if (isNew || !isHere || changes.includes(true)) yield;
  }
}
