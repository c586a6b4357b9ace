/** Global, because on Next the host and the routes each have a copy of this module (ADR 0041). */
const shared = globalThis as typeof globalThis & { todoIsDraining?: boolean }

/** Makes the service say that it is not ready, so that a load balancer sends no new requests. */
export function startDraining(): void {
  shared.todoIsDraining = true
}

export function isDraining(): boolean {
  return shared.todoIsDraining === true
}
