// Commands of the units of an adopted service (lib/service/adopt/outbound-units.ts). `make`: makes this process's network that of a program
// which may call the entries of a list. `relay`: answers the sockets that systemd has opened in it. The other words are the entries.
// oxlint-disable-next-line import/no-unassigned-import
import './no-debugger.ts';
import { writeSync } from 'node:fs';

import { encodePlan } from '../launch/plan/encode.ts';
import { outboundSteps } from '../launch/plan/outbound-steps.ts';
import type { Step } from '../launch/plan/step.ts';
import { messageHead, wordsFor } from '../launch/plan/table.ts';
import { isNoticeSocket } from '../launch/tell/service-status.ts';
import { native } from '../native.ts';
import { toEntries } from '../outbound/entry.ts';
import { Gate } from '../outbound/gate.ts';
import { showDenied } from '../outbound/outbound-policy.ts';
import { errnoName, reason } from '../words/errno.ts';

const [, , command, ...words] = process.argv;
const list = toEntries(words, 'connectTo');

async function makeNetwork(): Promise<void> {
  const steps: readonly Step[] = [
    { op: 'loopback_up' },
    // systemd opens the sockets, and only those that need rules
    ...outboundSteps(list).flatMap((step): readonly Step[] => {
      if (step.op === 'outbound_rules') return [{ ...step, isNeeded: true }];
      return step.op === 'outbound_sockets' ? [] : [step];
    }),
    // a plan ends so; only the steps before it are run
    { op: 'execve', program: Buffer.from('/'), argv: [Buffer.from('/')], env: [] },
  ];
  const made = await native.makeSpaces({ plan: encodePlan([steps]), jailFd: -1, kinds: [] });
  if (!('failure' in made)) return;
  const { step: at, errno, detail } = made.failure;
  const step = steps[at];
  const context = { detail, jail: '', cwd: Buffer.alloc(0), uid: 0 };
  const words = step && wordsFor(step, errnoName(errno), context);
  const hint = words?.hint === undefined ? '' : `\nhint: ${words.hint}`;
  const head = step === undefined ? '' : `${messageHead(step, context)} `;
  process.stderr.write(`uchroot: ${head}${words?.reason ?? reason(errno)}${hint}\n`);
  process.exitCode = 1;
}

function relay(): void {
  const gate = new Gate({
    list,
    // their order is that of the socket unit (sd_listen_fds(3))
    sockets: [3, 4, 5],
    onDenied: (denied) => process.stderr.write(`${showDenied([denied])}\n`),
    toSocket: () => {
      throw new Error('a service has no sockets and files on its list');
    },
    onWarning: () => {},
    ports: [],
    ids: [],
  });
  // a gate alone keeps no process alive
  const stay = setInterval(() => {}, 2 ** 30);
  // the service has ended before: what it has sent still goes out
  process.once('SIGTERM', () => {
    clearInterval(stay);
    gate.close();
  });
  const { NOTIFY_SOCKET: manager } = process.env;
  if (isNoticeSocket(manager)) writeSync(native.connectDatagram(manager), 'READY=1');
}

if (command === 'make') void makeNetwork();
else relay();
