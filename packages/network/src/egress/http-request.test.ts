import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endOfHead, parseAuthority, parseHttpHead } from './http-head.ts';
import { forwardRequest } from './http-request.ts';

const head = (text: string) => parseHttpHead(Buffer.from(text.replaceAll('\n', '\r\n')));

function forwarded(text: string): string | undefined {
  const parsed = head(text);
  const request = parsed && forwardRequest(parsed);
  return request && Buffer.from(request.head).toString();
}

test('an absolute URI becomes the request of its server, without what is for the proxy', () => {
  expect(
    forwarded(
      'GET http://Example.com:8080/a?b=c HTTP/1.1\nHost: other.example\nProxy-Authorization: x\nConnection: keep-alive, X-Hop\nX-Hop: 1\nAccept: */*\n\n',
    ),
  ).toBe('GET /a?b=c HTTP/1.1\r\nhost: Example.com:8080\r\naccept: */*\r\nconnection: close\r\n\r\n');
  expect(forwarded('GET http://example.com?q HTTP/1.0\n\n')).toContain(
    'GET /?q HTTP/1.1\r\nhost: example.com\r\n',
  );
});

test('no header that Connection names takes the length of the body along', () => {
  for (const connection of ['content-length', 'close, Content-Length', 'host', 'x'])
    expect(forwarded(`POST http://a.com/ HTTP/1.1\nConnection: ${connection}\nContent-Length: 04\n\n`)).toBe(
      'POST / HTTP/1.1\r\nhost: a.com\r\ncontent-length: 4\r\nconnection: close\r\n\r\n',
    );
  expect(
    forwarded('POST http://a.com/ HTTP/1.1\nConnection: transfer-encoding\nTransfer-Encoding: Chunked\n\n'),
  ).toBe('POST / HTTP/1.1\r\nhost: a.com\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n');
});

test.each([
  'GET / HTTP/1.1\n\n',
  'GET https://example.com/ HTTP/1.1\n\n',
  'GET http://example.com/#fragment HTTP/1.1\n\n',
  'GET http://user@example.com/ HTTP/1.1\n\n',
  'GET http://exa mple.com/ HTTP/1.1\n\n',
  'GET http:/// HTTP/1.1\n\n',
  'GET http://a.com:0/ HTTP/1.1\n\n',
  'POST http://a.com/ HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\n',
  'POST http://a.com/ HTTP/1.1\nContent-Length: 1, 1\n\n',
  'POST http://a.com/ HTTP/1.1\nContent-Length: +1\n\n',
  'POST http://a.com/ HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked\n\n',
  'POST http://a.com/ HTTP/1.1\nTransfer-Encoding: gzip, chunked\n\n',
  'POST http://a.com/ HTTP/1.0\nTransfer-Encoding: chunked\n\n',
  'GET http://a.com/ HTTP/1.1\nName : value\n\n',
  'GET http://a.com/ HTTP/1.1\nName\n\n',
  'GET http://a.com/ HTTP/1.1\n folded: x\n\n',
  'GET http://a.com/ HTTP/1.1\nA: b\u0000c\n\n',
  'GET  http://a.com/ HTTP/1.1\n\n',
  'GET http://a.com/ HTTP/2.0\n\n',
])('%j is refused', (text) => {
  expect(forwarded(text)).toBeUndefined();
});

test('a line that ends in one character only hides no header', () => {
  for (const text of [
    'GET http://a.com/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n',
    'GET http://a.com/ HTTP/1.1\r\nA: b\rC: d\r\n\r\n',
  ])
    expect(parseHttpHead(Buffer.from(text))).toBeUndefined();
});

test('whatever comes, a head is read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const end = endOfHead(bytes);
      if (end === undefined) return;
      const parsed = parseHttpHead(bytes.subarray(0, end));
      if (parsed !== undefined) forwardRequest(parsed);
    }),
  );
});

test('authorities', () => {
  expect(parseAuthority('a.com:443')).toEqual({ host: 'a.com', port: 443 });
  expect(parseAuthority('[::1]:443')).toEqual({ host: '[::1]', port: 443 });
  for (const text of ['a.com', 'a.com:', 'a.com:99999', '::1:443', 'a@b:1', 'a:b:1', ':1'])
    expect(parseAuthority(text), text).toBeUndefined();
});
