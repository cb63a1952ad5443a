import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';

const elfMagic = 0x464c457f;
const headerBytes = 64;
const machineX86 = 62;
const noteType = 4;
const pvhEntryType = 18;
const maxHeaders = 64;

/**
 * Checks that a file is a kernel that boots as a microVM: ELF, x86-64, whole, with a PVH entry (note type 18 of Xen's
 * public elfnote.h).
 *
 * @throws SovereignError `microvm.kernel-missing`, `microvm.kernel-invalid`
 */
export function checkKernelImage(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw kernelMissing(path);
  const file = openSync(path, 'r');
  try {
    const problem = problemOf((offset, bytes) => readAt(file, offset, bytes), size);
    if (problem !== undefined) throw invalidKernel(path, problem);
  } finally {
    closeSync(file);
  }
}

type Reader = (offset: number, bytes: number) => Buffer;

function problemOf(read: Reader, size: number): string | undefined {
  const header = read(0, headerBytes);
  if (header.length < headerBytes || header.readUInt32LE(0) !== elfMagic)
    return 'it is no uncompressed ELF image';
  if (header[4] !== 2 || header.readUInt16LE(18) !== machineX86) return 'it is not for x86-64';
  const [offset, entryBytes, count] = [
    Number(header.readBigUInt64LE(32)),
    header.readUInt16LE(54),
    header.readUInt16LE(56),
  ];
  if (entryBytes !== 56 || count > maxHeaders) return 'its program headers are not those of a kernel';
  let hasEntry = false;
  for (let index = 0; index < count; index++) {
    const entry = read(offset + index * entryBytes, entryBytes);
    if (entry.length < entryBytes) return 'it is cut short';
    const [type, start, bytes] = [
      entry.readUInt32LE(0),
      Number(entry.readBigUInt64LE(8)),
      Number(entry.readBigUInt64LE(32)),
    ];
    if (start + bytes > size) return 'it is cut short';
    if (type === noteType) hasEntry ||= holdsPvhEntry(read(start, Math.min(bytes, 65_536)));
  }
  return hasEntry ? undefined : 'it has no PVH entry (CONFIG_PVH)';
}

function holdsPvhEntry(notes: Buffer): boolean {
  for (let at = 0; at + 12 <= notes.length;) {
    const [nameBytes, valueBytes, type] = [
      notes.readUInt32LE(at),
      notes.readUInt32LE(at + 4),
      notes.readUInt32LE(at + 8),
    ];
    if (type === pvhEntryType && notes.toString('latin1', at + 12, at + 15) === 'Xen') return true;
    at += 12 + align(nameBytes) + align(valueBytes);
  }
  return false;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

function readAt(file: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, offset));
}

export function kernelMissing(path: string): SovereignError {
  return new SovereignError({
    reason: 'microvm.kernel-missing',
    message: `There is no kernel for microVMs: ${path}.`,
    hint: 'Build it, which takes about three minutes: sovereign microvm build',
    context: { path },
  });
}

function invalidKernel(path: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'microvm.kernel-invalid',
    message: `This kernel cannot boot as a microVM: ${path} (${problem}).`,
    hint: 'Delete it and build it again: sovereign microvm build',
    context: { path },
  });
}
