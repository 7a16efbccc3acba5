#!/usr/bin/env node
// Makes the table of services of doc/services.md. It starts each service, asks it by a client, uses its control programs, reload and
// logrotate, adopts it by one command, does all this again, restarts it, and releases it. For root, on a booted Debian 13 where nobody
// needs these services: it writes to their configuration, and stops them.
//
//   scripts/service-table.mjs [--options=WORDS] [--jobs N] [NAME...]
//
// `--options`: further options of adopt. `--jobs`: so many at a time. Each service that is not as before has its problems in the last column,
// and the status is then 1.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { rows } from './service-table.d/rows.mjs';

const command = `${dirname(dirname(fileURLToPath(import.meta.url)))}/dist/bin/uchroot-service.cjs`;

/** Runs a program to its end. */
function run(program, words, timeout = 120_000) {
  const child = spawn(program, words, { timeout, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, out, err }));
  });
}

const shell = (line, timeout) => run('sh', ['-c', line], timeout);
const service = (...words) => run(process.execPath, [command, ...words]);
const firstLine = ({ out, err }) => (err || out).trim().split('\n')[0];

async function exposureOf(unit) {
  const { out } = await shell(`systemd-analyze security --no-pager ${unit} | tail -n 1`);
  return /: ([0-9.]+) /.exec(out)?.[1] ?? '?';
}

/** The answer of the service. It may still start, and answer later. */
async function answerOf(ask, isIt = (text) => text !== '') {
  let text = '';
  for (let tries = 0; tries < 40; tries++) {
    text = (await shell(ask, 20_000)).out.trim();
    if (isIt(text)) break;
    await shell('sleep 0.5');
  }
  return text;
}

/** Uses a service as before and after. @returns the control programs that fail */
async function failing(tools) {
  const failed = [];
  for (const tool of tools) {
    const result = await shell(tool);
    if (result.status !== 0) failed.push(`\`${tool}\`: ${firstLine(result)}`);
  }
  return failed;
}

async function tryAdopted(unit, { ask, tools = [] }, before) {
  const problems = [];
  const compare = async (when) => {
    const now = await answerOf(ask, (text) => text === before);
    if (now !== before) problems.push(`${when} it answers ${JSON.stringify(now.slice(-80))}`);
  };
  await compare('adopted');
  problems.push(...(await failing(tools)));
  await compare('after its control programs');
  problems.push(...(await failing([`systemctl restart ${unit}`])));
  await compare('after a restart');
  return problems;
}

/** Tries a service. @returns its line of the table, and whether it is as before */
async function lineOf(row, options) {
  const { name, client = '', given, ask, tools = [], note = '', after } = row;
  const unit = `${name}.service`;
  const told = (problems, exposure = '') => ({
    line: `| \`${name}\` | ${exposure} | ${client} | ${[...problems, ...(note === '' ? [] : [note])].join('; ')} |`,
    isAsBefore: problems.length === 0,
  });
  if (given !== undefined) await shell(given);
  await shell(`systemctl reset-failed ${unit}; systemctl start ${unit}`);
  try {
    const before = await answerOf(ask);
    if (before === '') return told(['it does not run without a jail']);
    const exposed = await exposureOf(unit);
    const dead = await failing(tools);
    if (dead.length > 0) return told(dead.map((words) => `without a jail ${words}`));
    const adopted = await service('adopt', unit, ...options);
    if (adopted.status !== 0) {
      const isStill = (await answerOf(ask, (text) => text === before)) === before;
      return told([firstLine(adopted), ...(isStill ? [] : ['and it is not as before'])], exposed);
    }
    const exposure = `${exposed}, ${await exposureOf(unit)}`;
    const problems = await tryAdopted(unit, row, before);
    const released = await service('release', unit);
    if (released.status !== 0) problems.push(firstLine(released));
    return told(problems, exposure);
  } finally {
    await shell(`systemctl stop ${unit}`);
    if (after !== undefined) await shell(after);
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { options: { type: 'string', default: '' }, jobs: { type: 'string', default: '1' } },
});
const unknown = positionals.find((name) => !rows.some((row) => row.name === name));
if (unknown !== undefined) throw new Error(`there is no row for ${unknown}`);
const left = rows.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const options = values.options.split(' ').filter((word) => word !== '');

async function work() {
  for (let row = left.shift(); row !== undefined; row = left.shift()) {
    const { line, isAsBefore } = await lineOf(row, options);
    console.log(line);
    if (!isAsBefore) process.exitCode = 1;
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
