import { describe, expect } from 'vitest';
import { verifies } from '@sovereign/testkit';
import { CommandLine, type CreateRequest } from './command-line.ts';

const hostile = "--all; rm -rf / $(reboot) '";
const request: CreateRequest = { name: 'sovereign-0123456789abcdef-000000000001', workspaces: ['/work'] };

describe('command lines of Docker Sandboxes', () => {
  const sbx = new CommandLine('sbx');
  const plugin = new CommandLine('plugin');

  verifies('R-TIER-6', 'a sandbox is made with its name, image, limits and directories', () => {
    expect(sbx.create({ ...request, template: 'team/image:1', memoryMib: 1024, cpus: 2 })).toEqual([
      'create',
      '--quiet',
      `--name=${request.name}`,
      '--template=team/image:1',
      '--memory=1024m',
      '--cpus=2',
      'shell',
      '/work',
    ]);
    expect(plugin.create({ ...request, workspaces: ['/empty', '/work:ro'] })).toEqual([
      ...['sandbox', 'create', '--quiet', `--name=${request.name}`, 'shell', '/empty', '/work:ro'],
    ]);
  });

  verifies('R-TIER-6', 'the two programs differ where they are published to differ', () => {
    expect(sbx.remove('one')).toEqual(['rm', '--force', 'one']);
    expect(plugin.remove('one')).toEqual(['sandbox', 'rm', 'one']);
    expect(sbx.denyNetwork('one')).toEqual(['policy', 'deny', 'network', '--sandbox=one', '**']);
    expect(plugin.denyNetwork('one')).toEqual(['sandbox', 'network', 'proxy', 'one', '--policy=deny']);
    expect(sbx.checkNetwork('one', 'example.com')).toEqual([
      ...['policy', 'check', 'network', '--sandbox=one', 'example.com'],
    ]);
    expect(plugin.checkNetwork('one', 'example.com')).toBeUndefined();
    for (const [line, words] of [
      [sbx.version(), ['version']],
      [sbx.list(), ['ls', '--json']],
      [sbx.stop('one'), ['stop', 'one']],
      [plugin.version(), ['sandbox', 'version']],
      [plugin.list(), ['sandbox', 'ls', '--json']],
      [plugin.stop('one'), ['sandbox', 'stop', 'one']],
    ])
      expect(line).toEqual(words);
  });

  verifies('R-TIER-6', 'what a caller chose is one argument, where no option is looked for', () => {
    expect(sbx.create({ ...request, template: hostile })).toContain(`--template=${hostile}`);
    const line = sbx.exec({ name: 'one', argv: ['echo', hostile], isInteractive: true });
    expect(line).toEqual(['exec', '--interactive', '--user=0:0', '--workdir=/', 'one', 'echo', hostile]);
    expect(plugin.exec({ name: 'one', argv: ['true'] })).toEqual([
      ...['sandbox', 'exec', '--user=0:0', '--workdir=/', 'one', 'true'],
    ]);
  });
});
