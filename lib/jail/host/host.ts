// Where a jail is built from: the host, or a directory that holds another system.

import { endianness } from 'node:os';

import { readSmallFile } from '../../binary/conf.ts';
import { BASELINE, type Cpu, readCpu } from '../../binary/cpu.ts';
import { hostAbi } from '../../binary/machine.ts';
import { type BytePath, bytePath, pathBytes, showPath } from '../../binary/path.ts';
import { type DirectoryRoot, errorCode, openFileRoot } from '../../binary/root.ts';
import { JailError } from '../../errors.ts';
import { wordsOf } from '../work/jail-error.ts';

export interface Host {
  readonly root: DirectoryRoot;
  readonly cpu: Cpu;
  close(): void;
}

/** @throws JailError if `from` is no directory. */
export function openHost(from: BytePath | undefined): Host {
  const root = openRoot(from ?? bytePath('/'));
  // another system is for another machine: only what suits every processor
  return { root, cpu: from === undefined ? readHostCpu(root) : BASELINE, close: () => root.close() };
}

function openRoot(directory: BytePath): DirectoryRoot {
  try {
    return openFileRoot(pathBytes(directory));
  } catch (error) {
    const path = showPath(directory);
    throw new JailError(`${path}, to build the jail from: ${wordsOf(error as Error)}`, {
      code: errorCode(error) ?? 'EIO',
      path,
    });
  }
}

function readHostCpu(host: DirectoryRoot): Cpu {
  const abi = hostAbi(process.arch, endianness());
  const text = readSmallFile(host, bytePath('/proc/cpuinfo'), 16 << 20);
  return abi === undefined || text === undefined
    ? BASELINE
    : readCpu(Buffer.from(text).toString('latin1'), abi);
}
