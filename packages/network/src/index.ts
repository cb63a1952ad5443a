export { NetworkBroker, type NetworkBrokerOptions } from './broker/network-broker.ts';
export { BrokerRecords } from './broker/broker-records.ts';
export { defaultEgressLimits, type EgressLimits } from './egress/limits.ts';
export type { Resolve } from './egress/resolver.ts';
export { parseRule, type EgressRule } from './rules/egress-rule.ts';
export { drawTopologySvg } from './topology/draw-svg.ts';
export { drawTopologyText } from './topology/draw-text.ts';
