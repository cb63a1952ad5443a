/**
 * What an agent does with containers: a database and a web server, a connection from the one to the other on one port,
 * commands in both, both kept for a session, and then cleaned up. From the repository:
 *
 *     npx tsx --conditions=@sovereign/source examples/database-and-web.ts
 */
import { Sovereign } from '@sovereign/sdk';

/** A table in SQLite, asked by a line of SQL over TCP. */
const database = `
import json, socketserver, sqlite3
rows = sqlite3.connect(':memory:', check_same_thread=False)
rows.execute('create table visits (page text)')
class Query(socketserver.StreamRequestHandler):
    def handle(self):
        sql, *values = json.loads(self.rfile.readline())
        self.wfile.write(json.dumps(rows.execute(sql, values).fetchall()).encode())
print('ready', flush=True)
socketserver.ThreadingTCPServer(('127.0.0.1', 5432), Query).serve_forever()
`;

/** Counts visits of a page in the database that it reaches by its name. */
const web = `
import http.server, json, socket, sys
def ask(*query):
    with socket.create_connection((sys.argv[1], 5432), timeout=5) as link:
        link.sendall(json.dumps(query).encode() + b'\\n')
        return json.loads(link.makefile().read())
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ask('insert into visits values (?)', self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'visit %d' % ask('select count(*) from visits')[0][0])
    def log_message(self, *_): pass
print('ready', flush=True)
http.server.HTTPServer(('127.0.0.1', 8080), Page).serve_forever()
`;

const session = { strategy: 'session', scope: `example-${process.pid}` } as const;
await using sovereign = await Sovereign.open();
const { containers } = sovereign;

try {
  // Made and started apart: an agent decides when.
  const [db, site] = [`db-${process.pid}`, `web-${process.pid}`];
  for (const name of [db, site]) {
    await containers.createContainer({ name, ...session, limits: { memoryBytes: 268_435_456, pids: 64 } });
    await containers.startContainer(name);
  }

  await serve(db, database);
  const link = await containers.establishConnection(site, db, 5432);
  console.log('web reaches db at', link.names.join(' and '), 'port', link.port);
  await serve(site, web, db);

  // Published on this host, on a port that is free.
  const port = await containers.bindPort(site, { port: 8080 });
  const url = `http://${port.hostAddress}:${port.hostPort}/`;
  for (const page of ['', 'about'])
    console.log('page', JSON.stringify(await (await fetch(url + page)).text()));

  // Commands in both.
  const asked = `import socket; print(socket.create_connection(('127.0.0.1', 5432)) and 'it listens')`;
  const inDb = await containers.execInContainer(db, { command: 'python3', args: ['-c', asked] });
  console.log('in db', inDb.stdoutText.trim());
  const tried = `import socket; print(socket.create_connection(('${db}', 22), timeout=2))`;
  const inWeb = await containers.execInContainer(site, { command: 'python3', args: ['-c', tried] });
  console.log('in web, another port of db:', inWeb.stderrText.trim().split('\n').at(-1));

  // Cut, it is gone at once.
  await containers.severConnection(site, db, 5432);
  const after = await fetch(url).then(
    (answer) => `answered ${answer.status}`,
    () => 'no answer',
  );
  console.log('without the link', after);

  const { containers: all } = await containers.listContainers();
  const kept = all.filter(({ scope }) => scope === session.scope);
  console.log('kept for the session', kept.map(({ state }) => state).join(', '));
} finally {
  const { removed } = await sovereign.completeSession(session.scope);
  console.log('removed', removed.length);
}

/** Starts a server that stays, and waits until it says that it is ready. */
async function serve(container: string, program: string, ...args: readonly string[]): Promise<void> {
  const sandbox = await sovereign.connect(container);
  const server = await sandbox.spawn({ command: 'python3', args: ['-c', program, ...args] });
  for await (const { data } of server) if (Buffer.from(data).includes('ready')) break;
  await server.detach();
}
