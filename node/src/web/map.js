// The grid as a board of two axes through this node's cell. What lies on its lines it knows; the rest it does not need to.

const map = { x: 0, y: 1, at: null, cells: new Map(), places: new WeakMap(), moves: [], key: '', dims: 0, dense: false };
const MOVES_KEPT = 48;

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
  drawAnew();
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

function* build(status) {
  const rows = status.dims > 1 ? status.side : 1;
  const key = `${status.dims} ${status.side} ${map.x} ${map.y} ${status.cell}`;
  if (map.key === key) return;
  map.key = '';
  map.cells.clear();
  const [board, frame] = [$('map'), $('map-frame')];
  frame.style.setProperty('--side', status.side);
  frame.classList.toggle('middle', status.side > 5 && status.side <= 12);
  map.dense = status.side > 12;
  frame.classList.toggle('dense', map.dense);
  board.replaceChildren();
  for (let row = 0; row < rows; row += 1) {
    const line = make('div', { role: 'row' });
    board.append(line);
    for (let column = 0; column < status.side; column += 1) {
      const cell = boardCell(status, column, row);
      const element = make('button', { role: 'gridcell', type: 'button', tabindex: -1, 'data-cell': cell.join() });
      const place = { element, cell, column, row };
      map.places.set(element, place);
      map.cells.set(placeOf(cell), place);
      line.append(element);
      yield;
    }
  }
  $('moves').setAttribute('viewBox', `0 0 ${status.side} ${rows}`);
  map.key = key;
  map.at = map.cells.get(placeOf(status.cell));
  map.at.element.tabIndex = 0;
  centre(map.at.element);
}

// Where the board is wider than its place, this node's own cell is in the middle.
function centre(element) {
  const frame = $('map-frame');
  frame.scrollLeft = element.offsetLeft + element.offsetWidth / 2 - frame.clientWidth / 2;
}

function wireMap() {
  const board = $('map');
  const on = (name, act) => board.addEventListener(name, (event) => {
    const place = map.places.get(event.target);
    if (place) act(place, event);
  });
  on('focusin', point);
  on('mouseover', tell);
  on('keydown', step);
  board.addEventListener('mouseleave', () => tell(map.at));
  $('moves').addEventListener('animationend', (event) => event.target.remove());
}

function point(place) {
  if (map.at) map.at.element.tabIndex = -1;
  map.at = place;
  place.element.tabIndex = 0;
  tell(place);
}

function tell(place) {
  if (place) setText($('cell-text'), place.element.getAttribute('aria-label') || '');
}

function step(place, event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const [across, down] = moves[event.key] || [0, 0];
  const line = place.element.parentElement;
  let [column, row] = [place.column + across, place.row + down];
  if (event.key === 'Home') column = 0;
  if (event.key === 'End') column = line.children.length - 1;
  if (column === place.column && row === place.row) return;
  event.preventDefault();
  line.parentElement.children[row]?.children[column]?.focus();
}

function* drawMap(status, peers) {
  chooseAxes(status);
  yield* build(status);
  const known = population(status, peers);
  const most = Math.max(...known.values());
  for (const { element, cell } of map.cells.values()) {
    const count = known.get(cell.join()) || 0;
    const apart = cell.filter((one, axis) => one !== status.cell[axis]).length;
    const shade = count === 0 ? 'n0' : `n${1 + Math.min(3, Math.floor((4 * (count - 1)) / most))}`;
    const kind = apart === 0 ? 'own' : apart === 1 ? (count ? 'line' : 'line vacant') : count ? 'known' : 'unknown';
    const changes = [
      setAttribute(element, 'class', `cell ${kind} ${shade}`),
      setAttribute(element, 'aria-label', aboutCell(status, cell, count)),
      setAttribute(element, 'data-count', String(count)),
      setText(element, count ? String(count) : ''),
    ];
    if (changes.includes(true)) yield;
  }
  tell(map.at);
}

// A move from cell to cell is to be seen; of many in one frame only the last are.
function showMove(from, to, kind) {
  if (document.hidden) return;
  map.moves.push({ from, to, kind });
  if (map.moves.length > MOVES_KEPT) map.moves.shift();
  wake();
}

function drawMoves() {
  const marks = map.moves.map(moveMark).filter((mark) => mark);
  map.moves = [];
  const svg = $('moves');
  svg.append(...marks);
  while (svg.childNodes.length > MOVES_KEPT) svg.firstChild.remove();
}

// It fades, and is removed then.
function moveMark({ from, to, kind }) {
  const [a, b] = [map.cells.get(placeOf(from)), map.cells.get(placeOf(to))];
  if (!a || !b) return null;
  // In small cells beside the number, not across it.
  const at = map.dense ? 0.92 : 0.5;
  const middle = (place) => [place.column + at, place.row + at];
  const [[x1, y1], [x2, y2]] = [middle(a), middle(b)];
  return a === b
    ? make('svg:circle', { class: `move ${kind}`, cx: x1, cy: y1, r: map.dense ? 0.12 : 0.18 })
    : make('svg:line', { class: `move ${kind}`, x1, y1, x2, y2 });
}
