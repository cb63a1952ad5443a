import type { SandboxId } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import {
  backendContract,
  containerEngineContract,
  createFakeBackend,
  FakeEngine,
  readOciArchive,
  type EngineContractOptions,
  type FakeBackend,
  type FakeGuest,
  type OciImage,
} from '@sovereign/testkit';

/** What survives a restart of the fake, by its state directory. */
const houses = new Map<string, { readonly guests: Map<SandboxId, FakeGuest>; readonly engine: FakeEngine }>();
/** What is published, for every engine that pulls. */
const registry = new Map<string, OciImage>();

const fake: EngineContractOptions = {
  name: 'fake',
  hasKernel: false,
  hostSeesProcesses: false,
  hasQuotas: false,
  hasBuilder: false,
  openChannel: (stream) => connectGuestChannel(stream),
  create: ({ stateDir }) => Promise.resolve(open(stateDir)),
  publish: (archive) => {
    const [image] = readOciArchive(archive);
    const reference = 'registry.test/team/app:1';
    if (image !== undefined) registry.set(reference, image);
    return Promise.resolve({
      reference,
      missing: 'registry.test/team/none:1',
      dispose: () => {
        registry.clear();
        return Promise.resolve();
      },
    });
  },
};

containerEngineContract(fake);
containerEngineContract({
  ...fake,
  name: 'fake without abilities',
  create: () => {
    const guests = new Map<SandboxId, FakeGuest>();
    const lacks = ['commit', 'fork', 'diff', 'volumes', 'attachRunning', 'networks'] as const;
    return Promise.resolve(
      createFakeBackend({ guests, engine: new FakeEngine(guests, { lacks, registry }) }),
    );
  },
});
containerEngineContract({
  ...fake,
  name: 'fake that mounts in stopped containers only',
  create: () => {
    const guests = new Map<SandboxId, FakeGuest>();
    const engine = new FakeEngine(guests, { lacks: ['attachRunning'], registry });
    return Promise.resolve(createFakeBackend({ guests, engine, capabilities: { canPause: false } }));
  },
});
backendContract({ ...fake, name: 'fake container engine' });

function open(stateDir: string): FakeBackend {
  let house = houses.get(stateDir);
  if (house === undefined) {
    const guests = new Map<SandboxId, FakeGuest>();
    house = { guests, engine: new FakeEngine(guests, { registry }) };
    houses.set(stateDir, house);
  }
  return createFakeBackend({ ...house, createMs: 5 });
}
