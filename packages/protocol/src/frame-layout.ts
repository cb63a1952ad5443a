import { frameShapes, frames, type FieldType, type FrameName } from './frame-table.ts';

/** What a field of each type is in TypeScript. */
export interface FieldValues {
  u8: number;
  u16: number;
  u32: number;
  u64: number;
  i32: number;
  str: string;
  bytes: Uint8Array;
  strs: readonly string[];
  rest: Uint8Array;
  addedStr: string;
}

/** The fields of a frame as TypeScript sees them, derived from the frame table. */
export type FrameFields<N extends FrameName> = {
  readonly [F in keyof (typeof frames)[N]['fields']]: (typeof frames)[N]['fields'][F] extends FieldType
    ? FieldValues[(typeof frames)[N]['fields'][F]]
    : never;
};

/** A frame with its header taken apart and its payload still raw: what the receiving side routes by. */
export interface RawFrame {
  readonly type: number;
  readonly channel: number;
  readonly payload: Uint8Array;
}

const frameNames = Object.keys(frames) as FrameName[];

/** Fields in wire order, taken apart once: the codec walks an array and not an object for each frame. */
export const layouts: Readonly<Record<FrameName, readonly (readonly [string, FieldType])[]>> =
  Object.fromEntries(
    frameNames.map((name) => [name, Object.entries(frameShapes[name].fields)]),
  ) as unknown as Readonly<Record<FrameName, readonly (readonly [string, FieldType])[]>>;

/** Frame names by code, for the receiving side. */
export const frameNameByCode: ReadonlyMap<number, FrameName> = new Map(
  frameNames.map((name) => [frames[name].code, name]),
);
