// Loaded into uchroot-inetd: how long a turn of its event loop took at most, and what its objects take. At each SIGUSR2 the objects
// are measured; the turns count from the first one on. The figures are written to the file SOAK_FIGURES at the end.
const { openSync, readSync, writeFileSync } = require('node:fs');

const file = process.env.SOAK_FIGURES;
const fd = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const bytes = Buffer.alloc(128);

/** How long this thread has run, and has waited for a CPU while it could run (sched-stats.rst of the kernel). */
function spentMs() {
  const [ran, waited] = bytes.latin1Slice(0, readSync(fd, bytes, 0, 128, 0)).split(' ');
  return { ran: ran / 1e6, waited: waited / 1e6 };
}

let [last, spent] = [performance.now(), spentMs()];
let [computedMs, heldMs, gapMs] = [0, 0, 0];
setInterval(() => {
  const [now, spentNow] = [performance.now(), spentMs()];
  const gap = now - last;
  gapMs = Math.max(gapMs, gap);
  computedMs = Math.max(computedMs, spentNow.ran - spent.ran);
  heldMs = Math.max(heldMs, gap - (spentNow.waited - spent.waited));
  [last, spent] = [now, spentNow];
}, 1).unref();
const objectsKb = [];
process.on('SIGUSR2', () => {
  global.gc();
  const { heapUsed, external } = process.memoryUsage();
  objectsKb.push((heapUsed + external) / 1024);
  if (objectsKb.length === 1) computedMs = heldMs = gapMs = 0;
  [last, spent] = [performance.now(), spentMs()]; // this turn does not count
});
process.on('exit', () => writeFileSync(file, JSON.stringify({ computedMs, heldMs, gapMs, objectsKb })));
