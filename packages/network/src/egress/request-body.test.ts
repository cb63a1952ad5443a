import { expect, test } from 'vitest';
import { requestBody } from './request-body.ts';

/** What passes, and what is thrown once it has. */
async function passed(
  pieces: readonly string[],
  length: number | 'chunked',
): Promise<{ readonly text: string; readonly error?: unknown }> {
  const source = (async function* () {
    for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece, 'latin1'));
  })();
  let text = '';
  try {
    for await (const part of requestBody(source, length)) text += Buffer.from(part).toString('latin1');
    return { text };
  } catch (error) {
    return { text, error };
  }
}

const after = 'GET http://hidden/ HTTP/1.1\r\n\r\n';

test('exactly the body passes, in whatever pieces it comes; what follows does not', async () => {
  const chunked = '5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: x\r\n\r\n';
  expect(await passed(['hel', 'lo', after], 5)).toEqual({ text: 'hello' });
  expect(await passed([after], 0)).toEqual({ text: '' });
  expect(await passed([chunked + after], 'chunked')).toEqual({ text: chunked });
  expect(await passed(Array.from(chunked + after), 'chunked')).toEqual({ text: chunked });
  for (let at = 1; at < chunked.length; at++)
    expect(await passed([chunked.slice(0, at), chunked.slice(at) + after], 'chunked')).toEqual({
      text: chunked,
    });
});

test.each([
  'x\r\n',
  '-1\r\n',
  '5\nhello\r\n',
  '5\nhello\n0\n\nGET /hidden HTTP/1.1\n\n',
  '5\r\nhello\n0\n\nGET /hidden HTTP/1.1\n\n',
  '5\r\nhelloXX0\r\n\r\n',
  '1\r\nab\r\n0\r\n\r\n',
  '0x1\r\na\r\n',
  '1'.repeat(5_000),
  '1000000000000\r\n',
  '5;ext\nGET /hidden HTTP/1.1\r\n',
  '5\r\nhel',
  '0\r\nA: b\n\nGET /hidden HTTP/1.1\n\n\r\n\r\n',
  '0\r\n folded\r\n\r\n',
  '0\r\nName : x\r\n\r\n',
  `0\r\n${'A: b\r\n'.repeat(33)}\r\n`,
])('a chunked body such as %j is refused, and nothing of the malformed line passes', async (text) => {
  for (const pieces of [[text], Array.from(text)]) {
    const { text: seen, error } = await passed(pieces, 'chunked');
    expect(error).toMatchObject({ message: expect.stringMatching(/body/) as unknown });
    expect(seen).not.toContain('hidden');
    // Of what passed, every line is whole.
    expect(seen.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  }
});

test('a body that ends too early is no body', async () => {
  expect(await passed(['hel'], 5)).toMatchObject({
    text: 'hel',
    error: { message: expect.stringContaining('early') as unknown },
  });
});
