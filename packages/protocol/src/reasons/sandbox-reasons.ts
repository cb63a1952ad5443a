/** Reasons of sandboxes: selection, lifecycle, workspaces, launchers, microVMs, snapshots, pools. */
export const sandboxReasons = {
  'tier.unavailable': {
    code: 'UNAVAILABLE',
    retryable: false,
    about: 'The tier asked for by name cannot run on this host. There is no fallback.',
  },
  'tier.none-available': {
    code: 'UNAVAILABLE',
    retryable: false,
    about: 'No tier in the configured order can run on this host.',
  },
  'tier.unhealthy': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'The sandbox came up but did not answer its health check; it was disposed of.',
  },
  'tier.weakened': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'A layer of isolation that the tier needs was not active when verified from inside.',
  },
  'facility.disabled': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about: 'A facility (shell, browser) is disabled in the mode the sandbox runs in.',
  },
  'capability.missing': {
    code: 'UNIMPLEMENTED',
    retryable: false,
    about: 'The backend does not declare the capability that the call needs.',
  },
  'sandbox.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No sandbox has that id or name.' },
  'sandbox.exists': { code: 'ALREADY_EXISTS', retryable: false, about: 'A sandbox of that name exists.' },
  'sandbox.not-running': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'The sandbox is stopped, paused or gone.',
  },
  'sandbox.create-failed': {
    code: 'INTERNAL',
    retryable: true,
    about: 'A step of create failed; what had been made was removed.',
  },
  'sandbox.remove-failed': {
    code: 'INTERNAL',
    retryable: true,
    about: 'Something of the sandbox could not be removed; it stays listed.',
  },
  'sandbox.state-corrupt': {
    code: 'DATA_LOSS',
    retryable: false,
    about: 'The state file of a sandbox cannot be read.',
  },
  'workspace.refused': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about:
      'The directory may not be a workspace: the root directory, a system directory, a home, or not owned by the caller.',
  },
  'snapshot.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No snapshot has that id or name.' },
  'snapshot.failed': {
    code: 'INTERNAL',
    retryable: true,
    about: 'A snapshot could not be taken; nothing of it is left and the guest runs on.',
  },
  'snapshot.incompatible': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'The snapshot was taken with another kernel, CPU model or version.',
  },
  'snapshot.corrupt': {
    code: 'DATA_LOSS',
    retryable: false,
    about: 'A file of a snapshot is missing, cut short or not what it was.',
  },
  'snapshot.in-use': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'Guests that were resumed from the snapshot still share its memory.',
  },
  'microvm.kernel-missing': {
    code: 'UNAVAILABLE',
    retryable: false,
    about: 'No kernel for microVMs was built or installed.',
  },
  'microvm.kernel-invalid': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about: 'The kernel or the root filesystem of a microVM is cut short, or made for another architecture.',
  },
  'microvm.build-failed': {
    code: 'INTERNAL',
    retryable: false,
    about: 'A step of the image pipeline for microVMs failed.',
  },
  'microvm.monitor-refused': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'The monitor of a microVM refused a call; the message has its reason.',
  },
  'microvm.monitor-silent': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'The monitor of a microVM has ended, hangs, or answered with something that is no answer.',
  },
  'guest.crashed': {
    code: 'INTERNAL',
    retryable: true,
    about: 'A microVM or its kernel ended by itself; the last lines of its console say more.',
  },
  'pool.exhausted': {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    about: 'A warm pool has nothing ready for a claim that will not wait, or too many wait already.',
  },
  'pool.exists': { code: 'ALREADY_EXISTS', retryable: false, about: 'A warm pool of that name is open.' },
  'pool.reserved': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: "The sandbox is kept ready by a warm pool and is nobody's yet.",
  },
  'pool.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No warm pool has that name.' },
  'review.refused': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about:
      'A change would run later on the host, leads out of the workspace, or is no file, and was not applied.',
  },
  'review.changed': {
    code: 'ABORTED',
    retryable: false,
    about: 'A path is not what was reviewed any more.',
  },
  'step.not-found': {
    code: 'NOT_FOUND',
    retryable: false,
    about: 'No application has that id, or no such sandbox or directory has one that could be undone.',
  },
  'step.not-recorded': {
    code: 'RESOURCE_EXHAUSTED',
    retryable: false,
    about: 'What an application would replace could not be kept, so nothing was applied.',
  },
  'step.changed': {
    code: 'ABORTED',
    retryable: false,
    about: 'Paths were changed after the application that is to be undone; nothing was undone.',
  },
  'limit.in-use': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'A limit is below what the sandbox uses already; the limit was not changed.',
  },
  'limit.unsupported': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'The host cannot enforce a resource limit that was asked for.',
  },
  'launcher.missing': {
    code: 'UNAVAILABLE',
    retryable: false,
    about: 'A program that brings guests up is not installed.',
  },
  'launcher.failed': {
    code: 'INTERNAL',
    retryable: true,
    about: 'The launcher ended before the guest was up.',
  },
  'shelld.missing': { code: 'UNAVAILABLE', retryable: false, about: 'The guest daemon was not built.' },

  'ledger.unwritable': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'The ledger could not be written; the action was not carried out.',
  },
} as const;
