/** Who makes a request, as the token says. */
export interface Caller {
  readonly userId: string
  readonly email?: string | undefined
  readonly name?: string | undefined
}
