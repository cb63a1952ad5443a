import { describe, expect } from 'vitest';
import { verifies } from '@sovereign/testkit';
import { readList } from './list-answer.ts';

const read = (text: string): object => Object.fromEntries(readList('sbx ls --json', text));

describe('what a program lists', () => {
  verifies('R-TIER-6', 'both programs are read, with all that they say besides', () => {
    const sandboxes = [{ name: 'a', id: '1', agent: 'shell', status: 'running', workspaces: ['/w'] }];
    expect(read(JSON.stringify({ sandboxes }))).toEqual({ a: 'running' });
    const vms = [
      { name: 'claude-vm', agent: 'claude', status: 'running', socket_path: '/s', sandbox_count: 2 },
      { name: 'gemini-vm', agent: 'gemini', status: 'stopped', sandbox_count: 0 },
    ];
    expect(read(JSON.stringify({ vms }, null, 2))).toEqual({
      'claude-vm': 'running',
      'gemini-vm': 'stopped',
    });
    expect(read(`Starting the daemon...\n${JSON.stringify({ sandboxes: [] })}\n`)).toEqual({});
  });

  verifies('R-TIER-6', 'a state that is not known runs nothing', () => {
    expect(read('{"sandboxes":[{"name":"a","status":"booting"}]}')).toEqual({ a: 'stopped' });
  });

  verifies('R-TIER-6', 'whatever else is answered is refused, and what it says is cut', () => {
    const many = JSON.stringify({ sandboxes: Array(10_001).fill({ name: 'a', status: 'running' }) });
    const deep = `{"sandboxes":${'['.repeat(40)}${']'.repeat(40)}}`;
    for (const text of ['', 'none', '{', '[]', '{"sandboxes":7}', '{"sandboxes":[{"name":7}]}', many, deep])
      expect(() => read(text)).toThrow(
        expect.objectContaining({
          reason: 'engine.failed',
          message: expect.stringContaining('sbx ls --json'),
        }),
      );
  });
});
