import t from 'tap';

import { bytePath } from '../../../lib/tree/path.ts';
import { optionalPart, type Place, placeOf } from '../../../lib/jail/dpkg/file-place.ts';

const PLACES: Readonly<Record<Place, readonly string[]>> = {
  program: [
    '/usr/bin/git',
    '/usr/sbin/nginx',
    '/bin/sh',
    '/usr/local/bin/x',
    '/usr/games/fortune',
    '/usr/lib/postgresql/17/bin/postgres',
    '/usr/lib/llvm-14/bin/opt',
  ],
  library: [
    '/usr/lib/x86_64-linux-gnu/libssl.so.3',
    '/usr/lib/libfoo.so',
    '/lib/aarch64-linux-gnu/libc.so.6',
    '/usr/lib64/ld-linux-x86-64.so.2',
    '/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1',
  ],
  development: [
    '/usr/include/stdio.h',
    '/usr/lib/x86_64-linux-gnu/libc.a',
    '/usr/lib/x86_64-linux-gnu/crt1.o',
    '/usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc',
    '/usr/lib/x86_64-linux-gnu/perl/5.40.1/CORE/perl.h',
  ],
  state: ['/var/lib/nginx', '/run/redis', '/var/log/x'],
  elsewhere: [
    '/usr/share/doc/git/copyright',
    '/usr/share/man/man1/git.1.gz',
    '/usr/share/locale/de/LC_MESSAGES/git.mo',
    '/usr/share/bash-completion/completions/git',
    '/usr/share/zsh/vendor-completions/_curl',
    '/usr/share/git-core/contrib/hooks/x',
    '/usr/share/vim/vim91/doc/help.txt',
    '/usr/lib/systemd/system/nginx.service',
    '/lib/systemd/system/nginx.service',
    '/etc/init.d/nginx',
    '/etc/cron.daily/x',
    '/etc/logrotate.d/nginx',
    '/etc/default/nginx',
    '/boot/vmlinuz',
    '/usr/src/linux/x',
  ],
  other: [
    '/usr/lib/git-core/git-remote-http',
    '/usr/lib/x86_64-linux-gnu/sasl2/libsasldb.so.2',
    '/usr/lib/x86_64-linux-gnu/ImageMagick-7/coders/png.la',
    '/usr/lib/gcc/x86_64-linux-gnu/12/cc1',
    '/usr/lib/python3.13/json/__init__.py',
    '/usr/lib/python3/dist-packages/botocore/docs/__init__.py',
    '/usr/share/nginx/html/index.html',
    '/usr/share/zsh/functions/Misc/is-at-least',
    '/etc/nginx/nginx.conf',
    '/etc/mime.types',
    '/usr',
    '/',
  ],
};

t.test('the place of a file tells what it is for', async (t) => {
  for (const [place, paths] of Object.entries(PLACES))
    for (const path of paths) t.equal(placeOf(bytePath(path)), place, path);
});

t.test('files of a package that few programs need are told as a whole', async (t) => {
  for (const [path, part] of [
    ['/usr/lib/x86_64-linux-gnu/dri/radeonsi_dri.so', '/usr/lib/x86_64-linux-gnu/dri'],
    ['/usr/lib/jvm/java-17-openjdk-amd64/jmods/java.base.jmod', '/usr/lib/jvm/java-17-openjdk-amd64/jmods'],
    ['/usr/lib/jvm/java-17-openjdk-amd64/lib/src.zip', '/usr/lib/jvm/java-17-openjdk-amd64/lib/src.zip'],
    ['/usr/lib/x86_64-linux-gnu/driver.so', undefined],
  ] as const)
    t.equal(optionalPart(bytePath(path)), part);
});
