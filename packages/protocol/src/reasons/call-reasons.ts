/** Reasons of any call: what the caller gave, the ledger, configuration, ourselves. */
export const callReasons = {
  'argument.invalid': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about: 'A value given by the caller is malformed.',
  },
  'argument.too-large': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about: 'A value given by the caller exceeds a limit of the guest channel or the kernel.',
  },
  'operation.cancelled': {
    code: 'CANCELLED',
    retryable: false,
    about: "The caller's AbortSignal ended the call.",
  },
  'ledger.corrupt': { code: 'DATA_LOSS', retryable: false, about: 'The ledger does not verify.' },
  'config.invalid': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about: 'A configuration file cannot be read or has unknown keys.',
  },
  'state.refused': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about: 'A directory that holds state is a link, or does not belong to the caller alone.',
  },
  internal: { code: 'INTERNAL', retryable: false, about: 'A defect of ours.' },
} as const;
