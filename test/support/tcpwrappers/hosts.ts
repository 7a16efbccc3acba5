// Tables out of texts, and decisions with look-ups that are at hand.

import type { Found, Need } from '../../../lib/tcpwrappers/connection/need.ts';
import { resolveNow } from '../resolve-now.ts';
import {
  makeRequest,
  type Request,
  type RequestDescription,
} from '../../../lib/tcpwrappers/connection/request-info.ts';
import { decide, type Ruling } from '../../../lib/tcpwrappers/decide/ruling.ts';
import type { FileText } from '../../../lib/tcpwrappers/parse/logical-line.ts';
import { openPatternFiles } from '../../../lib/tcpwrappers/parse/pattern-file.ts';
import { type ParseOptions, readRules } from '../../../lib/tcpwrappers/parse/rule-file.ts';
import type { Table, Tables } from '../../../lib/tcpwrappers/rule/rule-table.ts';

export interface Texts {
  readonly allow?: string | FileText;
  readonly deny?: string | FileText;
  /** Files of patterns by their paths. */
  readonly files?: Readonly<Record<string, string | FileText>>;
}

/** What is found at the path of a text. */
export function found(text: string | FileText | undefined): FileText {
  if (text === undefined) return { kind: 'absent' };
  return typeof text === 'string' ? { kind: 'text', text } : text;
}

/** One table. */
export function readOne(role: Table['role'], texts: Texts, options: Partial<ParseOptions> = {}): Table {
  const { files = {} } = texts;
  const openFile = openPatternFiles((path) => found(Object.hasOwn(files, path) ? files[path] : undefined));
  return readRules(found(texts[role]), { file: `/etc/hosts.${role}`, role, openFile, ...options }).table;
}

/** Both tables. */
export function makeHosts(texts: Texts, options: Partial<ParseOptions> = {}): Tables {
  return { allow: readOne('allow', texts, options), deny: readOne('deny', texts, options) };
}

/** `file:line:column level code` of each finding. */
export function showFindings({ findings }: Table): string[] {
  return findings.map(
    ({ file, line, column, level, code }) =>
      `${file.slice(5)}:${line ?? ''}:${column ?? ''} ${level} ${code}`,
  );
}

/** A decision, with what was looked up for it; what is not among the answers is asked for in vain. */
export function decideOn(
  texts: Texts,
  described: RequestDescription,
  answer: (need: Need) => Found = () => undefined,
  options: Partial<ParseOptions> = {},
): Ruling & { readonly needs: readonly Need[]; readonly request: Request } {
  const needs: Need[] = [];
  const request = makeRequest(described);
  const ruling = resolveNow(decide(makeHosts(texts, options), request), (need) => {
    needs.push(need);
    return answer(need);
  });
  return { ...ruling, needs, request };
}
