let draining = false

/** Makes the service say that it is not ready, so that a load balancer sends no new requests. */
export function startDraining(): void {
  draining = true
}

export function isDraining(): boolean {
  return draining
}
