// Problems of a rule that the host or the network tells: options that do not work, daemons that do not exist or never
// ask the rules, and host names that no client can have.

import { promises as dns } from 'node:dns';
import { statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import { showPath } from '../../tree/path.ts';
import { didYouMean } from '../../words/nearest.ts';
import { memoize } from '../../values/remember.ts';
import { type DaemonHost, HOST_ACCOUNTS } from '../daemon/daemon-host.ts';
import { optionName } from '../parse/third-field.ts';
import { daemonText, type Rule } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import type { RuleId, Tell } from './catalog.ts';
import type { Checked } from './checked-file.ts';
import { isAddressWord } from './line-checks.ts';

export function checkOptions({ options }: Rule, tell: Tell): void {
  for (const { at, option } of options) {
    if (option.kind === 'aclexec')
      tell('open-aclexec', at, 'libwrap itself may let in a client that the command refuses');
    if (option.kind === 'user' || option.kind === 'group') {
      tell('no-effect', at, `${option.kind} has no effect where libwrap itself decides`);
      if (option.kind === 'user' && !HOST_ACCOUNTS.hasUser(option.user))
        tell('unknown-account', at, `there is no user ${show(option.user)}`);
      if (option.group !== undefined && !HOST_ACCOUNTS.hasGroup(option.group))
        tell('unknown-account', at, `there is no group ${show(option.group)}`);
    }
    if (option.kind === 'banners') {
      const status = statSync(Buffer.from(option.directory, 'latin1'), { throwIfNoEntry: false });
      if (status?.isDirectory() !== true)
        tell('missing-banners', at, `${show(option.directory)} is not a directory`);
    }
  }
}

/** Reports a rule of hosts.allow without an explicit `allow` (tcpdchk(8), -a). */
export function checkImplicit({ text, options }: Rule, tell: Tell): void {
  const last = options.at(-1)?.option.kind;
  if (last !== 'allow' && last !== 'deny' && last !== 'twist' && last !== 'error')
    tell('implicit-allow', text.length, 'no "allow" at the end of the rule');
}

/** The dialect of the third field; undefined if there is none, or it is invalid. */
function dialectOf({ text, options }: Rule): 'options' | 'command' | undefined {
  const [first] = options;
  if (first === undefined || first.option.kind === 'error') return undefined;
  const name = optionName(text.slice(first.at)).toLowerCase();
  return first.option.kind === 'spawn' && name !== 'spawn' ? 'command' : 'options';
}

export function checkDialects(all: readonly Checked[]): void {
  const hasOptions = all.some(({ rules }) => rules.some((rule) => dialectOf(rule) === 'options'));
  const [id, message] = hasOptions
    ? (['dialect-mix', 'a plain command, while other rules have options'] as const)
    : (['shell-command', 'a plain command, for a libwrap without options'] as const);
  for (const checked of all)
    for (const rule of checked.rules)
      if (dialectOf(rule) === 'command') checked.tellIn(rule)(id, rule.options[0]?.at ?? 0, message);
}

type Told = readonly [rule: RuleId, message: string, remedy?: string | undefined];

// Packages and protocols whose daemon has another name.
const usualNames: Readonly<Record<string, string>> = {
  ssh: 'did you mean sshd?',
  openssh: 'did you mean sshd?',
  'openssh-server': 'did you mean sshd?',
  sftp: 'did you mean sshd?',
  nfs: 'did you mean mountd?',
  ftp: 'write the name of the daemon, such as vsftpd or in.ftpd',
  telnet: 'did you mean in.telnetd?',
  portmap: 'did you mean rpcbind?',
};

/** Returns a function that checks the daemons of a rule; each name is examined once. */
export function openDaemons(host: DaemonHost, known: readonly string[]): (rule: Rule, tell: Tell) => void {
  const isKnown = new Set(known.map((name) => name.toLowerCase()));
  const examine = memoize((name: string): Told | undefined => {
    const services = host.servicesOf(name);
    const program = services.length === 0 ? host.programOf(name) : undefined;
    if (services.length === 0 && program === undefined) {
      // not the client of a daemon that is not installed, nor a tool
      const daemons = host
        .names()
        .filter((one) => `${one}d` !== name && (one.endsWith('d') || host.servicesOf(one).length > 0));
      const remedy = usualNames[name] ?? didYouMean(name, daemons, show);
      return ['unknown-daemon', `no service and no program has the name ${show(name)}`, remedy];
    }
    const asked = program === undefined ? services : [program];
    if (!asked.every((one) => host.isWrapped(one) === 'no')) return undefined;
    const path = program ?? services[0]?.program;
    const shown = path === undefined ? show(name) : showPath(path);
    const nor = 'nor does a program that it names, and no wrapper starts it';
    // ssh is the client of sshd
    const daemon = `${name}d`;
    const remedy =
      isKnown.has(daemon) || host.programOf(daemon) !== undefined
        ? `did you mean ${daemon}?`
        : usualNames[name];
    return ['not-wrapped', `${shown} does not use libwrap, ${nor}`, remedy];
  });

  return (rule, tell) => {
    for (const { at, daemon } of rule.daemons.flat()) {
      // other checks report odd names, and other patterns mean many daemons
      if (daemon.kind !== 'equal' || /^#|\//.test(daemon.text) || isKnown.has(daemon.text)) continue;
      const name = daemonText(rule, at);
      if (isAddressWord(name)) continue;
      const [id, message = '', remedy] = examine(name) ?? [];
      if (id !== undefined) tell(id, at, message, remedy);
    }
  };
}

/** Makes the look-ups. Rejects if there is no answer. */
export interface NameLookups {
  addresses(name: string): Promise<readonly string[]>;
  nameOf(address: string): Promise<string>;
}

export const SYSTEM_LOOKUPS: NameLookups = {
  addresses: async (name) => (await dns.lookup(name, { all: true })).map(({ address }) => address),
  nameOf: async (address) => (await dns.lookupService(address, 0)).hostname,
};

/** Names that are looked up at once, and the time limit of each. */
const AT_ONCE = 8;
const TIMEOUT_MS = 5000;

const RESERVED: ReadonlySet<string> = new Set(['unknown', 'paranoid', 'fail', 'localhost']);

// The host names in a rule, and where they are.
function namesOf(rule: Rule): readonly { readonly rule: Rule; readonly at: number; readonly name: string }[] {
  // the lists are swapped: its clients are daemons
  if (rule.daemons.flat().some(({ at }) => isAddressWord(daemonText(rule, at)))) return [];
  return [...rule.daemons.flat(), ...rule.clients.flat()].flatMap(({ at, host }) => {
    if (host?.kind !== 'text' || host.addressOnly || host.text.kind !== 'equal') return [];
    const name = host.text.text;
    return /[a-z]/.test(name) && !RESERVED.has(name) ? [{ rule, at, name }] : [];
  });
}

async function checkName(name: string, lookups: NameLookups): Promise<Told | undefined> {
  const shown = show(name);
  const addresses = await lookups.addresses(name).catch((): readonly string[] => []);
  const [address] = addresses;
  if (address === undefined) return ['host-not-found', `${shown} has no address`];
  const official = await lookups.nameOf(address).catch(() => undefined);
  if (official === undefined)
    return ['host-name-mismatch', `${address}, the address of ${shown}, has no name`];
  if (official.toLowerCase() !== name) {
    const back = await lookups.addresses(official).catch((): readonly string[] => []);
    return back.includes(address)
      ? ['host-alias', `${shown} is an alias of ${official}`, `write ${official}, or ${address}`]
      : ['host-name-mismatch', `${address}, the address of ${shown}, has the name ${official}`];
  }
  return addresses.length === 1
    ? undefined
    : ['host-addresses', `${shown} has ${addresses.length} addresses`];
}

/** Checks the host names of rules; each is looked up once. The only check that asks the network. */
export async function checkNames(checked: Checked, lookups: NameLookups): Promise<void> {
  const named = checked.rules.flatMap(namesOf);
  const names = [...new Set(named.map(({ name }) => name))];
  const answers = new Map<string, Told | undefined>();
  for (let begin = 0; begin < names.length; begin += AT_ONCE)
    await Promise.all(
      names.slice(begin, begin + AT_ONCE).map(async (name) => {
        const late: Told = ['host-not-found', `${show(name)}: no answer in time`];
        const end = new AbortController();
        const limit = setTimeout(TIMEOUT_MS, late, end);
        answers.set(name, await Promise.race([checkName(name, lookups), limit]));
        end.abort();
      }),
    );
  for (const { rule, at, name } of named) {
    const [id, message = '', remedy] = answers.get(name) ?? [];
    if (id !== undefined) checked.tellIn(rule)(id, at, message, remedy);
  }
}
