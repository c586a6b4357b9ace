/** Who a request comes from, as the token says. */
export interface Caller {
  readonly userId: string
  readonly email?: string | undefined
  readonly name?: string | undefined
}
