// The programs that a program starts, on the smallest system that shows it.

import t from 'tap';

import { elfWithStrings, type MadeSystem } from '../../support/jail/debian.ts';
import { makeProgram } from '../../support/jail/jail.ts';
import { chooseFrom, paths } from '../../support/jail/systems.ts';

const erlang: MadeSystem = {
  packages: {
    'erlang-base': {
      files: {
        '/usr/bin/erl': { link: '../lib/erlang/bin/erl' },
        '/usr/lib/erlang/bin/erl': '#!/bin/sh\nexec "$BINDIR/erlexec"\n',
        '/usr/lib/erlang/erts-15/bin/erlexec': elfWithStrings('beam', '.smp'),
        '/usr/lib/erlang/erts-15/bin/beam.smp': elfWithStrings(),
        '/usr/bin/unrelated': elfWithStrings(),
      },
    },
  },
};

t.test('a program comes with those beside it in a directory that only its package knows', async (t) => {
  t.same(paths(chooseFrom(erlang, '/usr/bin/erl')), [
    '/usr/bin/erl',
    '/usr/lib/erlang/bin/erl',
    '/usr/lib/erlang/erts-15/bin/beam.smp',
    '/usr/lib/erlang/erts-15/bin/erlexec',
  ]);
});

t.test('a script starts a program whose name it completes by a variable', async (t) => {
  const ghostscript: MadeSystem = {
    packages: {
      ghostscript: {
        files: {
          '/usr/bin/ps2pdf': '#!/bin/sh\nversion=14\nexec "ps2pdf$version" "$@"\n',
          '/usr/bin/ps2pdf14': elfWithStrings(),
          '/usr/bin/ps2pdfwrite-with-more': elfWithStrings(),
          '/usr/bin/pdf2ps': elfWithStrings(),
        },
      },
    },
  };
  t.same(paths(chooseFrom(ghostscript, '/usr/bin/ps2pdf')), ['/usr/bin/ps2pdf', '/usr/bin/ps2pdf14']);
});

const compilers: MadeSystem['packages'] = {
  gcc: {
    control: 'Source: gcc-defaults\nDepends: gcc-x86-64-linux-gnu',
    files: { '/usr/bin/gcc': { link: 'x86_64-linux-gnu-gcc' } },
  },
  'gcc-x86-64-linux-gnu': {
    control: 'Source: gcc-defaults',
    files: { '/usr/bin/x86_64-linux-gnu-gcc': elfWithStrings() },
  },
};
const TRIPLET = '/usr/bin/x86_64-linux-gnu-gcc';

t.test('a driver that is named by its triplet comes along', async (t) => {
  const files = { '/usr/bin/ocamlopt': elfWithStrings('x86_64-linux-gnu-gcc -O2 -fPIC') };
  const ocaml = { packages: { ocaml: { control: 'Depends: gcc', files }, ...compilers } };
  t.same(paths(chooseFrom(ocaml, '/usr/bin/ocamlopt')), ['/usr/bin/ocamlopt', TRIPLET]);
});

t.test('the command line that a program hands to the shell names what it execs', async (t) => {
  const files = { '/usr/sbin/varnishd': elfWithStrings('exec x86_64-linux-gnu-gcc -shared -o %o %s') };
  const varnish = { packages: { varnish: { control: 'Depends: gcc', files }, ...compilers } };
  t.same(paths(chooseFrom(varnish, '/usr/sbin/varnishd')), [
    '/usr/bin/x86_64-linux-gnu-gcc',
    '/usr/sbin/varnishd',
  ]);
});

t.test('a file of settings names what a program starts, of its own package and of others', async (t) => {
  const files = {
    '/usr/bin/ghc': elfWithStrings(),
    '/usr/bin/unlit': elfWithStrings(),
    '/usr/bin/hp2ps': elfWithStrings(),
    '/usr/lib/ghc/settings':
      '[("C compiler command", "x86_64-linux-gnu-gcc")\n,("unlit command", "unlit")]\n',
  };
  const ghc = { packages: { ghc: { control: 'Depends: gcc', files }, ...compilers } };
  t.same(paths(chooseFrom(ghc, '/usr/bin/ghc')), [
    '/usr/bin/ghc',
    '/usr/bin/unlit',
    TRIPLET,
    '/usr/lib/ghc/settings',
  ]);
});

