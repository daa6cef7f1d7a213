// What a reader, a finger or a tired eye would complain about, of what can be seen now: `looks.complaints()`.
window.looks = (() => {
  const LEAST_TEXT = 12;
  const LEAST_TARGET = 24;

  const told = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ''}.${element.getAttribute('class') || ''} `
    + `"${element.textContent.trim().slice(0, 30)}"`;

  // For the eyes: neither left out by the browser, nor there for screen readers alone.
  function isSeen(element) {
    if (!element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) return false;
    for (let one = element; one; one = one.parentElement) if (getComputedStyle(one).clipPath.startsWith('inset')) return false;
    return true;
  }

  // A computed colour as red, green, blue of 255 and an opacity of 1.
  function rgba(colour) {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+(?:e-?\d+)?/g).map(Number);
    if (/^rgba?\(/.test(colour)) return [red, green, blue, alpha];
    if (colour.startsWith('color(srgb ')) return [red * 255, green * 255, blue * 255, alpha];
    throw new Error(`a colour of another kind: ${colour}`);
  }

  const over = ([r, g, b, a], [r2, g2, b2]) => [r * a + r2 * (1 - a), g * a + g2 * (1 - a), b * a + b2 * (1 - a), 1];

  // All colours that may lie behind an element; a gradient has several.
  function grounds(element) {
    if (!element) return [[255, 255, 255, 1]];
    const style = getComputedStyle(element);
    const colour = rgba(style.backgroundColor);
    const below = colour[3] === 1 ? [colour] : grounds(element.parentElement).map((one) => over(colour, one));
    const stops = [...style.backgroundImage.matchAll(/(?:rgba?|color)\([^()]*\)/g)].map(([stop]) => rgba(stop));
    return stops.length ? below.flatMap((one) => stops.map((stop) => over(stop, one))) : below;
  }

  // WCAG 2.2, relative luminance and contrast ratio.
  function luminance([red, green, blue]) {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  }
  function ratio(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }
  function opacity(element) {
    let all = 1;
    for (let one = element; one; one = one.parentElement) all *= Number(getComputedStyle(one).opacity);
    return all;
  }
  function contrast(colour, element) {
    const [red, green, blue, alpha] = rgba(colour);
    return Math.min(...grounds(element).map((ground) => ratio(over([red, green, blue, alpha * opacity(element)], ground), ground)));
  }

  function readable(style, element, complain) {
    const size = parseFloat(style.fontSize);
    if (size < LEAST_TEXT) complain(`text of ${size} px`, element);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const found = contrast(style.color, element);
    if (found < (isLarge ? 3 : 4.5)) complain(`contrast of ${found.toFixed(2)}`, element);
  }

  const isSaid = (content) => content !== 'none' && content !== 'normal' && content !== '""';

  function texts() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const text = walker.currentNode;
      const element = text.parentElement;
      if (!text.data.trim() || ['SCRIPT', 'NOSCRIPT', 'OPTION'].includes(element.tagName) || !isSeen(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const box of range.getClientRects()) if (box.width && box.height) found.push({ element, box });
    }
    return found;
  }

  // How much two boxes have in common across and down.
  const common = (a, b) => [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];

  function cut({ element, box }, complain) {
    for (let one = element; one; one = one.parentElement) {
      const outer = one.getBoundingClientRect();
      if (getComputedStyle(one).overflowX === 'auto') return;
      if (getComputedStyle(one).overflowX === 'hidden' && (box.right > outer.right + 1 || box.left < outer.left - 1)) complain('cut off', element);
    }
    if (box.right > innerWidth + 1 || box.left < -1) complain('beyond the edge', element);
  }

  function apart(boxes, what, across, down, complain) {
    boxes.sort((a, b) => a.box.top - b.box.top);
    boxes.forEach((one, place) => {
      for (let other = place + 1; other < boxes.length && boxes[other].box.top < one.box.bottom; other += 1) {
        const [width, height] = common(one.box, boxes[other].box);
        if (width > across && height > down) complain(`${what} over ${told(boxes[other].element)}`, one.element);
      }
    });
  }

  const CONTROLS = 'a[href], button, select, input';

  function complaints() {
    const said = new Set();
    const complain = (what, element) => said.add(`${what}: ${told(element)}`);
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) said.add(`the page is ${page.scrollWidth - page.clientWidth} px too wide`);
    const found = texts();
    for (const one of found) {
      readable(getComputedStyle(one.element), one.element, complain);
      cut(one, complain);
    }
    // The boxes of two lines of text may touch.
    apart(found, 'text', 1, 4, complain);
    const seen = [...document.body.querySelectorAll('*')].filter(isSeen);
    for (const element of seen) {
      for (const part of ['::before', '::after']) {
        const style = getComputedStyle(element, part);
        if (isSaid(style.content)) readable(style, element, complain);
      }
    }
    const controls = seen.filter((element) => element.matches(CONTROLS)).map((element) => ({ element, box: element.getBoundingClientRect() }));
    for (const { element, box } of controls) {
      if (Math.min(box.width, box.height) < LEAST_TARGET) complain(`target of ${box.width} x ${box.height} px`, element);
    }
    apart(controls, 'control', 0.5, 0.5, complain);
    return { complaints: [...said], texts: found.length, controls: controls.length };
  }

  const stops = () => [...document.querySelectorAll(`${CONTROLS}, [tabindex]`)].filter((one) => one.tabIndex >= 0 && one.checkVisibility());

  // Where the focus is, and whether that can be seen.
  function focus() {
    const element = document.activeElement;
    const style = getComputedStyle(element);
    const isOutlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return { place: stops().indexOf(element), told: told(element), seen: isOutlined && isSeen(element) && contrast(style.outlineColor, element.parentElement) >= 3 };
  }

  return { complaints, focus, stops: () => stops().length };
})();
