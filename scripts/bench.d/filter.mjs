// Prints the seccomp filter of a launch as C++, for bare.cc.
import { smallFilter } from '../../dist/lib/launch/seccomp/small-filter.js';

const filter = smallFilter(process.arch);
const rows = Array.from({ length: filter.length / 8 }, (_, i) => {
  const [code, value] = [filter.readUInt16LE(i * 8), filter.readUInt32LE(i * 8 + 4)];
  return `  {${code}, ${filter[i * 8 + 2]}, ${filter[i * 8 + 3]}, ${value}},\n`;
});
console.log(`static const sock_filter kFilter[] = {\n${rows.join('')}};`);
