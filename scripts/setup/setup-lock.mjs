import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { PhaseError, say } from '../phases/phase.mjs';
import { root } from '../phases/run-command.mjs';

const lockPath = join(root, 'build', 'setup.lock');
const heartbeatMs = 5_000;
const staleAfterMs = 60_000;
const pollMs = 200;
const waitAtMostMs = 20 * 60_000;

/**
 * Runs the work while no other set-up of this directory runs. The holder touches the lock file again and again, so
 * that one left behind by a crash is taken over.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws PhaseError when another set-up does not end in time.
 */
export async function withSetupLock(work) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const mine = `${hostname()} ${String(process.pid)} ${String(Date.now())}\n`;
  await acquire(mine);
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(lockPath, now, now);
    } catch {
      // Somebody deleted the lock: the work itself goes on.
    }
  }, heartbeatMs);
  const release = () => {
    if (readHolder() === mine) rmSync(lockPath, { force: true });
  };
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    clearInterval(heartbeat);
    release();
  }
}

/** @param {string} mine */
async function acquire(mine) {
  const startedAt = Date.now();
  let isAnnounced = false;
  while (!tryAcquire(mine)) {
    const holder = readHolder();
    if (holder !== undefined && isStale(holder)) {
      takeAway(holder);
      continue;
    }
    if (!isAnnounced) say('… waiting for another set-up of this directory');
    isAnnounced = true;
    if (Date.now() - startedAt > waitAtMostMs) {
      throw new PhaseError(
        'Another set-up of this directory does not end.',
        `End it, or delete ${lockPath}.`,
      );
    }
    await delay(pollMs);
  }
}

/**
 * @param {string} mine
 * @returns {boolean}
 */
function tryAcquire(mine) {
  try {
    writeFileSync(lockPath, mine, { flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** @returns {string | undefined} */
function readHolder() {
  try {
    return readFileSync(lockPath, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @param {string} holder
 * @returns {boolean}
 */
function isStale(holder) {
  const [host, pid] = holder.split(' ');
  if (host === hostname() && pid !== undefined && !isAlive(Number(pid))) return true;
  try {
    return Date.now() - statSync(lockPath).mtimeMs > staleAfterMs;
  } catch {
    return false;
  }
}

/**
 * @param {number} pid
 * @returns {boolean}
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * Moves the lock away by rename, so that one of several waiting set-ups does it, and puts it back when it turns out
 * to be a fresh one.
 *
 * @param {string} stale
 */
function takeAway(stale) {
  const aside = `${lockPath}.${String(process.pid)}`;
  try {
    renameSync(lockPath, aside);
    if (readFileSync(aside, 'utf8') !== stale) renameSync(aside, lockPath);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 * @returns {boolean}
 */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}
