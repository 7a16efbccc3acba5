// Findings that are not wanted: a rule everywhere, or at a path and below it.

import { type BytePath, bytePath, showPath } from '../../binary/path.ts';
import { UsageError } from '../../errors.ts';
import { nearest } from '../../nearest.ts';
import { type Bytes, quote } from '../../quote.ts';
import { fromText } from '../manifest/path-text.ts';

export type Ignored = (rule: string, path: BytePath) => boolean;

/** @throws UsageError for the name of no rule, or a path that is not absolute. */
export function parseIgnored(wanted: readonly Bytes[], rules: readonly { readonly id: string }[]): Ignored {
  const ignored = wanted.map((one) => {
    const text = typeof one === 'string' ? fromText(one) : bytePath(one);
    const colon = text.indexOf(':');
    const rule = colon < 0 ? text : text.slice(0, colon);
    ruleOf(rule, rules);
    if (colon < 0) return { rule };
    const path = text.slice(colon + 1) as BytePath;
    if (!path.startsWith('/'))
      throw new UsageError(`${showPath(text)}: the path must be absolute, as the jail sees it`);
    return { rule, path };
  });
  return (rule, path) =>
    ignored.some(
      (one) =>
        one.rule === rule &&
        (one.path === undefined ||
          path === one.path ||
          path.startsWith(one.path.endsWith('/') ? one.path : `${one.path}/`)),
    );
}

/** The rule of that name. @throws UsageError if there is none */
export function ruleOf<T extends { readonly id: string }>(id: string, rules: readonly T[]): T {
  const rule = rules.find((one) => one.id === id);
  if (rule !== undefined) return rule;
  const meant = nearest(
    id,
    rules.map((one) => one.id),
  );
  throw new UsageError(`there is no rule ${quote(id)}`, {
    hint: meant === undefined ? 'uchroot-jail check --explain all lists them' : `did you mean ${meant}?`,
  });
}
