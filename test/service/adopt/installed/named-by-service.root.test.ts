// Whose configuration a service reads decides what its jail gets.
import { chmodSync, chownSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { textsOf } from '../../../../lib/service/adopt/installed/named-by-service.ts';
import { toInstalled } from '../../../../lib/service/adopt/installed/installed-service.ts';
import { unlessRoot } from '../../../support/root.ts';

t.test(
  'text behind a link that another user has put there is not the configuration of root',
  { skip: unlessRoot() },
  async (t) => {
    const top = t.testdir({ other: {}, own: {}, foreign: {} });
    writeFileSync(`${top}/other/x.conf`, 'data_directory = /var/lib/other\n', { mode: 0o644 });
    for (const name of ['own', 'foreign']) symlinkSync(`${top}/other`, `${top}/${name}/link`);
    chownSync(`${top}/foreign`, 61_172, 0);
    const read = (path: string) =>
      textsOf(toInstalled({ Id: 'web.service' }), [], [], { words: [`--config=${path}`], assignments: [] });
    const [text] = read(`${top}/other/x.conf`).configuration;
    t.match(text, 'data_directory');
    t.match(read(`${top}/own/link/x.conf`), { configuration: [text], foreign: [] });
    t.match(read(`${top}/foreign/link/x.conf`), { configuration: [], foreign: [text] });
  },
);

t.test(
  'the files that a configuration includes are read, but for those that others can write to',
  { skip: unlessRoot() },
  async (t) => {
    const top = t.testdir({
      'rsyncd.conf': '',
      d: { 'a.conf': '[a]\npath = /srv/a\n', 'b.inc': 'path = /srv/no\n' },
      m: { 'b.inc': '', 'c.conf': 'path = /srv/no\n' },
      'loop.conf': '',
      open: { 'x.conf': 'path = /srv/no\n' },
      'open.conf': 'path = /srv/no\n',
    });
    chmodSync(`${top}/open`, 0o777);
    chmodSync(`${top}/open.conf`, 0o666);
    const included = ['d', 'loop.conf', 'open', 'open.conf', 'gone'].map((name) => `&include ${top}/${name}`);
    writeFileSync(`${top}/rsyncd.conf`, `${included.join('\n')}\n &MERGE = ${top}/m/\n# &include ${top}/m\n`);
    writeFileSync(`${top}/m/b.inc`, `[b]\npath = /srv/b\n&include ${top}/loop.conf\n`);
    writeFileSync(`${top}/loop.conf`, `path = /srv/loop\n&merge ${top}/loop.conf\n`);
    const read = (program: string) =>
      textsOf(toInstalled({ Id: 'x.service', ExecStartEx: [[program, [program], []]] }), [], [], {
        words: [`--config=${top}/rsyncd.conf`],
        assignments: [],
      });
    const { configuration, foreign, included: places } = read('/usr/bin/rsync');
    t.same(configuration.join('').match(/\/srv\/\w+/g), ['/srv/a', '/srv/loop', '/srv/b']);
    t.same(
      places,
      ['d', 'loop.conf', 'm'].map((name) => `${top}/${name}`),
    );
    t.same(foreign, []);
    t.same(read('/usr/bin/other').included, []);
  },
);
