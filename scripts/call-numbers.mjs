#!/usr/bin/env node
// Prints lib/launch/seccomp/call-numbers.ts, made from the kernel's headers:
//   scripts/call-numbers.mjs [ROOT] >lib/launch/seccomp/call-numbers.ts
// Debian's packages linux-libc-dev, linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross have the headers; ROOT is where they
// are unpacked, / by default. A call whose number the headers do not have yet, and a table without headers, stay as they are in the
// file.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

// The headers of each call table.
const headers = {
  x64: ['usr/include/x86_64-linux-gnu/asm/unistd_64.h'],
  arm64: ['usr/aarch64-linux-gnu/include/asm/unistd_64.h'],
  i386: ['usr/include/x86_64-linux-gnu/asm/unistd_32.h'],
  arm: ['usr/arm-linux-gnueabihf/include/asm/unistd-eabi.h', 'usr/arm-linux-gnueabihf/include/asm/unistd.h'],
};

// From here on a call has the same number everywhere (Documentation/process/adding-syscalls.rst).
const firstShared = 424;
// ARM's own calls (arch/arm/include/uapi/asm/unistd.h)
const armOwn = 0xf0000;

const words = (texts) => texts.join(' ').trim().split(/\s+/);

/** The tables of a module that this script has printed: name to number. */
export function readTables(source) {
  const shared = /const shared = `([^`]*)`/.exec(source)?.[1] ?? '';
  return Object.fromEntries(
    Object.keys(headers).map((name) => {
      const text = new RegExp(`\\b${name}: \`([^\`]*)\``).exec(source)?.[1] ?? '';
      const numbers = new Map();
      let next = 0;
      for (const word of words([text.replace('${shared}', shared)])) {
        if (/^[0-9]+$/.test(word)) next = Number(word);
        else numbers.set(word, next++);
      }
      return [name, numbers];
    }),
  );
}

/** The calls of a table's headers, name to number; undefined without headers. */
export function readHeaders(name, root = '/') {
  const files = headers[name].map((file) => `${root.replace(/\/$/, '')}/${file}`);
  if (!files.every(existsSync)) return undefined;
  const calls = new Map();
  for (const file of files) {
    const text = readFileSync(file, 'latin1');
    for (const [, call, number] of text.matchAll(
      /^#define __NR_(\w+)\s+\(?(?:__NR_SYSCALL_BASE\s*\+\s*)?([0-9]+)\)?/gm,
    ))
      if (!call.includes('SYSCALL')) calls.set(call, Number(number));
    for (const [, call, number] of text.matchAll(/^#define __ARM_NR_(\w+)\s+\(__ARM_NR_BASE\+([0-9]+)\)/gm))
      calls.set(call, armOwn + Number(number));
  }
  return calls;
}

function listed(calls) {
  const text = [];
  let next = 0;
  for (const [call, number] of [...calls].toSorted((a, b) => a[1] - b[1])) {
    if (number !== next) text.push(String(number));
    text.push(call);
    next = number + 1;
  }
  return text;
}

const wrapped = (list) =>
  list
    .join(' ')
    .replace(/(.{1,109})(?: |$)/g, '$1\n')
    .trimEnd();

function print(tables) {
  const all = Object.values(tables);
  const isShared = ([call, number]) =>
    number >= firstShared && all.every((calls) => calls.get(call) === number);
  const shared = [...tables.x64].filter(isShared);
  const texts = Object.entries(tables).map(([name, calls]) => {
    const own = [...calls].filter((entry) => !isShared(entry));
    return `  ${name}: \`\n${wrapped(listed(own))}\n\${shared}\`,\n`;
  });
  return `// The numbers of the system calls: printed by scripts/call-numbers.mjs from the kernel's headers. Do not edit the tables.

// Calls that have the same number in every table.
const shared = \`
${wrapped(listed(shared))}\`;

/** A table lists its calls in the order of their numbers; a number before a name is the number of that call. */
export const callTables = {
${texts.join('')}};
`;
}

function main(root) {
  const file = new URL('../lib/launch/seccomp/call-numbers.ts', import.meta.url);
  const known = readTables(existsSync(file) ? readFileSync(file, 'utf8') : '');
  const tables = Object.entries(known).map(([name, before]) => {
    const found = readHeaders(name, root);
    if (found === undefined) return [name, before];
    const numbers = new Set(found.values());
    return [name, new Map([...found, ...[...before].filter(([, number]) => !numbers.has(number))])];
  });
  process.stdout.write(print(Object.fromEntries(tables)));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv[2]);
