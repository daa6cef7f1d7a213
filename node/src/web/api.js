// The node's API. The token is in this tab's memory and session, and in no address: it came behind a '#'.

const KEPT = 'rook-token';

function takeToken() {
  const given = /^#token=([0-9a-f]+)$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(KEPT, given[1]);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(KEPT);
}

const api = { token: takeToken() };

class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `the node answered ${status}`);
    this.status = status;
  }
}

async function ask(path, signal) {
  const headers = { Authorization: `Bearer ${api.token}` };
  const response = await fetch(path, { headers, signal, cache: 'no-store' });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response;
}

const askJson = async (path) => (await ask(path)).json();

// Server-sent events. A browser's own EventSource sends no token, so the stream is read here.
async function follow(path, take, signal) {
  const reader = (await ask(path, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trim());
      if (data.length) take(JSON.parse(data.join('\n')));
    }
  }
}
