// Whose configuration a service reads decides what its jail gets.
import { chownSync, symlinkSync, writeFileSync } from 'node:fs';

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
