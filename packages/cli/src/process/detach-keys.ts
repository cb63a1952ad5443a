const ctrlP = 0x10;
const ctrlQ = 0x11;

/**
 * Keys for a terminal until Ctrl-P Ctrl-Q, which ends them and calls `onDetach`. A Ctrl-P alone goes through with the
 * key after it.
 */
export async function* untilDetached(
  keys: AsyncIterable<Uint8Array>,
  onDetach: () => void,
): AsyncGenerator<Uint8Array> {
  let isHeld = false;
  for await (const chunk of keys) {
    const passed: number[] = [];
    for (const key of chunk) {
      if (isHeld && key === ctrlQ) {
        if (passed.length > 0) yield Uint8Array.from(passed);
        onDetach();
        return;
      }
      if (isHeld) passed.push(ctrlP);
      isHeld = key === ctrlP;
      if (!isHeld) passed.push(key);
    }
    if (passed.length > 0) yield Uint8Array.from(passed);
  }
  if (isHeld) yield Uint8Array.of(ctrlP);
}
