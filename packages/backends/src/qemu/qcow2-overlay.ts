/** 64 KiB, what QEMU itself takes. */
const clusterBits = 16;
const clusterBytes = 2 ** clusterBits;
/** Header of version 3 with an incompatible-features field and no extensions but the end mark. */
const headerBytes = 104;
const backingOffset = 0x200;

/**
 * An empty qcow2 image (version 3, docs/interop/qcow2.txt of QEMU) above a raw backing file: every read goes to that
 * until something was written. The same arguments give the same bytes.
 */
export function emptyQcow2(options: {
  readonly bytes: number;
  readonly backingPath: string;
  readonly backingFormat: 'raw' | 'qcow2';
}): Buffer {
  const { bytes, backingPath } = options;
  const l2Covers = clusterBytes * (clusterBytes / 8);
  const l1Entries = Math.ceil(bytes / l2Covers);
  const backing = Buffer.from(backingPath);
  // Clusters: header, refcount table, refcount block, L1 table.
  const image = Buffer.alloc(4 * clusterBytes);
  image.write('QFI\u00fb', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeBigUInt64BE(BigInt(backingOffset), 8);
  image.writeUInt32BE(backing.byteLength, 16);
  image.writeUInt32BE(clusterBits, 20);
  image.writeBigUInt64BE(BigInt(bytes), 24);
  image.writeUInt32BE(l1Entries, 36);
  image.writeBigUInt64BE(BigInt(3 * clusterBytes), 40);
  image.writeBigUInt64BE(BigInt(clusterBytes), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96); // refcounts of 16 bits
  image.writeUInt32BE(headerBytes, 100);
  // Extension: format of the backing file.
  const format = Buffer.from(options.backingFormat);
  image.writeUInt32BE(0xe2792aca, headerBytes);
  image.writeUInt32BE(format.byteLength, headerBytes + 4);
  format.copy(image, headerBytes + 8);
  backing.copy(image, backingOffset);
  image.writeBigUInt64BE(BigInt(2 * clusterBytes), clusterBytes);
  for (let cluster = 0; cluster < 4; cluster++) image.writeUInt16BE(1, 2 * clusterBytes + 2 * cluster);
  return image;
}
