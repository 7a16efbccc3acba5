// All time zones, for programs that are asked for one by name.

import { lacksAll } from './check.ts';
import type { Pack } from './pack.ts';

export const zoneinfo: Pack = {
  name: 'zoneinfo',
  summary: 'all time zones, by name',
  when: {
    packs: /^(?:python|ruby|tcl)$/,
    // std::chrono::locate_zone() and get_tzdb() of C++20
    imports: [
      '_ZNSt6chrono11locate_zoneESt17basic_string_viewIcSt11char_traitsIcEE',
      '_ZNSt6chrono8get_tzdbEv',
    ],
    // as C has a string: Go has it in every program, needed or not
    texts: ['/usr/share/zoneinfo\0', '/usr/share/zoneinfo/%s'],
  },
  parts: [
    // the same again with leap seconds, and without them
    { tree: '/usr/share/zoneinfo', except: /^\/usr\/share\/zoneinfo\/(?:right|posix|leap-?seconds.*)$/ },
  ],
  check: (jail) => lacksAll(jail, '/usr/share/zoneinfo/*'),
};
