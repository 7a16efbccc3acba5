// The server of doc/library.md that gives each connection to a prepared launch.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';

import t, { type Test } from 'tap';

import { libraryUrl } from '../support/child.ts';
import { makeDirectory } from '../support/directory.ts';
import { readBlocks } from '../support/page.ts';
import { makeJail } from '../support/programs.ts';
import { unlessRoot } from '../support/root.ts';
import { eventually, plainEnv, text } from '../support/service.ts';

const skip = unlessRoot();
const example =
  readBlocks('doc/library.md').find((block) => block.text.includes('pauseOnConnect'))?.text ?? '';

// Starts the server of the page with a program and an address of this test.
function serve(t: Test, program: string) {
  const path = join(makeDirectory(t), 'socket');
  const replaced: readonly (readonly [string, string])[] = [
    ["'/srv/jail'", JSON.stringify(makeJail(t, 'actor'))],
    ["'sam'", "'61141:61141'"],
    ["'/usr/bin/gs', args: ['-q', '-']", `'${program}', args: ['cat']`],
    ['7000', JSON.stringify(path)],
  ];
  const script = replaced.reduce((all, [from, to]) => {
    t.equal(all.split(from).length, 2, `the example has ${from} once`);
    return all.replace(from, to);
  }, example);
  const library = libraryUrl('public-api.js');
  const imports = `import { createServer } from 'node:net'; import { openJail } from ${JSON.stringify(library)};`;
  const server = spawn(process.execPath, ['--input-type=module', '-e', `${imports}\n${script}`], {
    env: plainEnv(),
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const ask = async (question: string): Promise<string> => {
    const client = connect(path);
    client.end(question);
    return text(client);
  };
  return { server, path, ask };
}

const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path, () => resolve(true)).on('error', () => resolve(false));
    probe.end();
  });

const untilListening = async (path: string): Promise<void> => {
  while (!(await isListening(path))) await new Promise((resolve) => setTimeout(resolve, 20));
};

t.test('a client gets the answer, and the end of the connection', { skip }, async (t) => {
  const { path, ask } = serve(t, '/actor');
  await untilListening(path);
  const answers = await Promise.all(['one', 'two'].map(ask));
  t.same(answers, ['one', 'two']);
});

t.test('a launch that fails ends its connection, and the server goes on', { skip }, async (t) => {
  const { server, path, ask } = serve(t, '/none');
  let told = '';
  server.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await untilListening(path);
  // the server may have ended the connection before the client does
  const endOf = ({ code }: NodeJS.ErrnoException) => (code === 'EPIPE' || code === 'ECONNRESET' ? '' : code);
  for (let i = 0; i < 2; i++) t.equal(await ask('').catch(endOf), '');
  t.ok(await eventually(() => /LaunchError: [^\n]*not found in the jail/.test(told)));
  t.equal(server.exitCode, null);
});
