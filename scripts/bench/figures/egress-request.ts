import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { promisify } from 'node:util';
import type { Figure } from '../figure.ts';
import { compileWire, wire } from '../peers/wire-program.ts';
import { both, side } from '../side.ts';
import { withSandbox } from '../with-sandbox.ts';

const requests = 50;
const [proxyHost, proxyPort] = ['127.64.0.1', '3128'];

export const egressRequest: Figure = {
  name: 'egress-request',
  title: 'One HTTP request through the egress proxy, on a new connection',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 2 }],
  run: (bench) =>
    withSandbox(bench, 'quilt', async (sandbox) => {
      const program = compileWire(bench.workspace);
      const server = http.createServer((_request, response) => response.end('x'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const host = `127.0.0.1:${port}`;
      try {
        if (sandbox.ok) await sandbox.value.allow([host]);
        const samples = bench.samples(20, 5);
        return await bench.interleave(
          side({
            name: 'through the proxy, from quilt',
            samples,
            from: both(sandbox, program),
            sample: async ([ours]) =>
              Number(
                await ours.text(`/workspace/${wire}`, ['get', proxyHost, proxyPort, host, String(requests)]),
              ),
          }),
          [
            side({
              name: 'floor: the same server, from this host',
              samples,
              from: program,
              sample: async (path) => {
                const args = ['get', '127.0.0.1', String(port), host, String(requests)];
                return Number((await promisify(execFile)(path, args)).stdout);
              },
            }),
          ],
        );
      } finally {
        server.close();
      }
    }),
};
