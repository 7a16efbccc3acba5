// The findings of a check, and its rules, for SARIF.

import { pathBytes } from '../../binary/path.ts';
import { type SarifResult, toSarif } from '../../sarif.ts';
import { fromText } from '../manifest/path-text.ts';
import type { CheckReport } from './check.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** A log with all rules; `directory` is the jail on the host, an absolute path. */
export function checkSarif(
  { findings }: Pick<CheckReport, 'findings'>,
  rules: readonly Rule[],
  { directory, version }: { readonly directory: Buffer; readonly version: string },
): object {
  return toSarif({
    tool: 'uchroot-jail',
    version,
    bases: { JAIL: directory, HOST: Buffer.from('/') },
    rules: rules.map(({ group, attack, ...rule }) => ({
      ...rule,
      detail: attack,
      tags: ['security', group],
    })),
    results: findings.map((finding) => toResult(finding, rules)),
  });
}

function toResult({ path, fixed, ...finding }: Finding, rules: readonly Rule[]): SarifResult {
  const group = rules.find(({ id }) => id === finding.rule)?.group;
  const isOutside = group === 'path' && path !== '/' && finding.rule.startsWith('path-');
  return {
    ...finding,
    path: pathBytes(fromText(path)),
    base: isOutside ? 'HOST' : 'JAIL',
    suppressed: fixed === true ? 'fixed by uchroot-jail check --fix' : undefined,
  };
}
