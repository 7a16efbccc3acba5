// The same for interpreters and other packs of programs.

import { makeLibrary, makeProgram } from './jail.ts';
import { type Case, library } from './system-cases.ts';

export const INTERPRETERS: readonly Case[] = [
  {
    pack: 'python',
    program: '/usr/bin/python3.13',
    host: {
      '/usr/lib/python3.13/os.py': '',
      '/usr/lib/python3.13/test/x.py': '',
      '/usr/lib/python3.13/__pycache__/os.cpython-313.pyc': '',
      '/usr/lib/python3.9/os.py': '',
    },
    brings: ['/usr/lib/python3.13/os.py'],
    spares: ['/usr/lib/python3.13/test', '/usr/lib/python3.13/__pycache__', '/usr/lib/python3.9'],
  },
  {
    pack: 'perl',
    program: '/usr/bin/perl',
    image: {
      texts: ['/etc/perl', '/usr/share/perl5', '/usr/share/perl/5.40', '/usr/local/share/perl/5.40.1'],
    },
    host: {
      '/usr/share/perl/5.40/strict.pm': '',
      '/usr/share/perl/5.40/pod/perlfunc.pod': '',
      '/usr/share/perl/5.40/pod/perldiag.pod': '',
      '/usr/share/perl5/Debconf.pm': '',
    },
    brings: ['/usr/share/perl/5.40/strict.pm', '/usr/share/perl/5.40/pod/perldiag.pod'],
    spares: ['/usr/share/perl5', '/usr/share/perl/5.40/pod/perlfunc.pod'],
  },
  {
    pack: 'ruby',
    program: '/usr/bin/ruby3.3',
    image: { texts: ['/usr/lib/ruby/3.3.0', '/usr/lib/ruby/vendor_ruby/3.3.0'] },
    host: {
      '/usr/lib/ruby/3.3.0/set.rb': '',
      '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/lib/json.rb': '',
      '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/test/x.rb': '',
      '/var/lib/gems/3.3.0/gems/x-1/x.rb': '',
    },
    brings: ['/usr/lib/ruby/3.3.0/set.rb', '/usr/lib/ruby/gems/3.3.0/gems/json-2.7/lib/json.rb'],
    spares: ['/usr/lib/ruby/gems/3.3.0/gems/json-2.7/test', '/var/lib/gems'],
  },
  {
    pack: 'node',
    program: '/usr/bin/node',
    image: { needed: ['libnode.so.115'] },
    host: {
      ...library('libnode.so.115', '/usr/share/nodejs/acorn/dist/acorn.js'),
      '/usr/share/nodejs/acorn/dist/acorn.js': '',
      '/usr/share/nodejs/acorn/package.json': '',
    },
    brings: ['/usr/share/nodejs/acorn/dist/acorn.js'],
    by: '/lib/sys/libnode.so.115',
    spares: ['/usr/share/nodejs/acorn/package.json'],
  },
  {
    pack: 'php',
    program: '/usr/bin/php8.4',
    image: { texts: ['/etc/php/8.4/cli', '/usr/lib/php/20240924', '/etc/php/8.4/cli/conf.d'] },
    host: {
      '/etc/php/8.4/cli/php.ini': ';extension=old\n',
      '/etc/php/8.4/cli/conf.d/20-curl.ini': { link: '/etc/php/8.4/mods-available/curl.ini' },
      '/etc/php/8.4/mods-available/curl.ini': 'extension=curl.so\n',
      '/usr/lib/php/20240924/curl.so': makeLibrary(),
      '/usr/lib/php/20240924/old.so': makeLibrary(),
    },
    brings: [
      '/etc/php/8.4/cli/php.ini',
      '/etc/php/8.4/mods-available/curl.ini',
      '/usr/lib/php/20240924/curl.so',
    ],
    spares: ['/usr/lib/php/20240924/old.so'],
  },
  {
    pack: 'tcl',
    image: { needed: ['libtcl8.6.so'] },
    host: {
      ...library('libtcl8.6.so', '/usr/share/tcltk/tcl8.6', '/usr/local/lib/tcltk:/usr/share/tcltk'),
      '/usr/share/tcltk/tcl8.6/init.tcl': '',
      '/usr/share/tcltk/tcl8/8.6/http-2.9.tm': '',
      '/usr/share/tcltk/tk8.6/tk.tcl': '',
    },
    brings: ['/usr/share/tcltk/tcl8.6/init.tcl', '/usr/share/tcltk/tcl8/8.6/http-2.9.tm'],
    by: '/lib/sys/libtcl8.6.so',
    spares: ['/usr/share/tcltk/tk8.6'],
  },
  {
    pack: 'lua',
    image: { needed: ['liblua5.4.so.0'] },
    host: {
      ...library(
        'liblua5.4.so.0',
        '/usr/share/lua/5.4/?.lua;/usr/share/lua/5.4/?/init.lua',
        '/lib/sys/lua/5.4/?.so',
      ),
      '/usr/share/lua/5.4/socket.lua': '',
      '/lib/sys/lua/5.4/lfs.so': makeLibrary(),
      '/usr/share/lua/5.1/socket.lua': '',
    },
    brings: ['/usr/share/lua/5.4/socket.lua', '/lib/sys/lua/5.4/lfs.so'],
    by: '/lib/sys/liblua5.4.so.0',
    spares: ['/usr/share/lua/5.1'],
  },
  {
    pack: 'guile',
    image: { needed: ['libguile-3.0.so.1'] },
    host: {
      ...library(
        'libguile-3.0.so.1',
        '/usr/share/guile/3.0',
        '/lib/sys/guile/3.0/ccache',
        '/usr/share/guile/site/3.0',
      ),
      '/usr/share/guile/3.0/ice-9/boot-9.scm': '',
      '/lib/sys/guile/3.0/ccache/ice-9/boot-9.go': '',
    },
    brings: ['/usr/share/guile/3.0/ice-9/boot-9.scm', '/lib/sys/guile/3.0/ccache/ice-9/boot-9.go'],
    by: '/lib/sys/libguile-3.0.so.1',
  },
  {
    pack: 'java',
    program: '/usr/lib/jvm/java-21/bin/java',
    host: {
      '/usr/lib/jvm/java-21/lib/modules': '',
      '/usr/lib/jvm/java-21/lib/server/libjvm.so': makeLibrary(),
      '/usr/lib/jvm/java-21/man/man1/java.1': '',
    },
    brings: ['/usr/lib/jvm/java-21/lib/modules', '/usr/lib/jvm/java-21/lib/server/libjvm.so'],
    spares: ['/usr/lib/jvm/java-21/man'],
  },
  {
    pack: 'cc',
    program: '/usr/bin/sys-gcc-14',
    host: {
      '/var/lib/dpkg/status': { link: '/nowhere' },
      '/usr/bin/sys-ld': makeProgram(),
      '/usr/bin/as': makeProgram(),
      '/usr/include/stdio.h': '',
      '/lib/sys/crt1.o': '',
      '/lib/sys/libc.so': '',
      '/usr/lib/gcc/x86_64-linux-gnu/14/crtbegin.o': '',
    },
    brings: [
      '/usr/bin/sys-ld',
      '/usr/bin/as',
      '/usr/include/stdio.h',
      '/lib/sys/crt1.o',
      '/lib/sys/libc.so',
      '/usr/lib/gcc/x86_64-linux-gnu/14/crtbegin.o',
    ],
  },
  {
    pack: 'gnupg',
    program: '/usr/bin/gpg',
    host: { '/usr/bin/gpg-agent': makeProgram(), '/usr/lib/gnupg/keyboxd': makeProgram() },
    brings: ['/usr/bin/gpg-agent', '/usr/lib/gnupg/keyboxd'],
  },
  {
    pack: 'commands',
    program: '/bin/s',
    host: {
      '/var/lib/dpkg/status': { link: '/nowhere' },
      '/bin/s': '#!/bin/sh\nsort /etc/passwd | /bin/uniq -c\n',
      '/bin/sh': makeProgram(),
      '/bin/sort': makeProgram(),
      '/bin/uniq': makeProgram(),
      '/bin/tsort': makeProgram(),
    },
    brings: ['/bin/sort', '/bin/uniq'],
    spares: ['/bin/tsort'],
  },
  {
    pack: 'local',
    program: '/usr/local/bin/p',
    image: { texts: ['/usr/local/share/data/x', '/usr/local/share/man'] },
    host: {
      '/usr/local/share/data/x': '',
      '/usr/local/share/man/p': '',
      '/usr/local/etc/p/conf': '',
      '/usr/local/share/other/x': '',
    },
    brings: ['/usr/local/share/data/x', '/usr/local/etc/p/conf'],
    spares: ['/usr/local/share/man', '/usr/local/share/other'],
  },
];
