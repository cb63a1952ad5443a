import type { Capabilities } from '@sovereign/core';
import { noControlGroups, type Cgroups } from './cgroups.ts';

/**
 * What quilt can do. What depends on the host is found out when it is first read.
 *
 * @param cgroups the control groups of this host
 */
export function quiltCapabilities(cgroups: () => Cgroups): Capabilities {
  return {
    isPersistent: true,
    canStop: true,
    get canPause() {
      return cgroups().controllers.includes('freezer');
    },
    get canSetLimits() {
      return cgroups().version !== 'none';
    },
    get canStats() {
      return cgroups().version !== 'none';
    },
    canDefine: true,
    hasPty: true,
    hasImages: true,
    canReview: true,
    isIsolated: true,
    get shortfalls() {
      if (cgroups().version !== 'none') return {};
      return { canPause: noControlGroups, canSetLimits: noControlGroups, canStats: noControlGroups };
    },
  };
}
