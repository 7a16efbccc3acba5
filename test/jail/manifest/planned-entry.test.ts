import t from 'tap';

import { type BytePath, bytePath } from '../../../lib/tree/path.ts';
import { type Reason, reasonChain, showReason } from '../../../lib/jail/manifest/planned-entry.ts';

const path = (text: string): BytePath => bytePath(text);

t.test('a reason is a phrase that names who asks and in which words', async (t) => {
  const bash = path('/bin/bash');
  const phrases: readonly [reason: Reason, phrase: string][] = [
    [{ how: 'asked' }, 'asked for'],
    [{ how: 'interpreter', by: bash, as: '/bin/sh -e' }, '#! of /bin/bash'],
    [{ how: 'command', by: bash, as: 'perl' }, 'started by the env line of /bin/bash'],
    [{ how: 'loader', by: bash }, 'loader of /bin/bash'],
    [{ how: 'library', by: bash, as: 'libc.so.6' }, 'needed by /bin/bash as libc.so.6'],
    [{ how: 'dlopen', by: bash, as: 'libx.so' }, 'opened at run time by /bin/bash as libx.so'],
    [{ how: 'package', as: 'git' }, 'package git, asked for'],
    [{ how: 'package', as: 'git', by: bash }, 'package git, which /bin/bash needs'],
    [{ how: 'state', as: 'redis' }, 'where the service of package redis keeps its data'],
    [{ how: 'pack', as: 'tls' }, 'pack tls'],
    [{ how: 'pack', as: 'tls', by: bash }, 'pack tls, which /bin/bash needs'],
    [{ how: 'learned', as: 'nginx -t' }, 'opened by nginx -t'],
    [{ how: 'copied', as: '/etc/x' }, 'to be copied'],
    [{ how: 'way', by: bash }, 'on the way to /bin/bash'],
    [{ how: 'layout' }, 'part of every jail'],
  ];
  for (const [reason, phrase] of phrases) t.equal(showReason(reason), phrase);
});

t.test('a name in a reason is shown in one line', async (t) => {
  const reason: Reason = { how: 'library', by: path('/a\nb'), as: '\x1b[2J' };
  t.equal(showReason(reason), 'needed by /a\\nb as \\x1b[2J');
});

t.test('the chain of reasons goes back to what was asked for', async (t) => {
  const reasons = new Map<BytePath, Reason>([
    [path('/lib/libc.so.6'), { how: 'library', by: path('/bin/sh'), as: 'libc.so.6' }],
    [path('/bin/sh'), { how: 'interpreter', by: path('/srv/script'), as: '/bin/sh' }],
    [path('/srv/script'), { how: 'asked' }],
  ]);
  const chain = reasonChain(path('/lib/libc.so.6'), (at) => reasons.get(at));
  t.same(
    chain.map(({ how }) => how),
    ['library', 'interpreter', 'asked'],
  );
  t.same(
    reasonChain(path('/none'), () => undefined),
    [],
  );
});

t.test(
  'reasons that lead in a circle end where it closes, and one that leads nowhere ends there',
  async (t) => {
    const reasons = new Map<BytePath, Reason>([
      [path('/a'), { how: 'library', by: path('/b'), as: 'a' }],
      [path('/b'), { how: 'library', by: path('/a'), as: 'b' }],
      [path('/self'), { how: 'way', by: path('/self') }],
      [path('/lost'), { how: 'way', by: path('/nowhere') }],
    ]);
    const length = (at: string) => reasonChain(path(at), (one) => reasons.get(one)).length;
    t.equal(length('/a'), 2);
    t.equal(length('/self'), 1);
    t.equal(length('/lost'), 1);
  },
);
