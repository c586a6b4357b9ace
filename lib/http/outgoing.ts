import { channel } from 'node:diagnostics_channel'

/** A channel with the headers of each request that the service sends. Subscribers may add some. */
export const outgoing = channel('todo-backend:outgoing')
