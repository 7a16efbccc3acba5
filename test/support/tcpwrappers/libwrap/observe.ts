// What libwrap and what we make of a set, in the same words.

import { networkInterfaces } from 'node:os';
import { normalize } from 'node:path';

import type { Found, Need } from '../../../../lib/tcpwrappers/connection/need.ts';
import { resolveNow } from '../../resolve-now.ts';
import { makeRequest } from '../../../../lib/tcpwrappers/connection/request-info.ts';
import { decide, type Effect, type Ruling } from '../../../../lib/tcpwrappers/decide/ruling.ts';
import type { FileText } from '../../../../lib/tcpwrappers/parse/logical-line.ts';
import { openPatternFiles } from '../../../../lib/tcpwrappers/parse/pattern-file.ts';
import { type ParseOptions, readRules } from '../../../../lib/tcpwrappers/parse/rule-file.ts';
import { FACILITIES, LEVELS } from '../../../../lib/tcpwrappers/rule/rule-option.ts';
import type { Table, Tables } from '../../../../lib/tcpwrappers/rule/rule-table.ts';
import type { OracleAnswer, TestFile, TestRequest, TestSet } from '../../tcpwrappers-oracle.ts';

export interface Observation {
  readonly verdict: string;
  /** `hosts.allow 3`: file and line of the rule that matched. */
  readonly rule: string;
  readonly lookups: readonly string[];
  readonly effects: readonly string[];
  readonly warnings: readonly string[];
}

// Effects that libwrap has in a dry run too.
const DRY = /^(?:spawn|twist|aclexec|setenv) /;

export function observeOracle(
  { verdict, events }: OracleAnswer,
  { isDry = false }: TestRequest,
): Observation {
  const found = { rule: '', lookups: [] as string[], effects: [] as string[], warnings: [] as string[] };
  let seen: string = verdict;
  let banner = '';
  for (const [kind, text] of events) {
    const matched = /^matched: {2}(\S+) line (\d+)$/.exec(text);
    const command = /^option: {3}(spawn|twist|aclexec) ([^]*)$/i.exec(text);
    const letter = /unrecognized %([^]?)$/.exec(text)?.[1];
    if (banner !== '' && (kind === 'v' || text.startsWith('option: '))) {
      found.effects.push(`banner ${banner}`);
      banner = '';
    }
    if (kind === 'h') found.lookups.push(`name ${text}`);
    else if (kind === 'u') found.lookups.push(`user ${text}`);
    else if (kind === 't') seen = 'delegated';
    else if (kind === 'b') banner += text;
    else if (kind === 'e') found.effects.push(`setenv ${text}`);
    else if (kind === 'k') found.effects.push('keepalive');
    else if (kind === 'g') found.effects.push(`linger ${text}`);
    else if (kind === 'n') found.effects.push(`nice ${text}`);
    else if (kind === 'm') found.effects.push(`umask ${text}`);
    else if (kind === 'v') found.effects.push(`severity ${text}`);
    else if (kind === 'l' && matched !== null) found.rule = `${matched[1]} ${matched[2]}`;
    else if (kind === 'l' && command !== null)
      found.effects.push(`${command[1]?.toLowerCase()} ${command[2]}`);
    else if (kind === 'l' && letter !== undefined) found.warnings.push(`unrecognized %${letter}`);
  }
  if (banner !== '') found.effects.push(`banner ${banner}`);
  if (isDry) found.effects = found.effects.filter((effect) => DRY.test(effect)).toSorted();
  return { verdict: seen, ...found };
}

function showEffect(effect: Effect): string {
  switch (effect.kind) {
    case 'spawn':
    case 'twist':
    case 'aclexec':
      return `${effect.kind} ${effect.command}`;
    case 'setenv':
      return `setenv ${effect.name}=${effect.value}`;
    case 'severity':
      return `severity ${(effect.facility === undefined ? 0 : FACILITIES[effect.facility] * 8) + LEVELS[effect.level]}`;
    case 'linger':
      return `linger ${effect.seconds}`;
    case 'nice':
      return `nice ${effect.increment}`;
    case 'umask':
      return `umask ${effect.mask.toString(8)}`;
    case 'banner':
      return `banner ${effect.text}`;
    case 'keepalive':
      return 'keepalive';
    case 'user':
    case 'group':
      return '';
    default:
      return effect satisfies never;
  }
}

