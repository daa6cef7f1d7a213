// What changed is drawn in small pieces, some in each frame, so that no key and no touch waits for a large grid.

const PIECES_A_FRAME = 64;
const MS_A_FRAME = 8;

const frames = { asked: false, work: null, again: false };

function wake() {
  if (frames.asked) return;
  frames.asked = true;
  requestAnimationFrame(frame);
}

function frame() {
  frames.asked = false;
  drawMoves();
  drawRoutes();
  const began = performance.now();
  for (let piece = 0; frames.work && piece < PIECES_A_FRAME && performance.now() - began < MS_A_FRAME; piece += 1) {
    if (frames.work.next().done) frames.work = frames.again ? pieces() : null;
    if (!frames.work) break;
  }
  if (frames.work) wake();
}

// Draws all that is known now, when what is being drawn is done: else the last pieces would never have their turn.
function draw() {
  if (!state.status) return;
  if (frames.work) frames.again = true;
  else frames.work = pieces();
  wake();
}

// Draws it at once, whatever is being drawn.
function drawAnew() {
  frames.work = null;
  draw();
}

// Each step does one small thing.
function* pieces() {
  frames.again = false;
  const { status, peers, accounts, servers, warnings } = state;
  drawHead(status);
  drawWarnings(warnings);
  drawFigures(state);
  $('gate').hidden = true;
  $('main').hidden = false;
  yield;
  yield* drawMap(status, peers);
  yield* drawPeers(peers);
  yield* drawLedger(accounts);
  yield* drawTrust(servers);
  drawNode(status);
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
}
