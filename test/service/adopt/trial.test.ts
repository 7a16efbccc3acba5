// The unit that starts a daemon in its new jail, beside the running service.
import t from 'tap';

import type { Adoption } from '../../../lib/service/adopt/adoption.ts';
import { dropInText } from '../../../lib/service/adopt/service-drop-in.ts';
import { trialOf } from '../../../lib/service/adopt/trial.ts';
import { adopted, daemon, installed, line } from '../../support/service/described.ts';

const vendor = `# /usr/lib/systemd/system/web.service
[Unit]
Conflicts=other.service
OnFailure=alarm.service

[Service]
ExecStart=/usr/bin/web \\
  -c /etc/web.conf
User=web

[Install]
WantedBy=multi-user.target
`;
const trialFor = (settings: object = {}, more: Partial<Adoption> = {}, about: object = {}) => {
  const adoption = adopted(installed({ ...daemon, ...settings }, { ...about }), more);
  return trialOf(adoption, vendor, dropInText(adoption, '1.0'), 500);
};
const place = '/var/lib/uchroot/services/web.service/1/trial';
const jail = '/var/lib/uchroot/services/web.service/1/jail';

t.test('a trial has the lines of the service, but nothing of other units and of the host', async (t) => {
  const { text, reason } = trialFor({ PIDFile: '/run/web.pid', ExecStartPostEx: [line('/bin/mark')] });
  t.equal(reason, undefined);
  t.match(text, 'ExecStart=/usr/bin/web \\\n  -c /etc/web.conf\nUser=web\n');
  t.notMatch(text, /Conflicts|OnFailure|WantedBy|RequiresMountsFor/);
  const lines = text.split('\n');
  for (const last of [
    'ExecStartPost=',
    'StateDirectory=',
    'RuntimeDirectory=',
    'Restart=no',
    'FailureAction=none',
    'StartLimitAction=none',
    'PrivateNetwork=yes',
    'KillMode=control-group',
    'RuntimeMaxSec=90500000us',
    `PIDFile=${place}/jail-run/web.pid`,
    `BindPaths=${place}/jail-run:${jail}/run`,
  ]) {
    const name = last.slice(0, last.indexOf('=') + 1);
    const found = lines.filter((one) => one.startsWith(name));
    t.equal(name === 'BindPaths=' ? found.find((one) => one === last) : found.at(-1), last);
  }
});

t.test('data and paths of /run are copies, and other paths are those of the host', async (t) => {
  const paths = [
    { path: '/var/lib/web', isReadOnly: false, isOptional: true },
    { path: '/run/web', isReadOnly: true, isOptional: false },
    { path: '/etc/web', isReadOnly: true, isOptional: false },
  ];
  const { text, copied, shared } = trialFor({ PIDFile: '/run/web/pid' }, { paths });
  t.same(
    [copied, shared],
    [
      ['/var/lib/web', '/run/web'],
      ['/run/web', '/etc/web'],
    ],
  );
  t.match(text, `BindPaths=-${place}/var/lib/web:${jail}/var/lib/web\n`);
  t.match(text, `BindReadOnlyPaths=${place}/run/web:${jail}/run/web\n`);
  t.match(text, `BindReadOnlyPaths=/etc/web:${jail}/etc/web\n`);
  t.match(text, `\nPIDFile=${place}/run/web/pid\n`);
  const bySystemd = trialFor({ Nice: -1 }, { paths, entry: 'systemd' }).text;
  t.match(bySystemd, `BindPaths=-${place}/var/lib/web:/var/lib/web\n`);
  t.match(bySystemd, `BindPaths=${place}/jail-run:/run\n`);
});

t.test('where a trial says nothing, or would work on the host, there is none', async (t) => {
  for (const [settings, more, reason] of [
    [{ TriggeredBy: ['web.socket'] }, {}, /sockets come from systemd/],
    [{ TriggeredBy: ['web.timer'] }, {}, undefined],
    [{ DynamicUser: true }, {}, /DynamicUser=/],
    [{}, { paths: [{ path: '/proc', isReadOnly: true, isOptional: false }] }, /sees \/proc /],
    [{}, { connectTo: ['db:1'] }, /needs the network/],
    [{ NetworkNamespacePath: '/run/netns/a' }, {}, /shares a network/],
    [{ BindPaths: [['/data', '/data', false, 0]] }, {}, /write to \/data of the host/],
    [{ ExecStartPreEx: [line('/bin/prepare')] }, {}, /^ExecStartPre=\/bin\/prepare /],
    [{ ExecStartPreEx: [line('/bin/prepare', 'ignore-failure')] }, {}, undefined],
    [{ ExecStartPreEx: [line('/usr/bin/web -t')] }, {}, undefined],
  ] as const)
    t.match(String(trialFor(settings, more).reason), reason ?? 'undefined');
});
