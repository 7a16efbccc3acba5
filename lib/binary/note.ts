// Libraries that an ELF file says it opens at run time: UAPI.12, "dlopen() Metadata for ELF Files".

import { fieldsOf } from './fields.ts';
import { type Header, PT, type Segment } from './header.ts';
import { type BytePath, bytePath, toLatin1 } from './path.ts';
import type { Window } from './window.ts';

/** How badly it is wanted; without a `required` one the program does not do what it is for. */
export type DlopenPriority = 'required' | 'recommended' | 'suggested';

export interface DlopenNote {
  /** Alternatives, the preferred first: one of them is opened. At least one. */
  readonly sonames: readonly BytePath[];
  readonly priority: DlopenPriority;
  /** What it is needed for, in the words of the file: for messages, and to be quoted there. */
  readonly feature?: string;
  readonly description?: string;
}

const NT_FDO_DLOPEN_METADATA = 0x407c0c0a;
const OWNER = 'FDO\0';
const NOTE_HEADER_BYTES = 12;
// systemd's, the longest known, take 2 KiB
const MAX_SEGMENT_BYTES = 65536;
const MAX_SEGMENTS = 16;
const MAX_NOTES = 256;
const MAX_SONAMES = 16;
const MAX_NAME_BYTES = 255; // NAME_MAX

/** The notes of a file, in its order; what is not as the specification says is left out. */
export function readDlopenNotes(window: Window, header: Header): readonly DlopenNote[] {
  const segments = header.segments.filter(({ type }) => type === PT.note).slice(0, MAX_SEGMENTS);
  return segments
    .flatMap((segment) => descriptionsIn(window, header, segment))
    .flatMap(readDescription)
    .slice(0, MAX_NOTES);
}

// elf(5), "Notes (Nhdr)": three words, the owner, the description, both padded.
function descriptionsIn(window: Window, { abi }: Header, segment: Segment): readonly Uint8Array[] {
  const data = window.bytes(segment.offset, Math.min(segment.fileBytes, MAX_SEGMENT_BYTES));
  if (data === undefined) return [];
  const fields = fieldsOf(data, abi);
  const unit = segment.align === 8 ? 8 : 4; // of a segment, so that all its notes share it
  const found: Uint8Array[] = [];
  for (let at = 0; at + NOTE_HEADER_BYTES <= data.length;) {
    const [ownerBytes, descriptionBytes, type] = [fields.word(at), fields.word(at + 4), fields.word(at + 8)];
    const owner = at + NOTE_HEADER_BYTES;
    const description = align(owner + ownerBytes, unit);
    const end = description + descriptionBytes;
    if (end > data.length) break;
    if (type === NT_FDO_DLOPEN_METADATA && toLatin1(data.subarray(owner, owner + ownerBytes)) === OWNER)
      found.push(data.subarray(description, end));
    at = align(end, unit);
  }
  return found;
}

function align(offset: number, unit: number): number {
  return Math.ceil(offset / unit) * unit;
}

function readDescription(data: Uint8Array): readonly DlopenNote[] {
  const end = data.indexOf(0);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(end < 0 ? data : data.subarray(0, end));
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? entries.slice(0, MAX_NOTES).flatMap(readEntry) : [];
  } catch {
    return []; // neither UTF-8 nor JSON
  }
}

function readEntry(entry: unknown): readonly DlopenNote[] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [];
  const { soname, priority, feature, description } = entry as Readonly<Record<string, unknown>>;
  const sonames = (Array.isArray(soname) ? soname : []).filter(isName).slice(0, MAX_SONAMES);
  if (sonames.length === 0) return [];
  return [
    {
      sonames: sonames.map(bytePath),
      // the specification's word for one that says nothing
      priority: isPriority(priority) ? priority : 'recommended',
      ...(typeof feature === 'string' && { feature }),
      ...(typeof description === 'string' && { description }),
    },
  ];
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_BYTES && !value.includes('\0');
}

function isPriority(value: unknown): value is DlopenPriority {
  return value === 'required' || value === 'recommended' || value === 'suggested';
}
