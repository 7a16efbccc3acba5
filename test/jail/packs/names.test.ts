import t from 'tap';

import type { Tree } from '../../support/binary/image.ts';
import { makeLibrary, makeProgram, pathsIn, planOf, writtenIn } from '../../support/jail/jail.ts';

const program = (...imports: readonly string[]): Tree => ({ '/bin/p': makeProgram({ imports }) });
const modules = (...names: readonly string[]): Tree =>
  Object.fromEntries(names.map((name) => [`/lib/sys/libnss_${name}.so.2`, makeLibrary()]));

function reduced(conf: string, ...installed: readonly string[]): string | undefined {
  const tree = { ...program('getaddrinfo'), ...modules(...installed), '/etc/nsswitch.conf': conf };
  return writtenIn(planOf(tree, ['/bin/p']), '/etc/nsswitch.conf');
}

t.test('the accounts of a jail are those in its files', async (t) => {
  t.equal(
    reduced('passwd: files systemd sss\ngroup:\tcompat\nhosts: files dns\n', 'systemd', 'sss', 'compat'),
    'passwd: files\ngroup: files\nhosts: files dns\n',
  );
});

t.test('a module stays if the host has it and it asks no service of the host', async (t) => {
  const conf = 'hosts: files mymachines resolve [!UNAVAIL=return] myhostname extra dns\n';
  t.equal(reduced(conf, 'mymachines', 'resolve', 'myhostname'), 'hosts: files myhostname dns\n');
});

t.test('comments about a service go with it', async (t) => {
  const conf = 'hosts: files mdns4_minimal [NOTFOUND=return] dns [!UNAVAIL=return] myhostname [x=y] [z=y]\n';
  t.equal(
    reduced(conf, 'mdns4_minimal', 'myhostname'),
    'hosts: files dns [!UNAVAIL=return] myhostname [x=y] [z=y]\n',
  );
  t.equal(reduced('hosts: nis [NOTFOUND=return]\n', 'nis'), 'hosts: files\n', 'nothing is left');
});

t.test('comments are dropped, and hosts are always there', async (t) => {
  t.equal(
    reduced('# hosts: nis\n\nservices: db files # both\nnonsense\n'),
    'services: files\nhosts: files dns\n',
  );
  t.equal(reduced(''), 'hosts: files dns\n');
});

t.test('the modules that are named come along', async (t) => {
  const tree = {
    ...program('getservbyname'),
    ...modules('myhostname', 'db', 'files'),
    '/etc/nsswitch.conf': 'hosts: files myhostname\nservices: db files\n',
  };
  const paths = pathsIn(planOf(tree, ['/bin/p']));
  t.ok(paths.has('/lib/sys/libnss_myhostname.so.2'));
  t.ok(paths.has('/lib/sys/libnss_db.so.2'));
  t.notOk(paths.has('/lib/sys/libnss_files.so.2'), 'it is part of the C library');
});

t.test('a program that looks up accounts only needs no nsswitch.conf', async (t) => {
  const tree = {
    ...program('getpwnam'),
    ...modules('files', 'dns'),
    '/etc/nsswitch.conf': 'passwd: files sss\n',
  };
  t.same(
    planOf(tree, ['/bin/p']).packs.map(({ name }) => name),
    ['base'],
  );
});

t.test('files and dns are modules as well before glibc 2.34', async (t) => {
  const tree = {
    ...program('getpwnam'),
    ...modules('files', 'dns', 'nis'),
    '/lib/sys/libc-2.31.so': makeLibrary(),
  };
  const paths = pathsIn(planOf(tree, ['/bin/p']));
  t.ok(paths.has('/lib/sys/libnss_files.so.2'));
  t.ok(paths.has('/lib/sys/libnss_dns.so.2'));
  t.notOk(paths.has('/lib/sys/libnss_nis.so.2'));
});
