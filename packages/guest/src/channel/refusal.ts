import { decodeFrame, SovereignError, type ErrorReason, type FrameName } from '@sovereign/protocol';
import { errnoNames, reasonOfErrno } from './errno-reasons.ts';
import { printable } from './printable.ts';

const hints: Readonly<Partial<Record<ErrorReason, string>>> = {
  'file.not-found': 'Check the path; list the directory above it.',
  'file.exists': 'Choose another path, or leave out isExclusive.',
  'file.denied': 'Stay below the roots that the welcome names, and check the permissions.',
  'file.not-directory': 'Check the path: a component of it is a file.',
  'file.is-directory': 'Name a file, or use list or remove with isRecursive.',
  'file.not-empty': 'Set isRecursive to remove it with what it holds.',
  'file.no-space': 'Remove files or raise the limit of the sandbox.',
  'process.not-found': 'List the processes: ended ones are forgotten after a while.',
  'session.not-found': 'Open a session and use the id that it returns.',
  'guest.exhausted': 'Wait for processes to end, or raise the limits of the sandbox.',
  'port.taken': 'Take another port, or end what listens there inside.',
  'tunnel.refused': 'Check that a server listens on that port inside, on loopback or on all addresses.',
  'argument.invalid': 'Correct the argument and call again.',
  'argument.too-large': 'Pass large data through stdin or a file, and shorter paths and lists.',
  'capability.missing': 'This guest cannot do it; choose another backend.',
};

/** We start no process wrongly: what can be invalid of one is its user. */
const userHint =
  'Take a user that the sandbox has: by a name in its /etc/passwd, or a number. On quilt that is 0 to 65535, or 0 alone where this host grants you no ids: `sovereign doctor` says why, and how to be granted some.';

/**
 * The error for a `refused` frame that answers `request`.
 *
 * @throws SovereignError `channel.protocol` when the frame is malformed.
 */
export function readRefusal(request: FrameName, payload: Uint8Array): SovereignError {
  const { errno, operation, subject, message } = decodeFrame('refused', payload);
  const reason = reasonOfErrno(request, errno);
  const what = printable(message === '' ? operation : message);
  const name = errnoNames[errno] ?? `errno ${errno}`;
  const isOfUser = request === 'exec.start' && reason === 'argument.invalid';
  return new SovereignError({
    reason,
    message: `${request} was refused: ${printable(subject)} (${name}${what === '' ? '' : `, ${what}`}).`,
    hint: (isOfUser ? userHint : hints[reason]) ?? 'Look at what the guest reported.',
    context: { request, errno },
  });
}
