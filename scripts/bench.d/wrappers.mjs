// Compares decisions of openHosts() in this process with those of libwrap's hosts_access() in a loop in C. The last rule of
// hosts.allow matches.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { openHosts } from '../../dist/lib/tcpwrappers/index.js';
import { median, row } from './table.mjs';

const request = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'host.example.com' } };
const GOALS = { 10: 1.25, 1000: 4, 10000: 2 };

/** Rules for a few daemons, as administrators write them. Only the last one matches the client. */
export function makeRules(count) {
  const daemons = ['sshd', 'vsftpd', 'sshd, vsftpd', 'in.telnetd', 'ALL'];
  const clients = [
    (i) => `11.${(i >> 8) & 255}.${i & 255}.1`,
    (i) => `12.${(i >> 8) & 255}.${i & 255}.0/255.255.255.0`,
    (i) => `.sub${i}.example.org`,
    (i) => `13.${(i >> 8) & 255}.${i & 255}.`,
    (i) => `[2001:db8:${i.toString(16)}::]/48`,
  ];
  const rules = Array.from(
    { length: count - 1 },
    (_, i) => `${daemons[i % daemons.length]}: ${clients[(i * 7 + (i >> 3)) % clients.length](i)}\n`,
  );
  return `${rules.join('')}sshd: 10.0.0.1\n`;
}

/** libwrap; `microseconds(count)` is the time of so many decisions. */
function startLibwrap(binary, allow, deny) {
  const { daemon, client } = request;
  const child = spawn(binary, [allow, deny, daemon, client.address, client.name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async microseconds(count) {
      child.stdin.write(`${count}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('hosts_access() has refused');
      return Number(value);
    },
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}

async function ourMicroseconds(hosts, count) {
  const begin = performance.now();
  for (let i = 0; i < count; i++) {
    const { verdict } = await hosts.check(request);
    if (verdict !== 'granted') throw new Error('check() has refused');
  }
  return (performance.now() - begin) * 1000;
}

/** The number of decisions that take about as long as a turn. */
async function fit(measure, turnUs) {
  for (let count = 1; ; count *= 2) {
    const us = await measure(count);
    if (us > turnUs / 4) return Math.max(1, Math.round((count * turnUs) / us));
  }
}

async function measure(count, binary, prefix, rounds) {
  const [allow, deny] = ['allow', 'deny'].map((name) => `${prefix}.${name}`);
  writeFileSync(allow, makeRules(count));
  writeFileSync(deny, 'ALL: ALL\n');
  // the files must be old enough that their times are trusted
  await new Promise((done) => setTimeout(done, 50));
  const hosts = openHosts({ allow, deny });
  const libwrap = startLibwrap(binary, allow, deny);
  const ours = (decisions) => ourMicroseconds(hosts, decisions);
  const theirs = (decisions) => libwrap.microseconds(decisions);
  await ours(20_000); // compile and warm up before it counts
  const [ourTurn, theirTurn] = [await fit(ours, 20_000), await fit(theirs, 20_000)];
  const [our, their] = [[], []];
  for (let round = 0; round < rounds; round++) {
    our.push((await ours(ourTurn)) / ourTurn);
    their.push((await theirs(theirTurn)) / theirTurn);
  }
  await libwrap.stop();
  return { our: median(our), their: median(their) };
}

/** Decisions per second. */
export async function tcpwrappers({ hostsAccess, rounds, note }) {
  if (!existsSync(hostsAccess)) {
    note('libwrap0-dev is not installed: left out');
    return [];
  }
  const directory = mkdtempSync(join(tmpdir(), 'uchroot-bench-'));
  // as deep as /etc/hosts.allow: both resolve the path each time
  const prefix = `${directory}.hosts`;
  try {
    const results = new Map();
    for (const count of [10, 1000, 10000])
      results.set(count, await measure(count, hostsAccess, prefix, rounds));
    return [...results].map(([count, { our, their }]) =>
      row(`decisions/s v hosts_access(), ${count} rules`, their / our, ['>=', GOALS[count]]),
    );
  } finally {
    for (const path of [directory, `${prefix}.allow`, `${prefix}.deny`])
      rmSync(path, { recursive: true, force: true });
  }
}
