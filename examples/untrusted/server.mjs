// A web service that runs code which it does not trust: node server.mjs JAIL COUNT [PORT]
// POST /python or /javascript with the program as body. The answer is one line of JSON for each piece of output, as it comes, and a
// last one with the end: {"out": "…"}, {"err": "…"}, {"exitCode": 0, "signal": null, "limit": null}.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';

import { openJail } from 'uchroot';

const [directory, count, port = '0'] = process.argv.slice(2);
const mostCodeBytes = 1024 * 1024;
const mostOutputBytes = 10 * 1024 * 1024;
const timeoutMs = Number(process.env.TIMEOUT_MS ?? 5000);
const deliveryMs = 3000; // after the program: for a client that reads slowly

// Each reads the program from standard input. The jail has this node, at the same path.
const languages = {
  '/python': { program: '/usr/bin/python3', args: ['-I', '-u', '-'] },
  '/javascript': { program: process.execPath, args: ['--max-old-space-size=128', '-'] },
};

const jail = await openJail(directory, {
  untrusted: true, // doc/untrusted.md: the list
  timeoutMs,
});
let running = 0;

/** Runs the code and writes what it says to the response. A client that goes away, or does not read, ends it. */
async function run(language, request, response) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const { signal } = gone;
  const child = await jail.spawn({ ...language, signal });
  // Or clients that do not read would keep all others out. Node can forget an AbortSignal.timeout() that is only in any().
  const late = setTimeout(() => gone.abort(), timeoutMs + deliveryMs);
  try {
    await converse(child, request, response, signal);
  } finally {
    clearTimeout(late);
    child.kill('SIGKILL');
    await child.exited;
  }
}

async function converse(child, request, response, signal) {
  const closed = once(child, 'close');
  let outputBytes = 0;
  const send = (name) => async (chunks) => {
    for await (const chunk of chunks) {
      outputBytes += Buffer.byteLength(chunk);
      if (outputBytes > mostOutputBytes) child.kill('SIGKILL');
      // a slow client slows the program down: its pipe is not read on
      else if (!response.write(`${JSON.stringify({ [name]: chunk })}\n`))
        await once(response, 'drain', { signal });
    }
  };
  child.stdin.on('error', () => {}); // it may end without reading its code
  await Promise.all([
    pipeline(limited(request), child.stdin).catch(() => child.kill('SIGKILL')),
    send('out')(child.stdout.setEncoding('utf8')),
    send('err')(child.stderr.setEncoding('utf8')),
    closed,
  ]);
  const { exitCode, signal: killedBy, limit } = await child.exited;
  const reached = outputBytes > mostOutputBytes ? 'output' : (limit ?? null);
  response.end(`${JSON.stringify({ exitCode, signal: killedBy, limit: reached })}\n`);
  response.setTimeout(deliveryMs, () => response.destroy()); // a client that does not read the rest
}

async function* limited(request) {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > mostCodeBytes) throw new Error('the program is too long');
    yield chunk;
  }
}

const server = createServer((request, response) => {
  const language = languages[request.url];
  if (request.method !== 'POST' || language === undefined) {
    response.writeHead(404).end();
    return;
  }
  if (running >= Number(count)) {
    response.writeHead(503, { 'retry-after': '1', connection: 'close' }).end();
    return;
  }
  running++;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  run(language, request, response)
    .catch((error) => {
      if (error.name !== 'AbortError') console.error(error);
      response.destroy();
    })
    .finally(() => running--);
});
server.maxConnections = 1000;
server.listen(Number(port), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
