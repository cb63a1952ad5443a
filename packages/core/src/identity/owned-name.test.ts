import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownedName, sweepAbandoned } from './owned-name.ts';

describe('names that say whose they are', () => {
  test('are all different, and swept only when their process is gone', () => {
    const root = mkdtempSync(join(tmpdir(), 'on-'));
    try {
      const own = [ownedName('a'), ownedName('a')];
      expect(new Set(own).size).toBe(2);
      const others = ['a.of-1', 'a.of-x-1-1', 'of-999999999-1-1', 'a.of-999999999-1-1.json'];
      for (const name of [...own, ...others]) writeFileSync(join(root, name), '');
      mkdirSync(join(root, 'a.of-999999999-1-7', 'inner'), { recursive: true });
      writeFileSync(join(root, `s.of-${process.pid}-1-7`), '');
      sweepAbandoned(root);
      expect(readdirSync(root).sort()).toEqual([...own, ...others].sort());
      sweepAbandoned(join(root, 'absent'));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
