// Numbers and names for people.

const $ = (id) => document.getElementById(id);
const short = (id) => id.slice(0, 8);
const cellText = (cell) => '(' + cell.join(', ') + ')';
const sameCell = (a, b) => a.length === b.length && a.every((one, axis) => one === b[axis]);
const plural = (count, one, more = one + 's') => `${count.toLocaleString('en')} ${count === 1 ? one : more}`;

// With a capital letter.
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function bytesText(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${unit === 0 || bytes >= 100 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

function msText(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms >= 100 ? Math.round(ms) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

function agoText(seconds) {
  if (seconds < 2) return 'now';
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

// An element with its children; texts are texts, whatever is in them.
function make(name, attributes, ...children) {
  const element = name.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Replaces what is in an element, only where it is not the same already, so that a reader keeps the place.
function show(element, ...children) {
  const next = make('div', null, ...children);
  if (element.innerHTML !== next.innerHTML) element.replaceChildren(...next.childNodes);
}

// Both touch an element only where something changes, and say whether they did.
function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return false;
  element.setAttribute(name, value);
  return true;
}
