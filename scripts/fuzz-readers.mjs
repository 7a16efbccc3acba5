// Fuzzes readers of bytes (test/fuzz/targets.ts) guided by V8's coverage of blocks: an input that reaches new code
// is mutated further. An input that makes a reader throw what it must not, or take too long or too much memory, is kept in build/fuzz.
//   node scripts/fuzz-readers.mjs [--keep] SECONDS [TARGET...]    SECONDS: of each target; --keep: new seeds go to test/fuzz/seeds
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

const MAX_BYTES = 4096;
/** Inputs between two looks at the coverage, which takes as long as many of them. */
const BATCH = 256;
/** No reader needs this long for MAX_BYTES, even on a loaded machine. */
const HANG_MS = 10_000;
/** Seeds that are kept of a target. */
const MAX_SEEDS = 40;

const seedsOf = (name) => `test/fuzz/seeds/${name}`;

function readSeeds(name) {
  try {
    return readdirSync(seedsOf(name)).map((file) => readFileSync(`${seedsOf(name)}/${file}`));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

const fileOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

class Coverage {
  #session = new Session();
  #seen = new Map();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  // a session of the same thread answers at once
  #post(method, parameters) {
    let answer;
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }

  // Of each script, a byte of 1 for each of its text that has run since the last look. A range without one of its own has the count
  // of the one around it, and outer functions come first.
  *#covered() {
    for (const { url, scriptId, functions } of this.#post('Profiler.takePreciseCoverage').result) {
      if (!url.includes('/dist/')) continue;
      const ranges = functions.flatMap((one) => one.ranges);
      const covered = new Uint8Array(Math.max(...ranges.map(({ endOffset }) => endOffset)));
      for (const { startOffset, endOffset, count } of ranges)
        covered.fill(count > 0 ? 1 : 0, startOffset, endOffset);
      yield [scriptId, covered];
    }
  }

  /** Whether code has run since the last look that had never run; `learns`: it has run from now on. */
  look(learns) {
    let isNew = false;
    for (const [script, covered] of this.#covered()) {
      const before = this.#seen.get(script) ?? new Uint8Array(0);
      const seen = Buffer.alloc(Math.max(before.length, covered.length));
      seen.set(before);
      for (let at = 0; at < covered.length; at++) {
        if (covered[at] <= seen[at]) continue;
        seen[at] = 1;
        isNew = true;
      }
      if (learns) this.#seen.set(script, seen);
    }
    return isNew;
  }
}

const any = (list) => list[randomInt(list.length)];
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const at = (bytes) => randomInt(bytes.length + 1);
const put = (bytes, from, to, middle) => Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)]);
const insert = (bytes, middle) => {
  const place = at(bytes);
  return put(bytes, place, place, middle);
};
const part = (bytes) => {
  const from = at(bytes);
  return bytes.subarray(from, from + randomInt(1, 65));
};

const MUTATIONS = [
  (bytes) => put(bytes, at(bytes), at(bytes), Buffer.alloc(0)),
  (bytes) => insert(bytes, Buffer.from([randomInt(256)])),
  (bytes) => insert(bytes, part(bytes)),
  (bytes, other) => insert(bytes, part(other)),
  (bytes, other) => put(bytes, at(bytes), bytes.length, other.subarray(at(other))),
  (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[randomInt(copy.length)] ^= 1 << randomInt(8);
    return copy;
  },
  (bytes) => {
    const copy = Buffer.from(bytes);
    const size = any([1, 2, 4]);
    if (copy.length < size) return copy;
    const place = randomInt(copy.length - size + 1);
    const value = any(INTERESTING) % 2 ** (8 * size);
    if (randomInt(2) === 0) copy.writeUIntLE(value, place, size);
    else copy.writeUIntBE(value, place, size);
    return copy;
  },
  // a number in a text
  (bytes) =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(/\d+/g, (digits) => (randomInt(3) === 0 ? String(any(INTERESTING)) : digits)),
      'latin1',
    ),
  (bytes) => insert(bytes, Buffer.alloc(randomInt(1, 300), any([0x20, 0x28, 0x5b, 0x7b, 0x22, 0x61, 0x2e]))),
];

