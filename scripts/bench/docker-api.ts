import { Agent, request, type IncomingMessage } from 'node:http';

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export interface ContainerOptions {
  readonly image: string;
  readonly command: readonly string[];
  /** Default: the engine's own default network. */
  readonly network?: 'none';
}

/** As much of Docker's HTTP API over its unix socket as a measurement needs. */
export class DockerApi {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async version(): Promise<string> {
    const { Version } = await this.#json<{ readonly Version: string }>({ method: 'GET', path: '/version' });
    return Version;
  }

  /** Imports a root filesystem from a tar archive. */
  async importImage(name: string, tar: Buffer): Promise<void> {
    const path = `/images/create?fromSrc=-&repo=${name}&tag=latest`;
    const said = await this.#text({ method: 'POST', path, body: tar });
    if (said.includes('"error"')) throw new Error(`The image was not imported: ${said.slice(0, 200)}`);
  }

  /** Resolves when the image can be used. */
  async pullImage(name: string): Promise<void> {
    const at = name.lastIndexOf(':');
    const path = `/images/create?fromImage=${encodeURIComponent(name.slice(0, at))}&tag=${name.slice(at + 1)}`;
    const said = await this.#text({ method: 'POST', path });
    if (said.includes('"error"')) throw new Error(`The image was not pulled: ${said.slice(-300)}`);
  }

  async removeImage(name: string): Promise<void> {
    await this.#text({ method: 'DELETE', path: `/images/${name}?force=true` });
  }

  async createContainer(options: ContainerOptions): Promise<string> {
    const body = {
      Image: options.image,
      Cmd: options.command,
      Labels: { 'sovereign.bench': 'yes' },
      ...(options.network === undefined ? {} : { HostConfig: { NetworkMode: options.network } }),
    };
    const created = await this.#json<{ readonly Id: string }>({
      method: 'POST',
      path: '/containers/create',
      body,
    });
    return created.Id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#text({ method: 'POST', path: `/containers/${id}/start` });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#text({ method: 'DELETE', path: `/containers/${id}?force=true&v=true` });
  }

  /** Create, start, read to the end, ask for the exit code: what every client does for one command. */
  async exec(id: string, command: readonly string[], onBytes?: (bytes: number) => void): Promise<number> {
    const asked = { AttachStdout: true, AttachStderr: true, Cmd: command };
    const exec = await this.#json<{ readonly Id: string }>({
      method: 'POST',
      path: `/containers/${id}/exec`,
      body: asked,
    });
    const output = await this.#send({
      method: 'POST',
      path: `/exec/${exec.Id}/start`,
      body: { Detach: false, Tty: false },
    });
    for await (const chunk of output) onBytes?.((chunk as Buffer).length);
    const ended = await this.#json<{ readonly ExitCode: number }>({
      method: 'GET',
      path: `/exec/${exec.Id}/json`,
    });
    return ended.ExitCode;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #json<T>(call: Call): Promise<T> {
    return JSON.parse(await this.#text(call)) as T;
  }

  async #text(call: Call): Promise<string> {
    return textOf(await this.#send(call));
  }

  async #send({ method, path, body }: Call): Promise<IncomingMessage> {
    const content = Buffer.isBuffer(body)
      ? body
      : body === undefined
        ? undefined
        : Buffer.from(JSON.stringify(body));
    const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          agent: this.#agent,
          method,
          path,
          headers: {
            host: 'docker',
            ...(content === undefined ? {} : { 'content-type': type, 'content-length': content.length }),
          },
        },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(content);
    });
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw new Error(
      `${method} ${path.split('?')[0] ?? path}: ${status} ${(await textOf(response)).trim().slice(0, 200)}`,
    );
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
