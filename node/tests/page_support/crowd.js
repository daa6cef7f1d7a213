// Before the page sees them, a small node's answers become those of a node with MADE_UP neighbours on three axes of 16, each of which
// changes all it can from look to look, while 6,000 steps of requests a second are told, 300 at a time.
(() => {
  const SIDE = 16;
  const id = (number) => number.toString(16).padStart(64, '0');
  const any = (most) => Math.floor(Math.random() * most);
  let own = [0, 0, 0];
  const onLines = (number) => own.map((one, axis) => (axis === number % 3 ? Math.floor(number / 3) % SIDE : one));
  const made = (one) => Array.from({ length: MADE_UP }, (_, number) => ({ id: id(number), cell: onLines(number), ...one() }));
  const change = {
    '/v1/status': (status) => { own = [...status.cell, 0]; return { ...status, cell: own, dims: 3, side: SIDE, neighbours: MADE_UP }; },
    '/v1/peers': () => ({ peers: made(() => ({ neighbour: true, linked: any(2) === 0, leaf: false, latency_ms: any(1e6) / 1e4, load: any(1e5) })) }),
    '/v1/ledger': () => ({ accounts: made(() => ({ given: any(1e9), received: any(1e9), balance: any(1e9) - 5e8, served: any(1e3), asked: 1e3,
      served_by_it: any(1e3), asked_of_it: 1e3, verdict: ['open', 'fair', 'leech'][any(3)] })) }),
  };
  function step(number) {
    const [from, to] = [onLines(any(256)), onLines(any(256))];
    return { event: 'seen', step: ['hop', 'hop', 'refused', 'back'][number % 4], request: String(number >> 2), kind: 'get', from, to, target: to,
      answered: to, outcome: 'done', reason: 'busy', at_micros: 1000 * number };
  }
  function events(signal) {
    let number = 0;
    const tell = (stream) => {
      const burst = Array.from({ length: 300 }, () => { number += 1; return step(number); });
      stream.enqueue(new TextEncoder().encode([...burst, { event: 'neighbour_up' }].map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')));
    };
    const stream = new ReadableStream({ start: (to) => { const timer = setInterval(tell, 50, to); signal?.addEventListener('abort', () => clearInterval(timer)); } });
    return new Response(stream);
  }
  const ask = window.fetch.bind(window);
  window.fetch = async (path, options) => {
    if (path === '/v1/events') return events(options.signal);
    const answer = await ask(path, options);
    return change[path] && answer.ok ? Response.json(change[path](await answer.json())) : answer;
  };
})();