t.test('a file of /etc that a maintainer script made by ucf(1) belongs to the package', async (t) => {
  const shared = { '/etc/ssh/x.d/.keep': '' };
  const ssh: MadeSystem = {
    packages: {
      'openssh-server': { files: { '/usr/sbin/sshd': elfWithStrings(), ...shared } },
      systemd: { files: { '/usr/bin/systemctl': elfWithStrings(), '/etc/ssh/y': '' } },
    },
    files: {
      '/etc/ssh/sshd_config': 'Port 22\n',
      '/etc/ssh/others_config': '',
      '/var/lib/ucf/registry': 'openssh-server \t /etc/ssh/sshd_config\nnobody /etc/ssh/others_config\n',
    },
  };
  const chosen = paths(chooseFrom(ssh, '/usr/sbin/sshd'));
  t.ok(chosen.includes('/etc/ssh/sshd_config'));
  t.notOk(chosen.includes('/etc/ssh/others_config'));
});

t.test(
  'files that maintainer scripts made in /var/lib come along, and data of a service does not',
  async (t) => {
    const own = { isDirectory: true } as const;
    const tex: MadeSystem = {
      packages: {
        tex: {
          files: {
            '/usr/bin/tex': elfWithStrings(),
            '/var/lib/texmf': own,
            '/var/lib/service': { ...own, uid: 33 },
            '/var/lib/open': { ...own, mode: 0o1777 },
          },
        },
      },
      files: {
        '/var/lib/texmf/web2c/tex.fmt': 'format',
        '/var/lib/texmf/web2c/secret': { content: 'x', mode: 0o640 },
        '/var/lib/texmf/web2c/theirs': { content: 'x', uid: 33 },
        '/var/lib/service/data': 'x',
        '/var/lib/open/data': 'x',
      },
    };
    t.same(paths(chooseFrom(tex, '/usr/bin/tex')), ['/usr/bin/tex', '/var/lib/texmf/web2c/tex.fmt']);
  },
);

t.test('the basic tools that a script and its modules call come along', async (t) => {
  const tools = ['mkdir', 'chmod', 'sort', 'date', 'grep'].map(
    (name) => [`/usr/bin/${name}`, elfWithStrings()] as const,
  );
  const system: MadeSystem = {
    packages: {
      ansible: {
        files: {
          '/usr/bin/ansible': '#!/usr/bin/python3\nimport ansible\nqx("$m4 --help | grep reload-state")\n',
          '/usr/lib/python3/dist-packages/ansible/sh.py':
            "cmd = ['chmod', mode]\ncmd = 'mkdir -p %s' % path\n# sort it: 'date'\nraise Error('date is wrong')\n",
        },
      },
      coreutils: { control: 'Essential: yes', files: Object.fromEntries(tools) },
    },
  };
  const chosen = paths(chooseFrom(system, '/usr/bin/ansible'));
  t.same(
    chosen.filter((path) => tools.some(([tool]) => tool === path)),
    ['/usr/bin/chmod', '/usr/bin/grep', '/usr/bin/mkdir'],
  );
});

t.test(
  'a library that a program, or its configuration, names to be opened at run time comes along',
  async (t) => {
    const system: MadeSystem = {
      packages: {
        mono: {
          files: {
            '/usr/bin/mono': elfWithStrings('libhelper.so'),
            '/usr/lib/libhelper.so': elfWithStrings(),
            '/usr/lib/libmono-native.so': elfWithStrings(),
            '/usr/lib/libother.so': elfWithStrings(),
            '/etc/mono/config': '<dllmap target="$mono_libdir/libmono-native.so" /> libother\n',
          },
        },
      },
    };
    t.same(paths(chooseFrom(system, '/usr/bin/mono')), [
      '/etc/mono/config',
      '/usr/bin/mono',
      '/usr/lib/libhelper.so',
      '/usr/lib/libmono-native.so',
    ]);
  },
);

