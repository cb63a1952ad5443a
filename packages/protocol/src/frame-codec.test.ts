import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFrame, encodeFrame, encodeStrings } from './index.ts';
import { frameShapes, type FieldType, type FrameName } from './frame-table.ts';
import { channelLimits } from './limits.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !value.includes('\0'));
const arbitraries: Readonly<Record<FieldType, fc.Arbitrary<unknown>>> = {
  u8: fc.integer({ min: 0, max: 0xff }),
  u16: fc.integer({ min: 0, max: 0xffff }),
  u32: fc.integer({ min: 0, max: 0xffff_ffff }),
  u64: fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER)),
  i32: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  str: text,
  bytes: fc.uint8Array({ maxLength: 60 }),
  strs: fc.array(text, { maxLength: 6 }),
  rest: fc.uint8Array({ maxLength: 60 }),
  addedStr: text,
};

const payloadOf = (frame: Uint8Array): Uint8Array => frame.subarray(channelLimits.headerBytes);

test.each(Object.keys(frameShapes) as FrameName[])('%s comes out as it went in', (name) => {
  const fields = Object.fromEntries(
    Object.entries(frameShapes[name].fields).map(([field, type]) => [field, arbitraries[type]]),
  );
  fc.assert(
    fc.property(fc.record(fields), fc.nat(), (values, channel) => {
      const frame = encodeFrame(name, channel, values as never);
      const view = new DataView(frame.buffer);
      expect(view.getUint32(0, true)).toBe(frame.length - channelLimits.headerBytes);
      expect([view.getUint8(4), view.getUint32(5, true)]).toEqual([frameShapes[name].code, channel]);
      expect(decodeFrame(name, payloadOf(frame))).toEqual(values);
    }),
    { numRuns: 50 },
  );
});

test('any bytes decode or are channel.protocol, and nothing is read outside of them', () => {
  const names = fc.constantFrom(...(Object.keys(frameShapes) as FrameName[]));
  fc.assert(
    fc.property(names, fc.uint8Array({ maxLength: 200 }), (name, payload) => {
      try {
        decodeFrame(name, payload);
      } catch (error) {
        expect(error).toMatchObject({ reason: 'channel.protocol' });
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a u64 above 2^53 - 1 is malformed', () => {
  const above = Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0);
  expect(() => decodeFrame('done', above)).toThrow(expect.objectContaining({ reason: 'channel.protocol' }));
  const largest = Uint8Array.of(255, 255, 255, 255, 255, 255, 0x1f, 0);
  expect(decodeFrame('done', largest).count).toBe(Number.MAX_SAFE_INTEGER);
});

test('a list that was encoded before is the same on the wire', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 20 }), (env) => {
      const before = encodeFrame('session.open', 1, { cwd: '/', env });
      expect(encodeFrame('session.open', 1, { cwd: '/', env: encodeStrings(env, 'env') })).toEqual(before);
    }),
  );
});

test('an entry with a NUL is refused by its place, without its content', () => {
  const encode = (): unknown => encodeFrame('session.open', 1, { cwd: '/', env: ['A=1', 'TOKEN=secret\0'] });
  expect(encode).toThrow(
    expect.objectContaining({
      reason: 'argument.invalid',
      message: expect.stringContaining('entry 1') as string,
    }),
  );
  expect(encode).not.toThrow('secret');
  expect(() => encodeStrings(['TOKEN=secret\0'], 'env')).not.toThrow('secret');
});

test('a frame that was sent before a field was appended to it has that field empty', () => {
  const fields = {
    session: 0,
    flags: 0,
    timeoutMs: 0,
    idleTimeoutMs: 0,
    drainMs: 0,
    ringBytes: 0,
    credit: 0,
    rows: 0,
    columns: 0,
    cwd: '/',
    argv: ['true'],
    env: [],
    stdin: new Uint8Array(0),
    user: '',
  };
  const payload = payloadOf(encodeFrame('exec.start', 1, fields));
  expect(decodeFrame('exec.start', payload.subarray(0, -4))).toEqual(fields);
  expect(() => decodeFrame('exec.start', payload.subarray(0, -1))).toThrow(
    expect.objectContaining({ reason: 'channel.protocol' }),
  );
});
