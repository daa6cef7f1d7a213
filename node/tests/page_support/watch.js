// What the page does to its document, and how long the browser is busy with it: `watched.report()`. Runs before the page's own script.
window.watched = (() => {
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration))).observe({ type: 'longtask', buffered: true });
  let [changes, most, frames, longest] = [0, 0, 0, 0];
  const all = (nodes) => [...nodes].reduce((sum, node) => sum + 1 + (node.querySelectorAll ? node.querySelectorAll('*').length : 0), 0);
  // It is called after each piece of script that changed something.
  new MutationObserver((records) => {
    const here = records.reduce((sum, one) => sum + (one.type === 'childList' ? all(one.addedNodes) + all(one.removedNodes) : 1), 0);
    changes += here;
    most = Math.max(most, here);
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (draw) => request((now) => {
    const began = performance.now();
    draw(now);
    frames += 1;
    longest = Math.max(longest, performance.now() - began);
  });
  return { report: () => ({ longest_task_ms: Math.max(0, ...tasks), long_tasks: tasks.length, tasks_over_100_ms: tasks.filter((ms) => ms > 100).length,
    changes, most_changes_at_once: most, frames_drawn: frames, longest_drawing_ms: longest, seconds: performance.now() / 1000 }) };
})();
