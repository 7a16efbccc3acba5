// Whether a daemon decides by hosts.allow and hosts.deny: whether libwrap is in it, or in a program that it starts.

import { openResolver } from '../../binary/closure.ts';
import { type BytePath, bytePath, lastComponent } from '../../binary/path.ts';
import type { FileRoot } from '../../binary/root.ts';
import { readText, statusOf } from './service.ts';

/** `unknown` for what is no ELF program: an interpreter may load anything. */
export type Wrapped = 'yes' | 'no' | 'unknown';

// Whole paths of programs in a program's text: what it may start, as sshd(8) starts sshd-session, which is what asks.
const PROGRAM_PATH = /\/usr\/(?:local\/)?(?:lib|libexec|s?bin)\/[\w./+-]{1,200}/g;
const MAX_STARTED = 64;

/** Answers for the programs of one root; nothing is executed. */
export function openWrapped(root: FileRoot): (program: BytePath) => Wrapped {
  const resolver = openResolver(root, { dlopen: 'suggested' });
  const known = new Map<BytePath, Wrapped>();

  // As `ldd PROGRAM | grep libwrap` would tell; or its text names the file of rules, as a static copy of libwrap does.
  function hasIt(program: BytePath, text: string): Wrapped {
    const { files, missing } = resolver.resolve(program);
    if (files.some(({ path, role }) => role !== 'program' && lastComponent(path).startsWith('libwrap.so')))
      return 'yes';
    if (text.includes('/etc/hosts.allow')) return 'yes';
    const isElf = files[0]?.elf !== undefined;
    return isElf && missing.length === 0 ? 'no' : 'unknown';
  }

  function look(program: BytePath): Wrapped {
    const text = readText(root, program);
    if (text === undefined) return 'unknown';
    const itself = hasIt(program, text);
    if (itself !== 'no') return itself;
    const named = [...new Set(text.match(PROGRAM_PATH) ?? [])].map(bytePath).slice(0, MAX_STARTED);
    const started = named.filter((path) => ((statusOf(root, path)?.mode ?? 0) & 0o111) !== 0);
    return started.some((path) => hasIt(path, readText(root, path) ?? '') === 'yes') ? 'yes' : 'no';
  }

  return (program) => {
    const answer = known.get(program) ?? look(program);
    known.set(program, answer);
    return answer;
  };
}
