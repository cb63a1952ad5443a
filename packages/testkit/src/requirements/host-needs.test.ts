import { describe, expect, test } from 'vitest';
import { requiredNeeds, skipOrFail } from './host-needs.ts';

describe('needs of a host', () => {
  test('are read from a comma-separated list', () => {
    expect([...requiredNeeds(' quilt, root,')]).toEqual(['quilt', 'root']);
    expect(requiredNeeds('').size).toBe(0);
  });

  test('a misspelt one is an error', () => {
    expect(() => requiredNeeds('quilt,bublewrap')).toThrow('bublewrap');
  });

  test('one that is missing skips with its reason, or fails where it is required', () => {
    const notes: (string | undefined)[] = [];
    const context = {
      skip(note?: string): never {
        notes.push(note);
        throw new Error('skipped');
      },
    };
    expect(() => skipOrFail(context, 'docker', 'no daemon', new Set())).toThrow('skipped');
    expect(notes).toEqual(['needs docker: no daemon']);
    expect(() => skipOrFail(context, 'docker', 'no daemon', new Set(['docker']))).toThrow('required');
  });
});