// libwrap's are not in effect in a real run (its user and group options do nothing), and severity is seen at the end.
function showEffects(decision: Ruling, isDry: boolean): string[] {
  const shown = decision.effects.map(showEffect).filter((text) => text !== '' && text !== 'banner ');
  const severities = shown.filter((text) => text.startsWith('severity '));
  const others = shown.filter((text) => !text.startsWith('severity '));
  return isDry
    ? others.filter((text) => DRY.test(text)).toSorted()
    : [...others.filter((text) => !text.startsWith('aclexec ')), ...severities.slice(-1)];
}

const interfaces = new Set([...Object.keys(networkInterfaces()), 'lo']);
const accounts = { user: new Set(['root', 'daemon', 'nobody']), group: new Set(['root', 'daemon']) };
const bytes = (text: string) => Buffer.from(text, 'latin1');

function textOf(file: TestFile | undefined): FileText {
  if (file === undefined || file === 'absent') return { kind: 'absent' };
  if (file === 'directory') return { kind: 'directory' };
  return file === 'loop' ? { kind: 'unreadable', code: 'ELOOP' } : { kind: 'text', text: file.text };
}

// What the kernel finds at a path: a slash too many, as chance will have it, changes nothing.
function fileAt(path: string, files: TestSet['files'], directory: string): TestFile | undefined {
  const plain = normalize(path);
  if (plain === '/') return 'directory';
  return plain.startsWith(`${directory}/`) ? files[plain.slice(directory.length + 1)] : undefined;
}

/** The tables of a set, read as libwrap reads them unless `options` say otherwise. */
export function readSet({ files }: TestSet, directory: string, options: Partial<ParseOptions> = {}): Tables {
  const find = (path: string) => textOf(fileAt(path, files, directory));
  const openFile = openPatternFiles(find);
  const read = (role: Table['role']) =>
    readRules(textOf(files[`hosts.${role}`]), {
      file: `hosts.${role}`,
      role,
      dialect: 'options',
      compat: 'libwrap',
      openFile,
      ...options,
    }).table;
  return { allow: read('allow'), deny: read('deny') };
}

/** What we decide on a request, with the look-ups answered as the test says. */
export function observe(
  tables: Tables,
  test: TestRequest,
  { files }: TestSet,
  directory: string,
): Observation & { readonly decision: Ruling } {
  const request = makeRequest(
    {
      daemon: bytes(test.daemon),
      client: {
        address: bytes(test.address),
        ...(test.isNameKnown === true ? { name: bytes(test.name) } : {}),
        ...(test.isUserKnown === true ? { user: bytes(test.user) } : {}),
        ...(test.ports === undefined ? {} : { port: test.ports[0] }),
      },
      server: {
        address: bytes(test.serverAddress),
        ...(test.isServerNameKnown === true ? { name: bytes(test.serverName) } : {}),
        ...(test.ports === undefined ? {} : { port: test.ports[1] }),
      },
      pid: 4242,
    },
    (name) => interfaces.has(name),
  );
  const lookups: string[] = [];
  const find = (need: Need): Found => {
    switch (need.kind) {
      case 'name':
        lookups.push(`name ${need.end}`);
        return need.end === 'client' ? test.name : test.serverName;
      case 'user':
        lookups.push(`user ${need.timeoutSeconds}`);
        return test.user;
      case 'netgroup':
        return [];
      case 'account':
        return accounts[need.database].has(need.name);
      case 'banner': {
        const file = fileAt(need.path, files, directory);
        return typeof file === 'object' ? file.text : undefined;
      }
      default:
        return need satisfies never;
    }
  };
  const decision = resolveNow(decide(tables, request), find);
  return {
    verdict: decision.verdict,
    rule: decision.rule === undefined ? '' : `${decision.rule.file} ${decision.rule.line}`,
    lookups,
    effects: showEffects(decision, test.isDry === true),
    warnings: decision.warnings,
    decision,
  };
}
