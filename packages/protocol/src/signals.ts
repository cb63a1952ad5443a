/** Signals of Linux by name, as numbered on x86-64 and arm64 (signal(7)). */
export const signalNumbers = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGSYS: 31,
} as const;
export type SignalName = keyof typeof signalNumbers;

/** Name of a signal number; `SIG<number>` for one without a name of its own (real-time signals). */
export function signalName(number: number): string {
  const found = (Object.keys(signalNumbers) as SignalName[]).find((name) => signalNumbers[name] === number);
  return found ?? `SIG${number}`;
}
