export { diagnose, type TierDiagnosis } from './diagnose.ts';
export { openEngine, type Engine, type EngineOptions } from './engine.ts';
export { drawTopologySvg, drawTopologyText } from '@sovereign/network';
