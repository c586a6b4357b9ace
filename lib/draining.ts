let draining = false

/** From now on the service says that it is not ready, so that a balancer sends nothing new. */
export function startDraining(): void {
  draining = true
}

export function isDraining(): boolean {
  return draining
}
