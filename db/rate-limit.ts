/** How many requests a user may make in how many seconds. */
export interface Quota {
  readonly requests: number
  readonly seconds: number
}

/** What a request that was let through leaves: how many more, and when all of them are back. */
export interface Permit {
  readonly remaining: number
  readonly resetSeconds: number
}

/** Reads what `todo_take_permit` returns. */
export function readPermit(text: string): Permit {
  const [remaining = 0, resetSeconds = 0] = text.split(' ').map(Number)
  return { remaining, resetSeconds }
}
