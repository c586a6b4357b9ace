import { channel } from 'node:diagnostics_channel'

/** Tells of a request that is about to be sent; the message is its headers, to be added to. */
export const outgoing = channel('todo-backend:outgoing')
