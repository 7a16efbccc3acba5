// A host of plug-ins: node plug-ins.mjs DIRECTORY [MS], as root. Each file of the directory is a module whose default export is a function.
// A line `NAME {"any": "JSON"}` of standard input calls that of NAME.mjs, and its answer is printed. It may take MS milliseconds.
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { buildJail, openJail } from 'uchroot';

// It runs in the jail: a line of JSON for each request and for each answer.
const runner = `import { createInterface } from 'node:readline';
const { default: call } = await import('data:text/javascript,' + encodeURIComponent(process.argv[1]));
const tell = (answer) => process.stdout.write(JSON.stringify(answer) + '\\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { id, data } = JSON.parse(line);
  await Promise.resolve(data).then(call).then((result) => tell({ id, result }), (error) => tell({ id, error: String(error) }));
}`;

const [plugInDirectory, answerTimeoutMs = 2000] = process.argv.slice(2);
const directory = process.env.JAIL ?? '/srv/plug-ins';
await buildJail({ directory, programs: [process.execPath] });
const jail = await openJail(directory, { untrusted: true, pids: 32, time: 86_400 }); // at most a day for each program
// one program for each plug-in; if it ends, or does not answer in time, the next request gets another one
const node = { program: process.execPath, size: 1, answerTimeoutMs: Number(answerTimeoutMs) };
const plugIns = new Map();
for (const file of (await readdir(plugInDirectory)).filter((name) => name.endsWith('.mjs'))) {
  const code = await readFile(`${plugInDirectory}/${file}`, 'utf8');
  const args = ['--max-old-space-size=128', '--input-type=module', '-e', runner, code];
  plugIns.set(file.slice(0, -4), jail.pool({ ...node, args }));
}
const ask = async ([name, data]) => plugIns.get(name)?.ask(JSON.parse(data)) ?? 'no such plug-in';
for await (const line of createInterface({ input: process.stdin })) {
  const words = line.split(/ (.*)/);
  const told = ask(words).then(JSON.stringify, (error) => `failed: ${error.message.split('\n')[0]}`);
  void told.then((text) => console.log(words[0], text));
}
await Promise.all([...plugIns.values()].map((pool) => pool.close()));
jail.close();