const mutate = (corpus) => {
  let bytes = any(corpus);
  for (let count = randomInt(1, 5); count > 0; count--) bytes = any(MUTATIONS)(bytes, any(corpus));
  return Buffer.from(bytes.subarray(0, MAX_BYTES));
};

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- that of a worker has none
const say = (message) => parentPort.postMessage(message);

/** Runs in a thread of its own, which can be ended while it hangs. */
async function fuzz({ name, seconds, shared }) {
  const { planted, targets } = await import('../dist/test/fuzz/targets.js');
  const target = [planted, ...targets].find((one) => one.name === name);
  const now = new Uint8Array(shared);
  const length = new Int32Array(shared, MAX_BYTES, 2);
  const coverage = new Coverage();
  let inputs = 0;
  const faults = [];
  const run = (bytes) => {
    now.set(bytes);
    length[0] = bytes.length;
    length[1] = ++inputs;
    try {
      target.run(Buffer.from(bytes));
      return true;
    } catch (error) {
      faults.push({ fault: bytes, error: error?.stack ?? String(error) });
      return false;
    }
  };

  const corpus = [];
  const fresh = [];
  const begin = [...readSeeds(name), ...target.begin.map((text) => Buffer.from(text, 'latin1'))];
  for (const bytes of begin) if (run(bytes) && coverage.look(true)) corpus.push(bytes);
  // those of a list that reach something new, by halves
  const search = (list) => {
    const good = list.filter(run);
    if (!coverage.look(false)) return;
    if (good.length > 1) {
      search(good.slice(0, good.length >> 1));
      search(good.slice(good.length >> 1));
    } else if (good.every(run) && coverage.look(true)) fresh.push(...good);
  };
  const end = Date.now() + seconds * 1000;
  while (faults.length === 0 && Date.now() < end)
    search(Array.from({ length: BATCH }, () => mutate([...corpus, ...fresh])));
  say({ ...faults[0], inputs, corpus: corpus.length + fresh.length, fresh });
}

function runTarget(name, seconds) {
  const shared = new SharedArrayBuffer(MAX_BYTES + 8);
  const length = new Int32Array(shared, MAX_BYTES, 2);
  return new Promise((done, fail) => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { name, seconds, shared },
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    let last = -1;
    const inputNow = () => Buffer.from(new Uint8Array(shared, 0, length[0]));
    const timer = setInterval(() => {
      if (length[1] === last && last > 0) {
        void worker.terminate();
        endAt(`it takes more than ${HANG_MS} ms`);
      }
      last = length[1];
    }, HANG_MS);
    const end = (result) => {
      clearInterval(timer);
      done(result);
    };
    const endAt = (error) => end({ fault: inputNow(), error, inputs: length[1], corpus: 0, fresh: [] });
    worker.on('message', end);
    worker.on('error', (error) => {
      if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return fail(error);
      endAt('it takes more than 512 MB');
    });
  });
}

async function main([...words]) {
  const keeps = words[0] === '--keep' && words.shift() !== undefined;
  const [seconds, ...names] = words;
  if (!(Number(seconds) > 0)) {
    console.error('fuzz-readers: write: node scripts/fuzz-readers.mjs [--keep] SECONDS [TARGET...]');
    return 2;
  }
  const { targets } = await import('../dist/test/fuzz/targets.js');
  const all = targets.map(({ name }) => name);
  const unknown = names.find((name) => ![...all, 'planted'].includes(name));
  if (unknown !== undefined) {
    console.error(`fuzz-readers: no target ${unknown}; there are ${all.join(', ')}`);
    return 2;
  }
  let status = 0;
  for (const name of names.length > 0 ? names : all) {
    const { inputs, corpus, fresh, fault, error } = await runTarget(name, Number(seconds));
    console.log(`${name}: ${inputs} inputs, ${corpus} reach something of their own`);
    if (fault !== undefined) {
      const file = `build/fuzz/${name}-${fileOf(fault)}`;
      mkdirSync('build/fuzz', { recursive: true });
      writeFileSync(file, fault);
      console.log(`  ${file}: ${error}`);
      status = 1;
    }
    if (!keeps) continue;
    mkdirSync(seedsOf(name), { recursive: true });
    const room = MAX_SEEDS - readSeeds(name).length;
    for (const bytes of fresh.slice(0, Math.max(room, 0)))
      writeFileSync(`${seedsOf(name)}/${fileOf(bytes)}`, bytes);
  }
  return status;
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2));
else await fuzz(workerData);
