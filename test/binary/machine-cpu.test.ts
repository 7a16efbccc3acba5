import t from 'tap';

import { readCpu } from '../../lib/binary/machine.ts';

const x86 = { bits: 64, endian: 'little', machine: 62 } as const;
const v2 = 'cx16 lahf_lm popcnt pni ssse3 sse4_1 sse4_2';
const v3 = `${v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;
const v4 = `${v3} avx512f avx512bw avx512cd avx512dq avx512vl`;
const cpuinfo = (flags: string) => `processor\t: 0\nflags\t\t: fpu ${flags} clflush\nbugs\t\t: none\n`;

t.test('a level counts only with all levels below it', async (t) => {
  t.same(readCpu(cpuinfo(''), x86).hwcaps, []);
  t.same(readCpu(cpuinfo(v2), x86).hwcaps, ['x86-64-v2']);
  t.same(readCpu(cpuinfo(v3), x86).hwcaps, ['x86-64-v3', 'x86-64-v2']);
  t.same(readCpu(cpuinfo(v4), x86).hwcaps, ['x86-64-v4', 'x86-64-v3', 'x86-64-v2']);
  t.same(readCpu(cpuinfo(v4.replace('movbe', '')), x86).hwcaps, ['x86-64-v2']);
});

t.test('a processor of which nothing is known is any processor', async (t) => {
  t.same(readCpu('', x86).hwcaps, []);
  t.same(readCpu(cpuinfo(v4), { bits: 64, endian: 'little', machine: 183 }).hwcaps, []);
  t.same(readCpu(cpuinfo(v4), { bits: 64, endian: 'big', machine: 22 }), { hwcaps: [] });
});
