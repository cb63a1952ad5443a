import { SovereignError } from '@sovereign/protocol';

/** What agents are offered beyond commands by argv, and what `--insecure` takes away (R-TIER-1). */
export const facilityNames = ['shell', 'browser'] as const;
export type FacilityName = (typeof facilityNames)[number];

/** Whether a facility may be used in a sandbox, and why. */
export interface FacilityStatus {
  readonly status: 'enabled' | 'disabled';
  readonly reason: string;
  readonly hint: string;
}

export type Facilities = Readonly<Record<FacilityName, FacilityStatus>>;

export interface FacilitiesInit {
  readonly isInsecure: boolean;
  /** `insecure.allow` of the user's configuration. */
  readonly insecureAllow: readonly FacilityName[];
}

export function facilities(init: FacilitiesInit): Facilities {
  const shell: FacilityStatus = {
    status: 'enabled',
    reason: 'A shell runs inside the sandbox like any command.',
    hint: '',
  };
  const browser: FacilityStatus = {
    status: 'disabled',
    reason: 'No browser tool is installed in this build.',
    hint: 'Run a browser of the sandbox by exec.',
  };
  return { shell: inMode('shell', shell, init), browser: inMode('browser', browser, init) };
}

function inMode(name: FacilityName, status: FacilityStatus, init: FacilitiesInit): FacilityStatus {
  if (!init.isInsecure || init.insecureAllow.includes(name)) return status;
  return {
    status: 'disabled',
    reason: `The ${name} facility is disabled in --insecure mode: commands run on the host with best-effort hardening only.`,
    hint: `Use a stronger tier, or add "${name}" to insecure.allow in your configuration.`,
  };
}

/** @throws SovereignError `facility.disabled` */
export function requireFacility(all: Facilities, name: FacilityName): void {
  const { status, reason, hint } = all[name];
  if (status === 'enabled') return;
  throw new SovereignError({
    reason: 'facility.disabled',
    message: reason,
    hint,
    context: { facility: name },
  });
}