t.test('a variable of a script holds a basic tool with its own name', async (t) => {
  const tools = ['grep', 'sort', 'getopt'].map((name) => [`/usr/bin/${name}`, elfWithStrings()] as const);
  const system: MadeSystem = {
    packages: {
      gzip: {
        files: {
          '/usr/bin/zgrep': "#!/bin/sh\ngrep='${GREP-'\\''grep'\\''}'\nGETOPT=getopt\norder=sort\n",
        },
      },
      coreutils: { control: 'Essential: yes', files: Object.fromEntries(tools) },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/zgrep')), ['/usr/bin/getopt', '/usr/bin/grep', '/usr/bin/zgrep']);
});

t.test('commands in a directory that a program names are started', async (t) => {
  const system: MadeSystem = {
    packages: {
      quilt: {
        files: {
          '/usr/bin/quilt': '#!/bin/sh\n. "${QUILT_DIR=/usr/share/quilt}/$1"\n',
          '/usr/share/quilt/push': '#!/bin/sh\nstat x\n',
          '/usr/share/quilt/x.sample': '#!/bin/sh\nsort x\n',
        },
      },
      coreutils: {
        control: 'Essential: yes',
        files: { '/usr/bin/stat': elfWithStrings(), '/usr/bin/sort': elfWithStrings() },
      },
    },
  };
  const chosen = paths(chooseFrom(system, '/usr/bin/quilt'));
  t.ok(chosen.includes('/usr/bin/stat'));
  t.notOk(chosen.includes('/usr/bin/sort'));
});

t.test(
  'a minimal package comes with the data of the full one, and programs that settings name',
  async (t) => {
    const part = 'Source: groff\nSection: text\n';
    const system: MadeSystem = {
      packages: {
        'groff-base': { control: part, files: { '/usr/bin/groff': elfWithStrings('a2enmod') } },
        groff: {
          control: `${part}Depends: groff-base, groff-data, other`,
          files: {
            '/usr/bin/gropdf': elfWithStrings(),
            '/usr/bin/a2enmod': elfWithStrings(),
            '/usr/share/groff/devpdf/DESC': 'postpro gropdf\n',
            '/usr/share/groff/helper': 'run() {\n  a2enmod x\n}\n',
          },
        },
        'groff-data': { control: 'Source: groff', files: { '/usr/share/groff/data': '' } },
        other: { files: { '/usr/share/other/data': '' } },
      },
    };
    t.same(paths(chooseFrom(system, '/usr/bin/groff')), [
      '/usr/bin/groff',
      '/usr/bin/gropdf',
      '/usr/share/groff/data',
      '/usr/share/groff/devpdf/DESC',
      '/usr/share/groff/helper',
    ]);
  },
);

t.test(
  'a directory that a package shares with others is there if its script names it, without its content',
  async (t) => {
    const system: MadeSystem = {
      packages: {
        automake: {
          files: {
            '/usr/bin/aclocal': "#!/usr/bin/perl\nmy @dirs = ('/usr/share/aclocal', '/usr/share/other');\n",
            '/usr/share/aclocal': {},
          },
        },
        other: { files: { '/usr/share/aclocal/other.m4': '', '/usr/share/other/x': '' } },
      },
    };
    const found = paths(chooseFrom(system, '/usr/bin/aclocal'));
    t.ok(found.includes('/usr/share/aclocal'));
    t.notOk(found.includes('/usr/share/aclocal/other.m4'));
    t.notOk(found.includes('/usr/share/other'));
  },
);

t.test('a compiler of a language gets the C compiler that it names by its triplet', async (t) => {
  const chicken = {
    control: 'Section: lisp\nDepends: libchicken',
    files: { '/usr/bin/csc': elfWithStrings() },
  };
  const library = {
    control: 'Source: chicken\nSection: libs',
    files: { '/usr/lib/libchicken.so.11': elfWithStrings('x86_64-linux-gnu-gcc') },
  };
  const gcc = { ...compilers.gcc, control: `${compilers.gcc?.control}\nProvides: c-compiler` };
  const files = {
    '/var/lib/dpkg/alternatives/cc': 'auto\n/usr/bin/cc\n\n/usr/bin/gcc\n20\n\n',
    '/etc/alternatives/cc': { link: '/usr/bin/gcc' },
    '/usr/bin/cc': { link: '/etc/alternatives/cc' },
  };
  const system = { packages: { chicken, libchicken: library, ...compilers, gcc }, files };
  t.ok(paths(chooseFrom(system, '/usr/bin/csc')).includes(TRIPLET));
});

t.test('the programs of a metapackage come to the program that names them', async (t) => {
  const system: MadeSystem = {
    packages: {
      pass: { control: 'Depends: gnupg', files: { '/usr/bin/pass': '#!/bin/sh\nGPG="gpg"\n' } },
      gnupg: { control: 'Source: gnupg2\nDepends: gpg', files: {} },
      gpg: { control: 'Source: gnupg2', files: { '/usr/bin/gpg': elfWithStrings() } },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/pass')), ['/usr/bin/gpg', '/usr/bin/pass']);
});

t.test('a script starts a program of another package of its source', async (t) => {
  const system: MadeSystem = {
    packages: {
      'mariadb-server-core': {
        control: 'Source: mariadb',
        files: { '/usr/bin/mariadb-install-db': '#!/bin/sh\nfind_in_dirs my_print_defaults\n' },
      },
      'mariadb-client-core': {
        control: 'Source: mariadb',
        files: { '/usr/bin/my_print_defaults': elfWithStrings(), '/usr/bin/my-other': elfWithStrings() },
      },
    },
  };
  t.same(paths(chooseFrom(system, '/usr/bin/mariadb-install-db')), [
    '/usr/bin/mariadb-install-db',
    '/usr/bin/my_print_defaults',
  ]);
});

t.test('an interpreter gets the headers that its modules include', async (t) => {
  const files = { '/usr/bin/pike': elfWithStrings(), '/usr/lib/pike8.0/include/array.h': '' };
  const choose = (section: string) =>
    paths(chooseFrom({ packages: { pike: { control: `Section: ${section}`, files } } }, '/usr/bin/pike'));
  t.same(choose('interpreters'), ['/usr/bin/pike', '/usr/lib/pike8.0/include/array.h']);
  t.same(choose('utils'), ['/usr/bin/pike']);
});

t.test('a program starts another one with the triplet and the version of its own name', async (t) => {
  const files = {
    '/usr/bin/x86_64-linux-gnu-gnatmake-14': elfWithStrings('gnatbind'),
    '/usr/bin/x86_64-linux-gnu-gnatbind-14': elfWithStrings(),
    '/usr/bin/x86_64-linux-gnu-gnatprep-14': elfWithStrings(),
  };
  t.same(paths(chooseFrom({ packages: { gnat: { files } } }, '/usr/bin/x86_64-linux-gnu-gnatmake-14')), [
    '/usr/bin/x86_64-linux-gnu-gnatbind-14',
    '/usr/bin/x86_64-linux-gnu-gnatmake-14',
  ]);
});

t.test('a link of update-alternatives to a program of the same source is not suggested', async (t) => {
  const system: MadeSystem = {
    packages: {
      'vim-tiny': { control: 'Source: vim', files: { '/usr/bin/vim.tiny': elfWithStrings('ex') } },
      vim: { control: 'Source: vim', files: { '/usr/bin/vim.basic': elfWithStrings() } },
    },
    files: {
      '/var/lib/dpkg/alternatives/ex': 'auto\n/usr/bin/ex\n\n/usr/bin/vim.basic\n20\n\n',
      '/etc/alternatives/ex': { link: '/usr/bin/vim.basic' },
      '/usr/bin/ex': { link: '/etc/alternatives/ex' },
    },
  };
  t.same(chooseFrom(system, '/usr/bin/vim.tiny').suggested, []);
});

t.test('a program gets the basic tools that it starts by a name or by a whole path', async (t) => {
  const tools = ['diff', 'sort', 'grep', 'bash', 'perl'].map(
    (name) => [`/usr/bin/${name}`, elfWithStrings()] as const,
  );
  const chosenFor = (program: Buffer, control = 'Section: text') => {
    const packages: MadeSystem['packages'] = {
      wdiff: { control, files: { '/usr/bin/wdiff': program, '/usr/lib/wdiff/w-grep': elfWithStrings() } },
      tools: { control: 'Essential: yes', files: Object.fromEntries(tools.slice(0, 4)) },
      'perl-base': { control: 'Essential: yes', files: Object.fromEntries(tools.slice(4)) },
    };
    const own = new Set(['/usr/bin/wdiff', '/usr/lib/wdiff/w-grep']);
    return paths(chooseFrom({ packages }, '/usr/bin/wdiff')).filter((path) => !own.has(path));
  };
  const looking = makeProgram({ imports: ['execvp'], texts: ['wdiff', 'grep', 'sort'] });
  t.same(chosenFor(looking), ['/usr/bin/diff'], 'it has a grep of its own, and sort is a word');
  t.same(chosenFor(looking, 'Section: python'), [], 'an interpreter names them for others');
  t.same(chosenFor(makeProgram({ imports: ['execv'], texts: ['wdiff'] })), []);
  const byPath = elfWithStrings('/usr/bin/sort', '/bin/bash', '/usr/bin/perl', '/usr/bin/diff -u');
  t.same(chosenFor(byPath), ['/usr/bin/sort']);
});
