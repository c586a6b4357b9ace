import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects all garbage now. */
export const collect: () => void = runInNewContext('gc')

/** How many are left once all garbage is collected. */
export function left(objects: readonly WeakRef<object>[]): number {
  collect()
  return objects.filter((object) => object.deref() !== undefined).length
}
