// Files that tell every program of the jail what to load and whom to believe.

import { givenBack } from '../remedy.ts';
import type { Rule } from '../rule.ts';
import { listOf, writerOf } from '../writable.ts';

const STEERING =
  /^\/etc(?:\/(?:ld\.so\.preload|ld\.so\.conf|ld\.so\.cache|ld-musl-[^/]*\.path|nsswitch\.conf|passwd|group|shadow|gshadow|hosts(?:\.allow|\.deny)?|host\.conf|gai\.conf|resolv\.conf|environment|profile|bash\.bashrc|shells|crontab|inputrc|doas\.conf|gitconfig|npmrc|pip\.conf|wgetrc|screenrc|tmux\.conf|mailcap|sudoers|pam\.conf|login\.defs)|\/(?:ld\.so\.conf\.d|pam\.d|security|profile\.d|sudoers\.d|cron\.[a-z]+|init\.d|ssh|ssl|vim|zsh|fish)(?:\/.*)?)?$|^\/root(?:\/.*)?$/;

export const steeringFile: Rule = {
  id: 'steering-file',
  group: 'escape',
  severity: 'error',
  summary:
    'A file that steers the loader, the name service, PAM or the shells can be written by others than root, or its directory can.',
  attack:
    'A line in ld.so.preload is code in every program of the jail, those of root included (ld.so(8)); nsswitch.conf names ' +
    'modules to load, as in CVE-2019-14271 and CVE-2025-32463; passwd says who is root.',
  covers: ['writable-directory', 'writable-code', 'mode', 'owner', 'sticky', 'world-writable'],
  remedy: 'chown root:root FILE && chmod go-w FILE',
  lookAt: (entry, jail) => {
    const { path, kind } = entry;
    if ((kind !== 'file' && kind !== 'directory') || !STEERING.test(path)) return undefined;
    const how = writerOf(entry, jail.users, listOf(entry, jail));
    if (how === undefined) return undefined;
    return { path, message: how, ...givenBack(entry, jail) };
  },
};
