/** Of the process: on Next the host and the routes each have a copy of this module (ADR 0041). */
const shared = globalThis as typeof globalThis & { todoIsDraining?: boolean }

/** From now on the service says that it is not ready, so that a balancer sends nothing new. */
export function startDraining(): void {
  shared.todoIsDraining = true
}

export function isDraining(): boolean {
  return shared.todoIsDraining === true
}
