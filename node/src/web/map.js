// The grid as a board of two axes through this node's cell. What lies on its lines it knows; the rest it does not need to.

const map = { x: 0, y: 1, at: null, cells: new Map(), key: '', dims: 0 };

const axisName = (axis) => 'xyzuvw'[axis] || `axis ${axis}`;

// A cell of the board, as the coordinates of the whole grid.
function boardCell(status, column, row) {
  const cell = [...status.cell];
  cell[map.x] = column;
  if (map.dims > 1) cell[map.y] = row;
  return cell;
}

// Where a cell of the grid is on the board; the other axes are looked along.
const placeOf = (cell) => `${cell[map.x]}:${map.dims > 1 ? cell[map.y] : 0}`;

function chooseAxes(status) {
  if (map.dims === status.dims) return;
  map.dims = status.dims;
  map.x = 0;
  map.y = status.dims > 1 ? 1 : 0;
  $('axes').hidden = status.dims < 3;
  for (const id of ['axis-x', 'axis-y']) {
    const options = [...Array(status.dims).keys()].map((axis) => make('option', { value: axis }, axisName(axis)));
    $(id).replaceChildren(...options);
  }
  $('axis-x').value = map.x;
  $('axis-y').value = map.y;
}

function pickAxis(name, axis) {
  const other = name === 'x' ? 'y' : 'x';
  if (map[other] === axis) map[other] = map[name];
  map[name] = axis;
  $('axis-x').value = map.x;
  $('axis-y').value = map.y;
  map.key = '';
  map.at = null;
  draw();
}

// How many nodes this node knows in each cell, itself included.
function population(status, peers) {
  const known = new Map();
  const add = (cell) => known.set(cell.join(), (known.get(cell.join()) || 0) + 1);
  add(status.cell);
  peers.filter((peer) => !peer.leaf).forEach((peer) => add(peer.cell));
  return known;
}

function aboutCell(status, cell, count) {
  const apart = cell.filter((one, axis) => one !== status.cell[axis]).length;
  const where = apart === 0 ? "this node's own cell" : apart === 1 ? 'on a line of this node' : 'off its lines';
  if (count) return `${cellText(cell)}: ${plural(count, 'node')}, ${where}`;
  return `${cellText(cell)}: ${apart === 1 ? 'nobody known, on a line of this node' : 'unknown, ' + where}`;
}

function build(status) {
  const rows = status.dims > 1 ? status.side : 1;
  const key = `${status.dims} ${status.side} ${map.x} ${map.y} ${status.cell}`;
  if (map.key === key) return;
  map.key = key;
  map.cells.clear();
  const board = $('map');
  board.style.setProperty('--side', status.side);
  board.style.setProperty('--rows', rows);
  board.classList.toggle('middle', status.side > 5 && status.side <= 12);
  board.classList.toggle('dense', status.side > 12);
  board.setAttribute('role', 'grid');
  board.setAttribute('aria-labelledby', 'map-title');
  const lines = [];
  for (let row = 0; row < rows; row += 1) {
    const line = make('div', { role: 'row' });
    for (let column = 0; column < status.side; column += 1) {
      const element = make('button', { role: 'gridcell', type: 'button', tabindex: -1 });
      const place = { element, cell: boardCell(status, column, row), column, row };
      element.addEventListener('focus', () => point(place));
      element.addEventListener('mouseenter', () => tell(place));
      element.addEventListener('mouseleave', () => tell(map.at));
      element.addEventListener('keydown', (event) => step(event, place, status.side, rows));
      map.cells.set(placeOf(place.cell), place);
      line.append(element);
    }
    lines.push(line);
  }
  board.replaceChildren(...lines, make('svg:svg', { id: 'moves', 'aria-hidden': 'true', viewBox: `0 0 ${status.side} ${rows}`, preserveAspectRatio: 'none' }));
  map.at = map.cells.get(placeOf(status.cell));
  map.at.element.tabIndex = 0;
}

function point(place) {
  if (map.at) map.at.element.tabIndex = -1;
  map.at = place;
  place.element.tabIndex = 0;
  tell(place);
}

function tell(place) {
  if (place) show($('cell-text'), place.element.getAttribute('aria-label') || '');
}

function step(event, place, side, rows) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const [across, down] = moves[event.key] || [0, 0];
  let [column, row] = [place.column + across, place.row + down];
  if (event.key === 'Home') column = 0;
  if (event.key === 'End') column = side - 1;
  if (column === place.column && row === place.row) return;
  event.preventDefault();
  if (column < 0 || row < 0 || column >= side || row >= rows) return;
  for (const next of map.cells.values()) if (next.column === column && next.row === row) next.element.focus();
}

function drawMap(status, peers) {
  chooseAxes(status);
  build(status);
  const known = population(status, peers);
  const most = Math.max(...known.values());
  for (const { element, cell } of map.cells.values()) {
    const count = known.get(cell.join()) || 0;
    const apart = cell.filter((one, axis) => one !== status.cell[axis]).length;
    const shade = count === 0 ? 'n0' : `n${1 + Math.min(3, Math.floor((4 * (count - 1)) / most))}`;
    const kind = apart === 0 ? 'own' : apart === 1 ? (count ? 'line' : 'line vacant') : count ? 'known' : 'unknown';
    const name = `cell ${kind} ${shade}`;
    if (element.className !== name) element.className = name;
    const label = aboutCell(status, cell, count);
    if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
    element.dataset.cell = cell.join();
    element.dataset.count = count;
    const text = count ? String(count) : '';
    if (element.textContent !== text) element.textContent = text;
  }
  tell(map.at);
}

// A move from cell to cell; it fades.
function drawMove(from, to, kind) {
  const [a, b] = [map.cells.get(placeOf(from)), map.cells.get(placeOf(to))];
  const svg = $('moves');
  if (!a || !b || !svg || document.hidden) return;
  const middle = (place) => [place.column + 0.5, place.row + 0.5];
  const [[x1, y1], [x2, y2]] = [middle(a), middle(b)];
  const mark = a === b
    ? make('svg:circle', { class: `move ${kind}`, cx: x1, cy: y1, r: 0.3 })
    : make('svg:line', { class: `move ${kind}`, x1, y1, x2, y2 });
  svg.append(mark);
  while (svg.childNodes.length > 48) svg.firstChild.remove();
  setTimeout(() => mark.remove(), 2600);
}
