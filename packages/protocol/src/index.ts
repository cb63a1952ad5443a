export { channelGeneration, channelLimits } from './limits.ts';
export {
  changeKinds,
  execFlags,
  exitCauses,
  fileFlags,
  fileKinds,
  layerStates,
  mountFlags,
  signalScopes,
  tunnelKinds,
} from './frame-constants.ts';
export {
  fieldTypes,
  frameShapes,
  frames,
  type FieldType,
  type FrameName,
  type FrameShape,
  type Sender,
} from './frame-table.ts';
export { decodeFrame } from './decode-frame.ts';
export { EncodedStrings, encodeFrame, encodeStrings } from './encode-frame.ts';
export { frameNameByCode, type FrameFields, type RawFrame } from './frame-layout.ts';
export {
  errorCodes,
  errorReasons,
  type ErrorCode,
  type ErrorReason,
  type ReasonShape,
} from './error-registry.ts';
export {
  SovereignError,
  type ErrorContext,
  type ErrorEnvelope,
  type SovereignErrorInit,
} from './sovereign-error.ts';
export {
  backendNames,
  runtimeLine,
  tierRank,
  tiers,
  type BackendName,
  type Layer,
  type LayerState,
  type Tier,
  type TierReport,
} from './tier.ts';
export { signalNumbers, signalName, type SignalName } from './signals.ts';
