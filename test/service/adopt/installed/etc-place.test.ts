// Which paths of /etc a service names, and what is mounted for them.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

import t from 'tap';

import { openEtcPlaces } from '../../../../lib/service/adopt/installed/service-configuration.ts';
import { namedInEtc } from '../../../../lib/service/adopt/installed/service-configuration.ts';
import { makeDirectory } from '../../../support/directory.ts';

t.test('paths are found in words, options, lists and scripts', async (t) => {
  const found = (text: string): readonly string[] => namedInEtc(text);
  t.same(found('/etc/web.conf'), ['/etc/web.conf']);
  t.same(found('--config=/etc/web/main.conf'), ['/etc/web/main.conf']);
  t.same(found('-c/etc/web.conf'), ['/etc/web.conf']);
  t.same(found('[ -r /etc/default/${NAME} ] && . /etc/default/${NAME}'), ['/etc/default']);
  t.same(found(`open("/etc/a.conf"), open('/etc/b@c/d')`), ['/etc/a.conf', '/etc/b@c/d']);
  t.same(found('reads /etc/web.conf.'), ['/etc/web.conf']);
  for (const none of ['/usr/etc/web', '/etc', '/etc/', './etc/web', '/etc/../root/key', 'x/etc/web'])
    t.same(found(none), [], none);
});

t.test('a directory with a secret of others is not mounted, but its other files are', async (t) => {
  const top = makeDirectory(t);
  chmodSync(makeDirectory(t), 0o700); // so that what is above is not mounted
  mkdirSync(`${top}/open/inner`, { recursive: true });
  mkdirSync(`${top}/private`);
  for (const name of ['main', 'open/inner/conf', 'private/key']) writeFileSync(`${top}/${name}`, '');
  symlinkSync(`${top}/private/key`, `${top}/link`);
  const place = (path: string, isOwn?: (secret: string) => boolean): string | undefined =>
    openEtcPlaces().of(`${top}${path}`, isOwn)?.replace(top, '');
  t.equal(place('/open/inner/conf'), '');
  chmodSync(`${top}/private`, 0o710);
  t.equal(place('/open/inner/conf'), '/open');
  t.equal(place('/main'), '/main');
  t.equal(place('/private/key'), undefined);
  t.equal(place('/link'), undefined, 'a link leads to it');
  t.equal(
    place('/private/key', (secret) => secret === `${top}/private`),
    '',
  );
  t.equal(place('/gone'), undefined);
});

t.test('the files of init, cron and the like are not mounted, but for one in /etc/default', async (t) => {
  const places = openEtcPlaces();
  for (const path of ['/etc/default', '/etc/init.d/procps', '/etc/cron.d', '/etc/systemd/system'])
    t.equal(places.of(path), undefined, path);
});
