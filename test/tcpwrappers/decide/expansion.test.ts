import * as fc from 'fast-check';
import t from 'tap';

import type { Found, Need } from '../../../lib/tcpwrappers/connection/need.ts';
import { resolveNow } from '../../support/resolve-now.ts';
import { makeRequest, type RequestDescription } from '../../../lib/tcpwrappers/connection/request-info.ts';
import { expand, expandBanner, MAX_EXPANSION_BYTES } from '../../../lib/tcpwrappers/decide/expansion.ts';

const ends = {
  daemon: 'sshd',
  client: { address: '10.0.0.1', port: 4711 },
  server: { address: '10.0.0.2', port: 22 },
  pid: 42,
} as const;

function answer(need: Need): Found {
  if (need.kind === 'name') return need.end === 'client' ? 'host.example.com' : 'www.example.com';
  return need.kind === 'user' ? 'joe' : undefined;
}

function run(text: string, request: RequestDescription = ends, make = expand) {
  const needs: string[] = [];
  const result = resolveNow(make(text, makeRequest(request)), (need) => {
    needs.push(need.kind === 'name' ? need.end : need.kind);
    return answer(need);
  });
  return { ...result, needs };
}

t.test('every letter of hosts_access(5) is replaced', async (t) => {
  t.match(run('%a %A %c %d %h %H %p %r %R %s %%'), {
    text: '10.0.0.1 10.0.0.2 10.0.0.1 sshd 10.0.0.1 10.0.0.2 42 4711 22 sshd@10.0.0.2 %',
    needs: [],
  });
  t.match(run('%n %N %u'), {
    text: 'host.example.com www.example.com joe',
    needs: ['client', 'server', 'user'],
  });
});

t.test('%c, %h and %s look nothing up, and tell what was looked up before them', async (t) => {
  t.match(run('%c %n %c %u %c'), {
    text: '10.0.0.1 host.example.com host.example.com joe joe@host.example.com',
    needs: ['client', 'user'],
  });
  t.match(run('%s %N %s %H'), {
    text: 'sshd@10.0.0.2 www.example.com sshd@www.example.com www.example.com',
    needs: ['server'],
  });
});

t.test('what is not known is said so', async (t) => {
  const request = { daemon: 'sshd', client: {} };
  t.match(run('%a %c %u %r %R %s', request), { text: 'unknown unknown unknown 0 0 sshd', needs: [] });
  const paranoid = { daemon: 'sshd', client: { address: '10.0.0.1', name: 'paranoid' } };
  t.match(run('%n %h %c', paranoid), { text: 'paranoid 10.0.0.1 10.0.0.1' });
});

t.test('nobody is asked for a user where the ends are of two families', async (t) => {
  const request = { ...ends, server: { address: '::1', port: 22 } };
  t.match(run('%u', request), { text: 'unknown', needs: [] });
});

t.test('a letter that stands for nothing is told, and a % at the end stays', async (t) => {
  t.match(run('a%qb%'), { text: 'ab%', unknownLetters: 'q' });
});

t.test('a shell sees nothing of a name but harmless characters', async (t) => {
  const client = { address: '10.0.0.1', name: '$(id)`id`;|&<>\'"\\\n*?~ \x80-_=+:,./@!%', user: '' };
  t.match(run('%n', { daemon: 'x', client }), {
    text: '__id__id________________-_=+:,./@!%',
  });
  const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const texts = fc.string({ unit: fc.constantFrom('%n', '%u', '%c', '%s', '%h', '%d') });
  fc.assert(
    fc.property(any, any, any, texts, (name, user, daemon, text) => {
      const request = makeRequest({ ...ends, daemon: Buffer.from(daemon.replaceAll('\0', ''), 'latin1') });
      const result = resolveNow(expand(text, request), (need) => (need.kind === 'name' ? name : user));
      return result.kind === 'broken' || /^[A-Za-z0-9!@%_=+:,./-]*$/.test(result.text);
    }),
  );
  t.pass();
});

t.test('8190 bytes may come out, and not one more', async (t) => {
  const most = 'x'.repeat(MAX_EXPANSION_BYTES);
  t.match(run(most), { kind: 'text', text: most });
  t.match(run(`${most}x`), { kind: 'broken', message: 'expansion too long' });
  t.match(run(`${'x'.repeat(MAX_EXPANSION_BYTES - 3)}%d`), { kind: 'broken' });
  t.match(run(`${'x'.repeat(MAX_EXPANSION_BYTES - 4)}%d`), { kind: 'text' });
});

t.test('a banner is sent line by line, with CR LF', async (t) => {
  t.match(run('hello %c\nbye', ends, expandBanner), { text: 'hello 10.0.0.1\r\nbye' });
  t.match(run('\0\0a\n', ends, expandBanner), { text: '\0\0a\r\n' });
  t.match(run('', ends, expandBanner), { text: '' });
});

t.test('a NUL hides the rest of its line of a banner, and joins the next', async (t) => {
  t.match(run('a\n\0b\nc\0d\ne\n', ends, expandBanner), { text: 'a\r\nce\r\n' });
});

t.test('a newline in brackets is sent as it is, as far as libwrap reads a line at once', async (t) => {
  t.match(run('[a\nb\n', ends, expandBanner), { text: '[a\nb\r\n' });
  const longest = `[${'x'.repeat(8188)}`;
  t.match(run(`${longest}\n`, ends, expandBanner), { text: `${longest}\n` });
  t.match(run(`${longest}x\n`, ends, expandBanner), { text: `${longest}x\r\n` });
});

t.test('a line of a banner may have any length, and what it expands to 8190 bytes', async (t) => {
  for (let length = 8180; length < 8200; length++) {
    const line = 'x'.repeat(length);
    t.match(run(`${line}\n`, ends, expandBanner), { kind: 'text', text: `${line}\r\n` });
  }
  const long = (count: number): string => `${'x'.repeat(count)}%d\n`;
  t.match(run(long(8186), ends, expandBanner), { kind: 'text', text: `${'x'.repeat(8186)}sshd\r\n` });
  t.match(run(long(8187), ends, expandBanner), { kind: 'broken', message: 'expansion too long' });
});

t.test('a banner is bounded', async (t) => {
  const result = run('%d\n'.repeat(1_000_000), ends, expandBanner);
  t.ok(result.kind === 'text' && result.text.length <= 1 << 20);
});
