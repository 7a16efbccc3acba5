// Daemons in rules that do not exist, or never ask the rules.

import { showPath } from '../../binary/path.ts';
import { nearest } from '../../nearest.ts';
import type { DaemonHost } from '../daemon/daemon-host.ts';
import { daemonText, type Rule } from '../rule/rule-table.ts';
import { show } from '../text/latin1.ts';
import { finding, type Told } from './catalog.ts';
import { isAddressWord } from './word-checks.ts';

/** Returns a function that checks the daemons of a rule; each name is examined once. */
export function openDaemons(host: DaemonHost, known: readonly string[]): (rule: Rule) => Iterable<Told> {
  const isKnown = new Set(known.map((name) => name.toLowerCase()));
  const answers = new Map<string, Told | undefined>();

  function look(name: string): Told | undefined {
    const services = host.servicesOf(name);
    const program = services.length === 0 ? host.programOf(name) : undefined;
    if (services.length === 0 && program === undefined) {
      const meant = nearest(name, host.names());
      const remedy = meant === undefined ? undefined : `did you mean ${show(meant)}?`;
      return finding('unknown-daemon', 0, `no service and no program has the name ${show(name)}`, remedy);
    }
    const asked = program === undefined ? services : [program];
    if (!asked.every((one) => host.isWrapped(one) === 'no')) return undefined;
    const path = program ?? services[0]?.program;
    const shown = path === undefined ? show(name) : showPath(path);
    const message = `${shown} does not use libwrap, nor does a program that it names, and no wrapper starts it`;
    return finding('not-wrapped', 0, message);
  }

  return function* tellDaemons(rule) {
    for (const { at, daemon } of rule.daemons.flat()) {
      // other checks report odd names, and other patterns mean many daemons
      if (daemon.kind !== 'equal' || /^#|\//.test(daemon.text) || isKnown.has(daemon.text)) continue;
      const name = daemonText(rule, at);
      if (isAddressWord(name)) continue;
      if (!answers.has(name)) answers.set(name, look(name));
      const told = answers.get(name);
      if (told !== undefined) yield { ...told, at };
    }
  };
}
