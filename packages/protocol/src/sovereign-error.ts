import { errorReasons, type ErrorCode, type ErrorReason } from './error-registry.ts';

/** Plain data that says what an error is about. Never holds a secret: it crosses the wire and enters the ledger. */
export type ErrorContext = Readonly<Record<string, string | number | boolean>>;

export interface SovereignErrorInit {
  readonly reason: ErrorReason;
  /** *What failed: value (expected).* The hint follows it in what people see. */
  readonly message: string;
  /** What to do next, one sentence or command. */
  readonly hint: string;
  readonly context?: ErrorContext;
  /** Stays in the process: neither cause nor stack crosses the wire. */
  readonly cause?: unknown;
}

/** The shape of an error where it crosses a process border. */
export interface ErrorEnvelope {
  readonly code: ErrorCode;
  readonly reason: ErrorReason;
  readonly message: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly context: ErrorContext;
}

/** The one error of this product: a closed reason, the gRPC code it implies, what to do, and typed context. */
export class SovereignError extends Error {
  readonly reason: ErrorReason;
  readonly hint: string;
  readonly context: ErrorContext;

  constructor(init: SovereignErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'SovereignError';
    this.reason = init.reason;
    this.hint = init.hint;
    this.context = init.context ?? {};
  }

  get code(): ErrorCode {
    return errorReasons[this.reason].code;
  }

  get retryable(): boolean {
    return errorReasons[this.reason].retryable;
  }

  toJSON(): ErrorEnvelope {
    return {
      code: this.code,
      reason: this.reason,
      message: this.message,
      hint: this.hint,
      retryable: this.retryable,
      context: this.context,
    };
  }
}
