// Requests that this node sees, put together from their steps.

const routes = { list: [], missed: 0 };
const ROUTES_KEPT = 12;

const OUTCOMES = {
  done: 'answered', busy: 'too busy', not_found: 'not found', not_stored: 'not stored', vacant: 'nobody there',
  absent: 'node not there', no_way: 'no way', loop: 'been here', not_allowed: 'not allowed', slow: 'somebody was slow',
};

function take(event) {
  if (event.event === 'missed') {
    routes.missed += event.count;
    wake();
  } else if (event.event === 'seen') {
    sighted(event);
  } else {
    refreshSoon();
  }
}

function sighted(seen) {
  showMove(seen.from, seen.to, seen.step);
  let route = routes.list.find((one) => one.request === seen.request);
  if (!route) {
    route = { request: seen.request, kind: seen.kind, since: seen.at_micros, cells: [seen.from], target: seen.target, end: null };
    routes.list.unshift(route);
    routes.list.length = Math.min(routes.list.length, ROUTES_KEPT);
  }
  if (seen.step === 'hop') {
    // After a refusal another way is tried.
    Object.assign(route, { target: seen.target, end: null });
    if (!sameCell(route.cells[route.cells.length - 1], seen.from)) route.cells.push(seen.from);
    route.cells.push(seen.to);
  } else if (seen.step === 'back') {
    route.end = { good: seen.outcome === 'done', text: OUTCOMES[seen.outcome] || seen.outcome, ms: (seen.at_micros - route.since) / 1000 };
    route.answered = seen.answered;
  } else {
    route.end = { good: false, text: OUTCOMES[seen.reason] || seen.reason, ms: (seen.at_micros - route.since) / 1000 };
  }
  route.changed = true;
  wake();
}

function routeItem(route) {
  const own = (cell) => state.status && sameCell(cell, state.status.cell);
  const steps = [];
  route.cells.forEach((cell, place) => {
    if (place) steps.push(make('span', { class: 'arrow', 'aria-label': 'to' }, '→'));
    steps.push(make('span', { class: own(cell) ? 'stop here' : 'stop' }, cellText(cell)));
  });
  const last = route.cells[route.cells.length - 1];
  if (route.target && !sameCell(last, route.target)) {
    steps.push(make('span', { class: 'arrow far', 'aria-label': 'on to' }, '⇢'), make('span', { class: 'stop target' }, cellText(route.target)));
  }
  const end = route.end
    ? make('span', { class: route.end.good ? 'good' : 'bad' }, `${route.end.text}, ${msText(route.end.ms)}`)
    : make('span', { class: 'about' }, 'on its way');
  return make('li', null, make('b', { class: 'kind' }, route.kind || 'request'), make('span', { class: 'way' }, ...steps), end);
}

function drawRoutes() {
  const list = $('routes');
  for (const route of routes.list.filter((one) => one.changed)) {
    const item = routeItem(route);
    if (route.item) route.item.replaceWith(item);
    Object.assign(route, { item, changed: false });
  }
  routes.list.forEach(({ item }, place) => {
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
  });
  while (list.children.length > routes.list.length) list.lastChild.remove();
  setText($('routes-missed'), routes.missed ? `${plural(routes.missed, 'step')} not shown: this page was too slow.` : '');
}
