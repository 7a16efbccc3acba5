import t from 'tap';

import { floatAbi, glibcInterpreter, hostAbi, machineName, sameAbi } from '../../lib/binary/machine.ts';

const abi = (machine: number, bits: 32 | 64 = 64, endian: 'little' | 'big' = 'little', flags = 0) => {
  const float = floatAbi(machine, flags);
  return { machine, bits, endian, ...(float && { floatAbi: float }) };
};

t.test('machines have the names people use', async (t) => {
  t.equal(machineName(abi(62)), 'x86-64');
  t.equal(machineName(abi(62, 32)), 'x32');
  t.equal(machineName(abi(3, 32)), 'i386');
  t.equal(machineName(abi(183)), 'aarch64');
  t.equal(machineName(abi(40, 32, 'little', 0x400)), 'arm (hard float)');
  t.equal(machineName(abi(21)), 'ppc64le');
  t.equal(machineName(abi(8, 64)), 'mips64el');
  t.equal(machineName(abi(22, 64, 'big')), 's390x');
  t.equal(machineName(abi(243)), 'riscv64');
  t.equal(machineName(abi(4711)), 'machine 4711');
});

t.test('a loader takes files of its own class, byte order, machine and float convention', async (t) => {
  t.ok(sameAbi(abi(62), abi(62)));
  t.notOk(sameAbi(abi(62), abi(62, 32)));
  t.notOk(sameAbi(abi(62), abi(183)));
  t.notOk(sameAbi(abi(21), abi(21, 64, 'big')));
  t.notOk(sameAbi(abi(40, 32, 'little', 0x400), abi(40, 32, 'little', 0x200)));
  t.ok(sameAbi(abi(40, 32, 'little', 0x400), abi(40, 32)), 'a library that does not say');
});

t.test('this process has an ABI, and its loader a place', async (t) => {
  t.match(hostAbi('x64', 'LE'), { machine: 62, bits: 64, endian: 'little' });
  t.equal(hostAbi('mips', 'BE'), undefined);
  t.equal(glibcInterpreter(abi(62)), '/lib64/ld-linux-x86-64.so.2');
  t.equal(glibcInterpreter(abi(183)), '/lib/ld-linux-aarch64.so.1');
  t.equal(glibcInterpreter(abi(4711)), undefined);
});
