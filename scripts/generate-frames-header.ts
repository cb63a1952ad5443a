/**
 * Writes the C side of the frame table: constants, one struct a frame, a decoder for what the host sends and an
 * encoder for what the guest sends. `--check` only compares, for CI.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import {
  changeKinds,
  channelGeneration,
  channelLimits,
  execFlags,
  exitCauses,
  fileFlags,
  fileKinds,
  frameShapes,
  layerStates,
  mountFlags,
  signalScopes,
  tunnelKinds,
  type FieldType,
  type FrameShape,
} from '@sovereign/protocol';

const target = new URL('../packages/guest/shelld/src/frames.gen.h', import.meta.url);

const snake = (name: string): string =>
  name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`).replaceAll('.', '_');
const upper = (name: string): string => snake(name).toUpperCase();

/** Field names that are macros in the C library get a trailing underscore. */
const macros: ReadonlySet<string> = new Set(['errno', 'stdin', 'stdout', 'stderr']);
const member = (field: string): string => (macros.has(field) ? `${field}_` : snake(field));

const cTypes: Readonly<Record<FieldType, string>> = {
  u8: 'uint8_t',
  u16: 'uint16_t',
  u32: 'uint32_t',
  u64: 'uint64_t',
  i32: 'int32_t',
  str: 'struct slice',
  bytes: 'struct slice',
  strs: 'struct strings',
  rest: 'struct slice',
  addedStr: 'struct slice',
};

function enumeration(prefix: string, values: Readonly<Record<string, number>>): string {
  const rows = Object.entries(values).map(([name, value]) => `    ${prefix}_${upper(name)} = ${value},`);
  return `enum {\n${rows.join('\n')}\n};\n`;
}

function struct(name: string, shape: FrameShape): string {
  const rows = Object.entries(shape.fields).map(([field, type]) => `    ${cTypes[type]} ${member(field)};`);
  return `/* ${shape.about} */\nstruct frame_${snake(name)} {\n${rows.join('\n')}\n};\n`;
}

function decoder(name: string, shape: FrameShape): string {
  const fields = Object.entries(shape.fields);
  const reads = fields.map(
    ([field, type]) => `           read_${snake(type)}(&reader, &frame->${member(field)})`,
  );
  const id = snake(name);
  return [
    `static inline bool decode_${id}(struct slice payload, struct frame_${id} *frame)`,
    `{`,
    `    struct reader reader = {payload.data, payload.length};`,
    `    return ${reads.join(' &&\n').trimStart()};`,
    `}`,
    ``,
  ].join('\n');
}

function encoder(name: string, shape: FrameShape): string {
  const fields = Object.entries(shape.fields);
  const id = snake(name);
  const writes = fields.map(([field, type]) => `    write_${snake(type)}(&writer, frame->${member(field)});`);
  const declared = fields.length > 0 ? `, const struct frame_${id} *frame` : '';
  return [
    `/* Returns the bytes written, or 0 when they do not fit. */`,
    `static inline size_t encode_${id}(uint8_t *out, size_t capacity, uint32_t channel${declared})`,
    `{`,
    `    struct writer writer = begin_frame(out, capacity);`,
    ...writes,
    `    return end_frame(&writer, FRAME_${upper(name)}, channel);`,
    `}`,
    ``,
  ].join('\n');
}

const parts = [
  `/* Generated from packages/protocol/src/frame-table.ts by \`npm run generate\`. Do not edit. */`,
  `#ifndef SOVEREIGN_FRAMES_GEN_H`,
  `#define SOVEREIGN_FRAMES_GEN_H`,
  `#include "codec.h"`,
  ``,
  enumeration('LIMIT', channelLimits),
  '_Static_assert(FRAME_HEADER_BYTES == (int)LIMIT_HEADER_BYTES && FRAME_MAX_PAYLOAD == (int)LIMIT_MAX_PAYLOAD_BYTES &&\n                   FRAME_MAX_LIST == (int)LIMIT_MAX_LIST_ENTRIES,\n               "codec.h and the frame table agree");\n',
  enumeration('GENERATION', channelGeneration),
  enumeration(
    'FRAME',
    Object.fromEntries(Object.entries(frameShapes).map(([name, shape]) => [name, shape.code])),
  ),
  enumeration('EXEC', execFlags),
  enumeration('CAUSE', exitCauses),
  enumeration('SCOPE', signalScopes),
  enumeration('FILE_FLAG', fileFlags),
  enumeration('MOUNT_FLAG', mountFlags),
  enumeration('FILE_KIND', fileKinds),
  enumeration('CHANGE', changeKinds),
  enumeration('LAYER', layerStates),
  enumeration('TUNNEL', tunnelKinds),
];
for (const [name, shape] of Object.entries(frameShapes)) {
  const hasFields = Object.keys(shape.fields).length > 0;
  if (hasFields) parts.push(struct(name, shape));
  if (hasFields && shape.from !== 'guest') parts.push(decoder(name, shape));
  if (shape.from !== 'host') parts.push(encoder(name, shape));
}
parts.push('#endif');
const text = `${parts.join('\n')}\n`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    process.stderr.write(
      'frames.gen.h is not what the frame table says. Run `npm run generate` and commit it.\n',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
