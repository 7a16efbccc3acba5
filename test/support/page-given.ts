// What the pages take for granted, and do not say each time: users, jails, files of a host.

// Builds a jail once, for all pages: each begins with a copy.
const build = (name: string, words: string): string =>
  `[ -d /var/built/${name} ] || { mkdir -p /var/built; uchroot-jail build /var/built/${name} ${words} >/dev/null; }
cp -a /var/built/${name} /srv`;

const report = `
id report >/dev/null 2>&1 || useradd --system report
printf '#!/bin/sh\\necho report\\n' >/usr/bin/report
chmod 755 /usr/bin/report
ln -sf report /usr/bin/job
cp /usr/bin/report /usr/local/bin/report
${build('report', '--user report /usr/bin/report')}
mkdir -p /srv/report/var/lib/report
`;
const sam = 'id sam >/dev/null 2>&1 || useradd --create-home sam';
const jail = `${sam}
${build('jail', '--user sam bash ls id cat sort')}
mkdir -p /srv/jail/etc; printf 'b\\na\\n' >/srv/jail/etc/words`;

/** Shell commands that root has run before somebody reads a page, by page. */
export const given: Readonly<Record<string, string>> = {
  'README.md':
    'rm /usr/local/bin/uchroot*; mkdir -p /var/www/html; echo hello >/var/www/html/index.html; systemctl start nginx',
  'SECURITY.md': 'mkdir -p /srv/jail/tmp',
  'doc/from.md': `${jail}
    printf 'in.ftpd: 127.\\n' >/etc/hosts.allow
    printf '#!/bin/sh\\necho 220\\n' >/usr/sbin/in.ftpd; chmod 755 /usr/sbin/in.ftpd
    uchroot-jail build /srv/all --user sam /usr/sbin/in.ftpd >/dev/null
    echo 'ftp stream tcp nowait sam /usr/sbin/tcpd in.ftpd -l' >/etc/inetd.conf`,
  'doc/library.md': `${report}\n${jail}; uchroot-jail build /srv/jail job >/dev/null`,
  'doc/rootless.md': `${jail}
    usermod --add-subuids 300000-365535 --add-subgids 300000-365535 reader`,
  'doc/uchroot-inetd.md': `${report}
    mkdir -p /etc/xinetd.d
    uchroot-inetd --status-socket /run/uchroot-inetd.sock --listen 7000 --instances 50 --timeout 60 report /srv/report /bin/report >/dev/null 2>&1 </dev/null &
    timeout 20 sh -c 'until [ -S /run/uchroot-inetd.sock ]; do sleep 0.1; done'`,
  'doc/uchroot-jail-check.md': `${jail}; uchroot-jail build /srv/www --user www-data bash >/dev/null; cp -a /srv/jail /root/jail`,
  'doc/uchroot-jail.md': `${jail}\n${report}
    systemctl start redis-server; redis-cli save >/dev/null; mkdir -p /backup
    uchroot-jail build /srv/redis --user redis redis-server --copy /var/lib/redis >/dev/null
    redis-cli set colour blue >/dev/null; redis-cli save >/dev/null`,
  'doc/uchroot-tcpd.md': `rm -f /etc/inetd.conf
    printf 'sshd: 10.\\n\\nsshd: 192.168.1.1/255.255.255.0\\n\\nnginx: ALL\\n' >/etc/hosts.allow
    echo 'ALL: ALL' >/etc/hosts.deny`,
  'doc/uchroot-service.md':
    'mkdir -p /srv/site /etc/uchroot/services.d; uchroot-service release nginx || true',
  'doc/untrusted.md': 'uchroot-jail build /srv/untrusted python3 >/dev/null; mkdir -p /srv/untrusted/tmp',
  'doc/uchroot.md': `mkdir -p /etc/bash_completion.d /usr/local/share/zsh/site-functions /etc/fish/conf.d
    ${report}\n${jail}
    uchroot-jail build /srv/jail job >/dev/null
    uchroot-jail build /srv/www --user www-data nginx >/dev/null
    uchroot-jail build /srv/sftp --user sam /usr/lib/openssh/sftp-server >/dev/null`,
};

/** Code that stands before the examples of a section, by page and section. */
export const contexts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'doc/library.md': {
    // a client that hangs up at once
    'Pseudo-terminals': `import { Duplex } from 'node:stream';
const socket = new Duplex({ read() { this.push(null); }, write(_chunk, _encoding, done) { done(); } });
`,
    'Lines and pipes': "const jail = await openJail('/srv/jail', { user: 'sam' });\n",
    'Many programs of one jail':
      "import { createReadStream } from 'node:fs';\nconst files: string[] = ['/etc/passwd'];\n",
    '`openJail(directory, defaults?)`': "import { createServer } from 'node:net';\n",
    'TCP wrappers': "import https from 'node:https';\nconst [options, app] = [{}, () => {}];\n",
  },
  'doc/untrusted.md': {
    'One word': "const code = 'print(6 * 7)';\n",
    'What the program lacked':
      "const jail = await openJail('/srv/jail', { untrusted: true });\nconst program = { program: '/bin/ls' };\n",
  },
  'doc/outbound.md': {
    'A service that is asked':
      'const customers = { mayCall: async (name?: string) => name !== undefined };\n',
  },
};
