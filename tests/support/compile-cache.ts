import { resolve } from 'node:path'

/**
 * Where the processes that tests start keep the code that Node has compiled, which is almost half of
 * the work of a start. Node compares the source, and only a process that ends by itself adds to it.
 */
export const compileCache = { NODE_COMPILE_CACHE: resolve('.data/compile-cache') }
